//! The plugin whose errors docs/running-in-ekuiper.md shows. `ci/interop` runs it
//! under a real eKuiper and compares the texts.

use std::fs::File;
use std::io::Write;
use std::net::TcpStream;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use ekuiper::log::{debug, info};
use ekuiper::serde_json::json;
use ekuiper::{
    Args, Config, Data, Expr, Function, FunctionContext, PluginConfig, Sink, SinkContext, Source,
    SourceContext, Value, plugin,
};
use serde::Deserialize;

fn main() -> ExitCode {
    plugin::start(
        PluginConfig::new("weather")
            .source("weather", Weather::default)
            .sink("archive", Archive::default)
            .function("c_to_f", || CToF),
    )
}

/// Emits the temperature of the first city every 100 ms.
#[derive(Default)]
struct Weather {
    settings: Settings,
}

#[derive(Default, Deserialize)]
struct Settings {
    cities: Vec<String>,
    /// The address of the weather service; without it, the source makes up numbers.
    server: Option<String>,
}

impl Source for Weather {
    fn configure(&mut self, _datasource: &str, config: &Config) -> ekuiper::Result {
        self.settings = config.parse()?;
        Ok(())
    }

    fn open(&mut self, ctx: &SourceContext) -> ekuiper::Result {
        let city = &self.settings.cities[0];
        if let Some(server) = &self.settings.server {
            TcpStream::connect(server).map_err(|error| format!("{server}: {error}"))?;
        }
        info!(logger: ctx.logger(), "asks for {city}");
        while ctx.sleep(Duration::from_millis(100)) {
            debug!(logger: ctx.logger(), "asks again");
            ctx.emit(json!({"city": city, "celsius": 21.5}))?;
        }
        Ok(())
    }
}

/// Appends rows to a file.
#[derive(Default)]
struct Archive {
    path: PathBuf,
}

impl Sink for Archive {
    fn configure(&mut self, config: &Config) -> ekuiper::Result {
        #[derive(Deserialize)]
        struct Settings {
            path: PathBuf,
        }
        self.path = config.parse::<Settings>()?.path;
        Ok(())
    }

    fn open(&mut self, _ctx: &SinkContext) -> ekuiper::Result {
        if self.path.is_dir() {
            return Err(format!("{} is a directory", self.path.display()).into());
        }
        Ok(())
    }

    fn collect(&mut self, _ctx: &SinkContext, data: Data<'_>) -> ekuiper::Result {
        let file = File::options().create(true).append(true).open(&self.path);
        let mut file = file.map_err(|error| format!("{}: {error}", self.path.display()))?;
        file.write_all(format!("{data}\n").as_bytes())?;
        Ok(())
    }
}

/// Converts degrees Celsius to degrees Fahrenheit.
struct CToF;

impl Function for CToF {
    fn validate(&mut self, args: &[Expr]) -> ekuiper::Result {
        match args.len() {
            1 => Ok(()),
            count => Err(format!("expected one argument, found {count}").into()),
        }
    }

    fn exec(&mut self, args: Args, _ctx: &FunctionContext) -> ekuiper::Result<Value> {
        let celsius: f64 = args.parse(0)?;
        if celsius < -273.15 {
            panic!("{celsius} is below the absolute zero");
        }
        Ok((celsius * 1.8 + 32.0).into())
    }
}

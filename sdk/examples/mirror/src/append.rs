//! The sink `append`: appends each row to a file as one line of JSON.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use ekuiper::log::info;
use ekuiper::metadata::{JsonSchema, schemars};
use ekuiper::{Data, Sink, SinkContext, Value};
use serde::Deserialize;

/// Appends rows to a file, or logs them if no path is configured.
pub struct Append {
    file: Option<File>,
}

// Other properties of a rule's action, such as `sendSingle`, are for the host.
/// Appends each row to a file as one line of JSON.
#[derive(Default, Deserialize, JsonSchema)]
#[serde(default)]
pub struct AppendConfig {
    /// The path of the file. Without it the rows are logged.
    path: Option<PathBuf>,
}

impl Append {
    /// Opens the file, which is created if it does not exist. An error refuses the
    /// start.
    pub fn new(config: AppendConfig) -> Result<Self, String> {
        let open = |path: PathBuf| {
            let file = File::options().create(true).append(true).open(&path);
            file.map_err(|error| format!("config.path: {}: {error}", path.display()))
        };
        let file = config.path.map(open).transpose()?;
        Ok(Append { file })
    }
}

impl Sink for Append {
    fn collect(&mut self, ctx: &SinkContext, data: Data<'_>) -> ekuiper::Result {
        for row in data.rows::<Value>()? {
            match &mut self.file {
                // One write per row, so that lines of several writers do not mix.
                Some(file) => file.write_all(format!("{row}\n").as_bytes())?,
                None => info!(logger: ctx.logger(), "{row}"),
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekuiper::serde_json::json;
    use ekuiper::testing::{self, Ack};

    #[test]
    fn each_row_of_a_message_becomes_a_line() {
        let path = std::env::temp_dir().join(format!("mirror-{}.jsonl", std::process::id()));
        let mut sink = testing::sink(Append::new)
            .config(json!({"path": path}))
            .open()
            .unwrap();

        assert_eq!(sink.feed(r#"{"n":1}"#), [Ack::Ok]);
        assert_eq!(sink.feed(r#"[{"n":2},{"n":3}]"#), [Ack::Ok]);
        sink.close().unwrap();

        assert_eq!(
            std::fs::read_to_string(&path).unwrap(),
            "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n"
        );
        std::fs::remove_file(path).unwrap();
    }

    #[test]
    fn a_message_that_is_not_json_fails_and_the_next_one_works() {
        let mut sink = testing::sink(Append::new).open().unwrap();

        assert!(matches!(&sink.feed("c=1")[..], [Ack::Error(_)]));
        assert_eq!(sink.feed(r#"{"n":1}"#), [Ack::Ok]);
    }

    #[test]
    fn a_path_that_cannot_be_opened_is_refused() {
        let refusal = testing::sink(Append::new)
            .config(json!({"path": "/"}))
            .open();

        assert!(
            refusal
                .unwrap_err()
                .to_string()
                .starts_with("configure: config.path: /: ")
        );
    }
}

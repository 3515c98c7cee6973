//! A plugin whose rows are images: random bytes, as base64 in JSON.
//!
//! - `camera` (source) emits rows `{"n":…,"image":…}`, with a pause before each.
//! - `negative` (function) returns an image with each bit inverted.
//! - `album` (sink) appends a line to a file for each row: the number of bytes of its
//!   `image`, and whether its `r` is the negative of that, if it has one.

use std::fs::File;
use std::io::Write;
use std::iter::repeat_with;
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use ekuiper::{
    Bytes, Data, PluginConfig, Sink, SinkContext, Source, SourceContext, Stream, plugin,
    serde_json::json,
};
use serde::{Deserialize, Serialize};

#[derive(Deserialize)]
struct CameraConfig {
    bytes: usize,
    #[serde(with = "ekuiper::duration")]
    pause: Duration,
}

struct Camera {
    config: CameraConfig,
}

#[derive(Serialize)]
struct Photo {
    n: u64,
    image: Bytes,
}

impl Camera {
    fn new(config: CameraConfig, _stream: &Stream) -> ekuiper::Result<Self> {
        Ok(Self { config })
    }
}

impl Source for Camera {
    fn open(&mut self, ctx: &SourceContext) -> ekuiper::Result {
        let mut random = 0x2545_f491_4f6c_dd1d_u64;
        // The generator `xorshift64`.
        let byte = || {
            random ^= random << 13;
            random ^= random >> 7;
            random ^= random << 17;
            random.to_be_bytes()[0]
        };
        let mut image: Vec<u8> = repeat_with(byte).take(self.config.bytes).collect();
        for n in 0.. {
            if !ctx.sleep(self.config.pause) {
                break;
            }
            // Each image is another one.
            image.rotate_left(1);
            let image = Bytes::from(image.as_slice());
            ctx.emit(Photo { n, image })?;
        }
        Ok(())
    }
}

fn negative(mut image: Bytes) -> Bytes {
    for byte in image.iter_mut() {
        *byte = !*byte;
    }
    image
}

#[derive(Deserialize)]
struct AlbumConfig {
    path: PathBuf,
}

struct Album {
    file: File,
}

#[derive(Deserialize)]
struct Page {
    n: u64,
    image: Bytes,
    r: Option<Bytes>,
}

impl Album {
    fn new(config: AlbumConfig) -> ekuiper::Result<Self> {
        let file = File::options()
            .create(true)
            .append(true)
            .open(&config.path)?;
        Ok(Self { file })
    }
}

impl Sink for Album {
    fn collect(&mut self, _ctx: &SinkContext, data: Data<'_>) -> ekuiper::Result {
        for Page { n, image, r } in data.rows::<Page>()? {
            let mut line = json!({"n": n, "bytes": image.len()});
            if let Some(r) = r {
                let is_negative = negative(image) == r;
                line["r"] = is_negative.into();
            }
            self.file.write_all(format!("{line}\n").as_bytes())?;
        }
        Ok(())
    }
}

fn main() -> ExitCode {
    plugin::start(
        PluginConfig::new("images")
            .source("camera", Camera::new)
            .sink("album", Album::new)
            .function("negative", negative),
    )
}

//! The sink `lines`: appends each row to a file as one line of JSON.

use std::fs::File;
use std::io::Write;
use std::path::PathBuf;

use ekuiper::log::info;
use ekuiper::{Data, Sink, SinkContext, Value};
use serde::Deserialize;

/// The properties of the rule's action that the sink uses.
#[derive(Debug, Deserialize)]
pub struct LinesConfig {
    /// The file to append to. Without it the rows are logged.
    path: Option<PathBuf>,
}

/// Appends rows to a file.
#[derive(Debug)]
pub struct Lines {
    file: Option<File>,
}

impl Lines {
    /// Opens the file, which is created if it does not exist. An error refuses the
    /// rule.
    pub fn new(config: LinesConfig) -> ekuiper::Result<Self> {
        let Some(path) = config.path else {
            return Ok(Lines { file: None });
        };
        match File::options().create(true).append(true).open(&path) {
            Ok(file) => Ok(Lines { file: Some(file) }),
            Err(error) => Err(format!("config.path: {}: {error}", path.display()).into()),
        }
    }
}

impl Sink for Lines {
    /// Receives one row or a batch. The result is the ack, if the rule requires one.
    fn collect(&mut self, ctx: &SinkContext, data: Data<'_>) -> ekuiper::Result {
        for row in data.rows::<Value>()? {
            match &mut self.file {
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
        let path = std::env::temp_dir().join(format!("lines-{}", std::process::id()));
        let mut sink = testing::sink(Lines::new)
            .config(json!({"path": path}))
            .open()
            .unwrap();

        assert_eq!(sink.feed(r#"{"n":1}"#), [Ack::Ok]);
        assert_eq!(sink.feed(r#"[{"n":2},{"n":3}]"#), [Ack::Ok]);
        sink.close().unwrap();

        let written = std::fs::read_to_string(&path).unwrap();
        std::fs::remove_file(path).unwrap();
        assert_eq!(written, "{\"n\":1}\n{\"n\":2}\n{\"n\":3}\n");
    }

    #[test]
    fn a_message_that_is_not_json_fails_and_the_next_one_works() {
        let mut sink = testing::sink(Lines::new).open().unwrap();

        assert!(matches!(&sink.feed("n=1")[..], [Ack::Error(_)]));
        assert_eq!(sink.feed(r#"{"n":1}"#), [Ack::Ok]);
    }

    #[test]
    fn a_path_that_cannot_be_opened_is_refused() {
        let refusal = testing::sink(Lines::new)
            .config(json!({"path": "/"}))
            .open();

        assert_eq!(
            refusal.unwrap_err().to_string(),
            "configure: config.path: /: Is a directory (os error 21)"
        );
    }
}

//! The sink `print`: logs each message that it receives.

use ekuiper::log::info;
use ekuiper::{Config, Data, Sink, SinkContext};

pub struct Print;

impl Sink for Print {
    fn configure(&mut self, _config: &Config) -> ekuiper::Result {
        info!("configure print sink");
        Ok(())
    }

    fn open(&mut self, ctx: &SinkContext) -> ekuiper::Result {
        info!("open print sink: {ctx:?}");
        Ok(())
    }

    fn collect(&mut self, _ctx: &SinkContext, data: Data<'_>) -> ekuiper::Result {
        info!("receive: {data}");
        Ok(())
    }

    fn close(&mut self, _ctx: &SinkContext) -> ekuiper::Result {
        info!("closing print sink");
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use ekuiper::testing::{self, Ack};

    #[test]
    fn any_message_is_acked() {
        let mut sink = testing::sink(Print).open().unwrap();

        assert_eq!(sink.feed(r#"[{"name":"pyjson"}]"#), [Ack::Ok]);
        assert_eq!(sink.feed("c=1"), [Ack::Ok]);

        sink.close().unwrap();
    }
}

//! Which acks leave, in memory.

use super::*;
use crate::context::Identity;

/// Keeps as many acks as it has room for.
struct Reader {
    room: Mutex<usize>,
    read: Mutex<Vec<String>>,
}

impl AckOutlet for Reader {
    fn offer(&self, ack: &[u8]) -> bool {
        let mut room = self.room.lock().unwrap();
        if *room == 0 {
            return false;
        }
        *room -= 1;
        let ack = String::from_utf8(ack.to_vec()).unwrap();
        self.read.lock().unwrap().push(ack);
        true
    }
}

fn context(room: usize) -> (SinkContext, Arc<Reader>) {
    let reader = Arc::new(Reader {
        room: Mutex::new(room),
        read: Mutex::default(),
    });
    let instance = context::Instance::new("s", Identity::default());
    (SinkContext::new(instance, Arc::clone(&reader) as _), reader)
}

/// Does with a row what the row says.
#[derive(Default)]
struct Obedient {
    by_hand: bool,
}

impl Sink for Obedient {
    fn configure(&mut self, _config: &Config) -> crate::Result {
        Ok(())
    }

    fn collect(&mut self, ctx: &SinkContext, data: Data<'_>) -> crate::Result {
        match data.as_bytes() {
            b"fail" => return Err("disk full".into()),
            b"panic" => panic!("no disk"),
            b"hand ok" => ctx.ack_ok(),
            b"hand error" => ctx.ack_error("by hand"),
            b"hand ok, then fail" => {
                ctx.ack_ok();
                return Err("too late".into());
            }
            _ => {}
        }
        Ok(())
    }

    fn acks_by_hand(&self) -> bool {
        self.by_hand
    }
}

#[test]
fn acks_go_together_while_more_rows_are_here_and_at_once_behind_the_last() {
    let (ctx, reader) = context(9);
    let mut collector = Collector::open(Box::new(Obedient::default()), &ctx).unwrap();
    let begin = Instant::now();

    ctx.expect_more(true);
    collector.collect(&ctx, b"row").unwrap();
    collector.collect(&ctx, b"row").unwrap();
    let put_off = reader.read.lock().unwrap().len();
    // On a machine that pauses they are not put off for longer than they may be.
    assert!(put_off == 0 || begin.elapsed() >= PUT_OFF);
    ctx.expect_more(false);
    collector.collect(&ctx, b"row").unwrap();

    assert_eq!(*reader.read.lock().unwrap(), ["{}", "{}", "{}"]);
}

#[test]
fn acks_are_not_put_off_for_longer_than_a_millisecond() {
    let (ctx, reader) = context(9);
    let mut collector = Collector::open(Box::new(Obedient::default()), &ctx).unwrap();

    ctx.expect_more(true);
    collector.collect(&ctx, b"row").unwrap();
    std::thread::sleep(PUT_OFF);
    collector.collect(&ctx, b"row").unwrap();

    assert_eq!(*reader.read.lock().unwrap(), ["{}", "{}"]);
}

#[test]
fn the_outcome_of_collect_is_the_ack() {
    let (ctx, reader) = context(9);
    let mut collector = Collector::open(Box::new(Obedient::default()), &ctx).unwrap();

    for row in ["row", "fail", "row"] {
        collector.collect(&ctx, row.as_bytes()).unwrap();
    }

    assert_eq!(
        *reader.read.lock().unwrap(),
        ["{}", r#"{"error":"disk full"}"#, "{}"]
    );
}

#[test]
fn a_row_acked_by_hand_is_acked_once() {
    let (ctx, reader) = context(9);
    let mut collector = Collector::open(Box::new(Obedient::default()), &ctx).unwrap();

    for row in ["hand error", "hand ok", "hand ok, then fail", "row"] {
        collector.collect(&ctx, row.as_bytes()).unwrap();
    }

    assert_eq!(
        *reader.read.lock().unwrap(),
        [r#"{"error":"by hand"}"#, "{}", "{}", "{}"]
    );
}

#[test]
fn a_sink_that_acks_all_by_hand_may_do_so_later() {
    let (ctx, reader) = context(9);
    let sink = Box::new(Obedient { by_hand: true });
    let mut collector = Collector::open(sink, &ctx).unwrap();

    for row in ["row", "row", "fail"] {
        collector.collect(&ctx, row.as_bytes()).unwrap();
    }
    assert!(reader.read.lock().unwrap().is_empty());
    ctx.ack_ok();
    ctx.ack_error("row 2");
    ctx.ack_ok();

    assert_eq!(
        *reader.read.lock().unwrap(),
        ["{}", r#"{"error":"row 2"}"#, "{}"]
    );
}

#[test]
fn a_panic_is_the_rows_ack() {
    let (ctx, reader) = context(9);
    let mut collector = Collector::open(Box::new(Obedient::default()), &ctx).unwrap();

    let panic = collector.collect(&ctx, b"panic").unwrap_err();

    assert_eq!(panic, "panic: no disk");
    assert_eq!(
        *reader.read.lock().unwrap(),
        [r#"{"error":"panic: no disk"}"#]
    );
}

#[test]
fn acks_that_nobody_reads_wait_in_order() {
    let (ctx, reader) = context(1);
    let mut collector = Collector::open(Box::new(Obedient::default()), &ctx).unwrap();
    for row in ["row", "row", "fail", "row"] {
        collector.collect(&ctx, row.as_bytes()).unwrap();
    }
    assert_eq!(ctx.pump(), Backlog::Stuck);

    *reader.room.lock().unwrap() = 2;
    assert_eq!(ctx.pump(), Backlog::Shrinking);
    *reader.room.lock().unwrap() = 9;
    assert_eq!(ctx.pump(), Backlog::None);

    assert_eq!(
        *reader.read.lock().unwrap(),
        ["{}", "{}", r#"{"error":"disk full"}"#, "{}"]
    );
}

//! Which acks are sent, tested without a socket.

use super::collector::Collector;
use super::*;
use crate::context::Identity;
use crate::panics;

/// Accepts as many acks as it has room for.
pub(super) struct Reader {
    room: Mutex<usize>,
    read: Mutex<Vec<String>>,
}

impl Reader {
    /// Returns the acks that were read, and forgets them.
    pub(super) fn take(&self) -> Vec<String> {
        std::mem::take(&mut self.read.lock().unwrap())
    }
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

pub(super) fn context(room: usize) -> (SinkContext, Arc<Reader>) {
    let reader = Arc::new(Reader {
        room: Mutex::new(room),
        read: Mutex::default(),
    });
    let info = InstanceInfo::new("s", Identity::default());
    (SinkContext::new(info, Arc::clone(&reader) as _), reader)
}

/// A sink that does what each row says.
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
            b"unprintable" => return Err(panics::Unprintable.into()),
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
fn acks_are_delayed_while_more_rows_have_arrived_and_sent_after_the_last_row() {
    let (ctx, reader) = context(9);
    let mut collector = Collector::open(Box::new(Obedient::default()), &ctx).unwrap();
    let begin = Instant::now();

    ctx.expect_more(true);
    collector.collect(&ctx, b"row").unwrap();
    collector.collect(&ctx, b"row").unwrap();
    let sent = reader.read.lock().unwrap().len();
    // On a busy machine the longest delay may have passed already.
    assert!(sent == 0 || begin.elapsed() >= MOST_DELAY);
    ctx.expect_more(false);
    collector.collect(&ctx, b"row").unwrap();

    assert_eq!(*reader.read.lock().unwrap(), ["{}", "{}", "{}"]);
}

#[test]
fn acks_are_delayed_for_at_most_a_millisecond() {
    let (ctx, reader) = context(9);
    let mut collector = Collector::open(Box::new(Obedient::default()), &ctx).unwrap();

    ctx.expect_more(true);
    collector.collect(&ctx, b"row").unwrap();
    std::thread::sleep(MOST_DELAY);
    collector.collect(&ctx, b"row").unwrap();

    assert_eq!(*reader.read.lock().unwrap(), ["{}", "{}"]);
}

#[test]
fn the_result_of_collect_is_sent_as_the_ack() {
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
fn a_sink_that_acks_by_hand_may_do_so_after_collect() {
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
fn the_location_and_message_of_a_panic_are_sent_as_the_ack() {
    let (ctx, reader) = context(9);
    let mut collector = Collector::open(Box::new(Obedient::default()), &ctx).unwrap();

    let panic = collector.collect(&ctx, b"panic").unwrap_err();

    let text = panics::expected(
        file!(),
        include_str!("tests.rs"),
        r#"panic!("no disk")"#,
        "no disk",
    );
    assert_eq!(panic, text);
    assert_eq!(
        *reader.read.lock().unwrap(),
        [format!(r#"{{"error":"{text}"}}"#)]
    );
}

#[test]
fn an_error_that_panics_while_it_is_formatted_is_acked_as_a_panic() {
    let (ctx, reader) = context(9);
    let mut collector = Collector::open(Box::new(Obedient::default()), &ctx).unwrap();

    let panic = collector.collect(&ctx, b"unprintable").unwrap_err();

    assert!(panic.ends_with(": no words"), "{panic}");
    assert_eq!(
        *reader.read.lock().unwrap(),
        [format!(r#"{{"error":"{panic}"}}"#)]
    );
}

#[test]
fn unread_acks_wait_in_the_order_of_their_rows() {
    let (ctx, reader) = context(1);
    let mut collector = Collector::open(Box::new(Obedient::default()), &ctx).unwrap();
    for row in ["row", "row", "fail", "row"] {
        collector.collect(&ctx, row.as_bytes()).unwrap();
    }
    assert!(!ctx.pump());

    *reader.room.lock().unwrap() = 2;
    assert!(!ctx.pump());
    *reader.room.lock().unwrap() = 9;
    assert!(ctx.pump());

    assert_eq!(
        *reader.read.lock().unwrap(),
        ["{}", "{}", r#"{"error":"disk full"}"#, "{}"]
    );
}

#[test]
fn an_ack_by_hand_is_sent_with_those_before_it_once_there_is_room() {
    let (ctx, reader) = context(1);
    ctx.ack_ok();
    ctx.ack_ok();
    ctx.ack_error("full");
    assert_eq!(reader.take(), ["{}"]);

    // Nobody tells the instance's thread, which may be busy with a row.
    *reader.room.lock().unwrap() = 9;
    ctx.ack_ok();

    assert_eq!(reader.take(), ["{}", r#"{"error":"full"}"#, "{}"]);
}

#[test]
fn dropped_acks_are_warned_of_each_time_that_they_have_doubled() {
    let mut waiting = WaitingAcks::default();

    let warned = |count: &u64| waiting.warning_due(Some(*count)).is_some();
    let one_by_one: Vec<u64> = (1..=9).filter(warned).collect();
    let in_batches: Vec<u64> = (1..=9).map(|batch| batch * 500).collect();
    let warned = |count: &u64| waiting.warning_due(Some(*count)).is_some();
    let in_batches: Vec<u64> = in_batches.into_iter().filter(warned).collect();

    assert_eq!(one_by_one, [1, 2, 4, 8]);
    assert_eq!(in_batches, [500, 1000, 1500, 2500, 4500]);
    assert_eq!(waiting.warning_due(None), None);
}

//! What `emit` writes, and what it rejects.

use std::collections::HashMap;
use std::sync::Mutex;

use serde::Serializer;
use serde_json::{json, value::RawValue};

use super::*;
use crate::context::Identity;

#[derive(Default)]
struct Kept(Mutex<Vec<String>>);

impl Outlet for Kept {
    fn send(&self, row: &[u8]) -> bool {
        let row = String::from_utf8(row.to_vec()).unwrap();
        self.0.lock().unwrap().push(row);
        true
    }

    fn try_send(&self, row: &[u8]) -> Result<(), EmitError> {
        if !self.0.lock().unwrap().is_empty() {
            return Err(EmitError::Full);
        }
        self.send(row);
        Ok(())
    }

    fn room(&self) -> &crate::wakers::Wakers {
        unreachable!("no task waits")
    }
}

fn context() -> (SourceContext, Arc<Kept>) {
    let kept = Arc::new(Kept::default());
    let info = InstanceInfo::new("s", Identity::default());
    (SourceContext::new(info, Arc::clone(&kept) as _), kept)
}

#[test]
fn a_row_is_an_object_of_message_and_meta() {
    #[derive(Serialize)]
    struct Reading {
        temperature: f64,
    }
    let (ctx, kept) = context();

    ctx.emit(Reading { temperature: 21.5 }).unwrap();
    let message = json!({"a": "x\"y"});
    ctx.emit_with(&message, HashMap::from([("topic", "t")]))
        .unwrap();
    ctx.emit_with(
        RawValue::from_string("{ \"raw\": 1 }".into()).unwrap(),
        None::<()>,
    )
    .unwrap();

    assert_eq!(
        *kept.0.lock().unwrap(),
        [
            r#"{"message":{"temperature":21.5},"meta":null}"#,
            r#"{"message":{"a":"x\"y"},"meta":{"topic":"t"}}"#,
            r#"{"message":{ "raw": 1 },"meta":null}"#,
        ]
    );
}

#[test]
fn a_part_that_is_not_an_object_is_an_error_and_nothing_is_sent() {
    let (ctx, kept) = context();

    for message in [
        json!(null),
        json!(7),
        json!("x"),
        json!([{"a": 1}]),
        json!(true),
    ] {
        let error = ctx.emit(message).unwrap_err();

        assert!(matches!(error, EmitError::NotAnObject { part: "message" }));
    }
    for meta in [json!(7), json!("null"), json!([]), json!(false)] {
        let error = ctx.emit_with(json!({}), meta).unwrap_err();

        assert!(matches!(error, EmitError::NotAnObject { part: "meta" }));
    }
    assert!(kept.0.lock().unwrap().is_empty());
}

#[test]
fn a_message_that_cannot_be_json_is_an_error_and_nothing_is_sent() {
    let (ctx, kept) = context();

    let error = ctx.emit(HashMap::from([((1, 2), 3)])).unwrap_err();

    assert_eq!(error.to_string(), "message cannot be written as JSON");
    assert!(kept.0.lock().unwrap().is_empty());
}

#[test]
fn a_message_may_emit_another_row_while_it_is_serialized() {
    struct Nested<'a>(&'a SourceContext);
    impl Serialize for Nested<'_> {
        fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
            self.0.emit(json!({"inner": 1})).unwrap();
            json!({"outer": 1}).serialize(serializer)
        }
    }
    let (ctx, kept) = context();

    ctx.emit(Nested(&ctx)).unwrap();

    assert_eq!(
        *kept.0.lock().unwrap(),
        [
            r#"{"message":{"inner":1},"meta":null}"#,
            r#"{"message":{"outer":1},"meta":null}"#
        ]
    );
}

#[test]
fn emit_error_sends_nothing() {
    let (ctx, kept) = context();

    ctx.emit_error("sensor gone");

    assert!(kept.0.lock().unwrap().is_empty());
}

#[test]
fn nothing_is_emitted_after_the_stop() {
    let (ctx, kept) = context();
    ctx.info.stop.set();

    let error = ctx.emit(json!({})).unwrap_err();

    assert!(matches!(error, EmitError::Stopped));
    assert!(kept.0.lock().unwrap().is_empty());
}

#[test]
fn try_emit_says_that_the_channel_is_full_and_checks_the_row_first() {
    let (ctx, kept) = context();

    ctx.try_emit_with(json!({"n": 0}), json!({"k": 1})).unwrap();
    let full = ctx.try_emit(json!({"n": 1})).unwrap_err();
    let invalid = ctx.try_emit(json!(2)).unwrap_err();

    assert!(matches!(full, EmitError::Full));
    assert_eq!(
        full.to_string(),
        "the channel is full: emit the row again later, or wait for room with `emit`"
    );
    assert!(matches!(
        invalid,
        EmitError::NotAnObject { part: "message" }
    ));
    assert_eq!(
        *kept.0.lock().unwrap(),
        [r#"{"message":{"n":0},"meta":{"k":1}}"#]
    );
}

#[test]
fn try_emit_after_the_stop_sends_nothing() {
    let (ctx, kept) = context();
    ctx.info.stop.set();

    let error = ctx.try_emit(json!({})).unwrap_err();

    assert!(matches!(error, EmitError::Stopped));
    assert!(kept.0.lock().unwrap().is_empty());
}

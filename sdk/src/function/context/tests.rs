//! Which state a call finds, and how much is kept.

use std::panic::{AssertUnwindSafe, catch_unwind};

use super::*;

fn ids(call: usize) -> String {
    format!(r#"{{"ruleId":"r","opId":"o","instanceId":0,"funcId":{call}}}"#)
}

/// Adds 1 to the state of a call, and returns the new value.
fn count(sites: &mut Sites, text: &str) -> u64 {
    let ctx = sites.context("f", text, &Arc::default()).unwrap();
    ctx.with_state(|rows: &mut u64| {
        *rows += 1;
        *rows
    })
}

#[test]
fn each_of_the_four_ids_separates_states() {
    let mut sites = Sites::default();
    let texts = [
        r#"{"ruleId":"r","opId":"o","instanceId":0,"funcId":1}"#,
        r#"{"ruleId":"s","opId":"o","instanceId":0,"funcId":1}"#,
        r#"{"ruleId":"r","opId":"p","instanceId":0,"funcId":1}"#,
        r#"{"ruleId":"r","opId":"o","instanceId":1,"funcId":1}"#,
        r#"{"ruleId":"r","opId":"o","instanceId":0,"funcId":2}"#,
    ];

    let first = texts.map(|text| count(&mut sites, text));
    let second = texts.map(|text| count(&mut sites, text));
    let in_another_order = count(
        &mut sites,
        r#"{"funcId":1,"instanceId":0,"opId":"o","ruleId":"r"}"#,
    );

    assert_eq!(first, [1; 5]);
    assert_eq!(second, [2; 5]);
    assert_eq!(in_another_order, 3);
}

#[test]
fn each_type_has_its_own_state_and_may_be_used_inside_another() {
    let ctx = Sites::default()
        .context("f", &ids(0), &Arc::default())
        .unwrap();

    ctx.with_state(|text: &mut String| {
        text.push('x');
        ctx.with_state(|length: &mut usize| *length = text.len() + 6);
    });

    assert_eq!(ctx.with_state(|text: &mut String| text.clone()), "x");
    assert_eq!(ctx.with_state(|length: &mut usize| *length), 7);
}

#[test]
fn a_panic_leaves_the_state_usable() {
    let ctx = Sites::default()
        .context("f", &ids(0), &Arc::default())
        .unwrap();

    let panic = catch_unwind(AssertUnwindSafe(|| {
        ctx.with_state(|total: &mut f64| {
            *total += 1.5;
            panic!("half way");
        })
    }));

    assert!(panic.is_err());
    assert_eq!(ctx.with_state(|total: &mut f64| *total), 1.5);
}

#[test]
fn the_state_of_the_4096_calls_used_most_recently_is_kept() {
    let mut sites = Sites::default();

    for call in 0..4096 {
        assert_eq!(count(&mut sites, &ids(call)), 1);
    }
    for call in 0..4096 {
        assert_eq!(count(&mut sites, &ids(call)), 2);
    }
    assert!(!sites.has_warned);

    // A call that is used all the time stays, although it is the oldest.
    for call in 4096..20_000 {
        assert_eq!(count(&mut sites, &ids(call)), 1);
        assert_eq!(count(&mut sites, &ids(0)), 3 + (call as u64 - 4096));
    }
    assert!(sites.has_warned);
    for call in (20_000 - 4095)..20_000 {
        assert_eq!(count(&mut sites, &ids(call)), 2, "{call}");
    }
    assert_eq!(count(&mut sites, &ids(1)), 1);
}

#[test]
fn a_dropped_context_without_state_causes_no_warning() {
    let mut sites = Sites::default();

    for call in 0..20_000 {
        sites.context("f", &ids(call), &Arc::default()).unwrap();
    }

    assert!(!sites.has_warned);
}

#[test]
fn what_is_kept_is_limited_in_number_and_size() {
    let mut sites = Sites::default();
    let long = |rule: usize| {
        let id = "r".repeat(100_000 + rule);
        format!(r#"{{"ruleId":"{id}","opId":"o"}}"#)
    };

    for rule in 0..50 {
        assert_eq!(count(&mut sites, &long(rule)), 1);
        let space = " ".repeat(100_000 + rule);
        assert_eq!(count(&mut sites, &(space + &ids(1))), rule as u64 + 1);
    }
    for call in 0..10_000 {
        count(&mut sites, &ids(call));
    }

    assert_eq!(count(&mut sites, &long(0)), 1);
    assert!(sites.contexts.len() <= MOST_SITES + DROPPED);
    assert!(sites.by_text.len() <= MOST_TEXTS);
    assert!(sites.by_text.keys().all(|text| text.len() <= LONGEST_TEXT));
}

#[test]
fn a_panic_while_an_old_state_is_dropped_does_not_reach_the_call() {
    #[derive(Default)]
    struct Bad(bool);
    impl Drop for Bad {
        fn drop(&mut self) {
            assert!(!self.0, "in drop");
        }
    }
    let mut sites = Sites::default();
    let first = sites.context("f", &ids(0), &Arc::default()).unwrap();
    first.with_state(|bad: &mut Bad| bad.0 = true);
    drop(first);

    for call in 1..=MOST_SITES + DROPPED {
        sites.context("f", &ids(call), &Arc::default()).unwrap();
    }

    let again = sites.context("f", &ids(0), &Arc::default()).unwrap();
    assert!(!again.has_state());
}

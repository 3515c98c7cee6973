//! `mock_kuiper::scenario` in a test in Rust.

use std::panic;
use std::path::Path;

use mock_kuiper::scenario::{Filter, Runner, RunnerError, Verdict};

use super::common::Place;
use crate::support::processes::wait_until;

const TWO: &str = "plugin: plugin
cases:
- {name: good, function: echo, calls: [{args: [hi], result: hi}]}
- {name: bad, function: echo, calls: [{args: [hi], result: ho}]}
";

fn runner(place: &Place) -> Runner {
    let binary = Path::new(env!("CARGO_BIN_EXE_mock-kuiper"));
    let executable = binary.with_file_name("examples").join("probe");
    // The executable that the plugin's json names does not exist.
    std::fs::remove_file(place.path("plugin/probe")).unwrap();
    Runner::new([place.path("a.test.yaml")]).executable(executable)
}

#[test]
fn a_test_in_rust_runs_a_file_on_its_own_executable() -> Result<(), RunnerError> {
    let place = Place::with(TWO);

    let results = runner(&place)
        .filter(Filter::Exactly("good".to_owned()))
        .run()?;

    results.assert_passed();
    assert_eq!(results.count(Verdict::Passed), 1);
    assert_eq!(results.plugins, ["probe"]);
    Ok(())
}

#[test]
fn a_failure_is_a_panic_that_can_be_read() -> Result<(), RunnerError> {
    let place = Place::with(TWO);
    let file = place.path("a.test.yaml");

    let results = runner(&place).run()?;
    let panicked = panic::catch_unwind(|| results.assert_passed()).unwrap_err();

    let text = panicked.downcast_ref::<String>().unwrap();
    let begins = format!(
        "1 of 2 cases did not pass\n{}:4 bad (eKuiper 2.4): failed\n  line 4, call echo: the \
         result of `echo(\"hi\")` is not as expected\n    at ``: expected \"ho\", seen \"hi\"\n",
        file.display()
    );
    assert!(text.starts_with(&begins), "{text}");
    assert!(text.contains("\n    log arguments "), "{text}");
    Ok(())
}

#[test]
fn a_run_is_stopped_from_another_thread() -> Result<(), RunnerError> {
    let place = Place::with(
        "plugin: plugin
cases:
- {name: one, setup: ['touch began'], steps: [{idle: 1h}]}
",
    );
    let runner = runner(&place);
    let stop = runner.stop();

    let results = std::thread::scope(|scope| {
        scope.spawn(|| {
            wait_until("the case", || place.path("began").exists());
            stop.stop();
        });
        runner.run()
    })?;

    assert_eq!(results.count(Verdict::Skipped), 1);
    Ok(())
}

#[test]
fn mistakes_are_an_error_with_all_of_them() {
    let place = Place::with("plugin: plugin\ncasez: []\n");

    let error = runner(&place).run().unwrap_err();

    assert!(matches!(error, RunnerError::Mistakes(_)), "{error:?}");
    assert!(error.to_string().contains("a.test.yaml:2:1"), "{error}");
}

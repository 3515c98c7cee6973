//! The feature `tracing`, in a plugin with a subscriber and in one without.

use serde_json::json;

use crate::function::Channel;
use crate::host::Host;

#[test]
fn a_subscriber_shows_the_span_of_a_started_instance() {
    let mut host = Host::launch_with(&[("PROBE_SUBSCRIBER", "1")]);
    let (source, _rows) = host.source(json!({"count": 0}));

    host.start(&source);

    let rule = &source.rule;
    host.plugin.wait_log(&format!(
        r#"INFO instance{{kind=source symbol="count" rule="{rule}" op="count" instance=0}}: sdk_probe: {rule}/count/0: emitted 0 rows"#
    ));
}

#[test]
fn without_a_subscriber_events_reach_the_log_and_spans_do_not() {
    let mut host = Host::launch();
    let mut echo = Channel::start(&mut host, "echo");

    echo.request(r#"{"func":"Exec","arg":["echo",1,"{}"]}"#);

    host.plugin.wait_log("INFO  sdk_probe: echoes");
    assert!(
        !host.plugin.log().contains("instance"),
        "{}",
        host.plugin.log()
    );
    assert!(!host.plugin.log().contains("function_id"));
}

//! The control channel: greeting, orders, reconnecting.

use std::io::{Read, Write};
use std::os::unix::net::{UnixListener, UnixStream};
use std::time::{Duration, Instant};

use ekuiper_sp::{Error, Options, Rep};
use serde_json::json;

use crate::host::{Host, Instance, Plugin, SOON, control_url, unique_name};

/// The host's end of a control channel, on a plain Unix socket.
struct Raw {
    stream: UnixStream,
}

impl Raw {
    /// Accepts a connection and exchanges the greetings of the transport.
    fn accept(listener: &UnixListener) -> Raw {
        let (mut stream, _) = listener.accept().unwrap();
        stream.set_read_timeout(Some(SOON)).unwrap();
        let mut greeting = [0; 8];
        stream.read_exact(&mut greeting).unwrap();
        assert_eq!(greeting, *b"\0SP\0\0\x30\0\0");
        stream.write_all(b"\0SP\0\0\x31\0\0").unwrap();
        Raw { stream }
    }

    /// Reads a frame: the byte 1, the length, the id, the body.
    fn read(&mut self) -> ([u8; 4], String) {
        let (mut header, mut id) = ([0; 9], [0; 4]);
        self.stream.read_exact(&mut header).unwrap();
        self.stream.read_exact(&mut id).unwrap();
        let [kind, length @ ..] = header;
        let mut body = vec![0; u64::from_be_bytes(length) as usize - 4];
        self.stream.read_exact(&mut body).unwrap();
        assert_eq!(kind, 1);
        (id, String::from_utf8(body).unwrap())
    }

    fn write(&mut self, id: [u8; 4], body: &[u8]) {
        let length = (body.len() as u64 + 4).to_be_bytes();
        let frame = [&b"\x01"[..], &length, &id, body].concat();
        self.stream.write_all(&frame).unwrap();
    }
}

#[test]
fn greeting_order_and_answer_have_the_expected_bytes() {
    let name = unique_name();
    let path = format!("/tmp/plugin_{name}.ipc");
    let listener = UnixListener::bind(&path).unwrap();
    let _plugin = Plugin::spawn(&name, &[r#"{"sendTimeout":1000}"#], &[]);
    let mut host = Raw::accept(&listener);

    let (greeting_id, greeting) = host.read();
    host.write(
        greeting_id,
        br#"{"cmd":"stop","arg":"{\"symbolName\":\"count\",\"meta\":{\"ruleId\":\"r\",\"opId\":\"o\",\"instanceId\":0},\"pluginType\":\"source\"}"}"#,
    );
    let (answer_id, answer) = host.read();

    assert_eq!(greeting, "handshake");
    assert_eq!(answer, "ok");
    assert_ne!(answer_id, greeting_id);
    assert!(greeting_id[0] & 0x80 != 0 && answer_id[0] & 0x80 != 0);
    std::fs::remove_file(path).unwrap();
}

#[test]
fn an_order_under_a_stale_id_is_not_carried_out() {
    let name = unique_name();
    let path = format!("/tmp/plugin_{name}.ipc");
    let listener = UnixListener::bind(&path).unwrap();
    let _plugin = Plugin::spawn(&name, &[], &[]);
    let mut host = Raw::accept(&listener);
    let (greeting_id, _) = host.read();
    host.write(greeting_id, b"first");
    let (answer_id, answer) = host.read();
    assert!(answer.starts_with("malformed order"), "{answer}");

    host.write(greeting_id, b"under the greeting's id");
    host.write(
        answer_id,
        br#"{"cmd":"stop","arg":"{\"symbolName\":\"x\",\"pluginType\":\"sink\"}"}"#,
    );

    assert_eq!(host.read().1, "ok");
    std::fs::remove_file(path).unwrap();
}

#[test]
fn an_invalid_order_gets_an_error_text_and_the_next_order_works() {
    let mut host = Host::launch();
    let unknown = Instance::new("source", "unheard", json!({}));
    let sink = host.sink(json!({}));

    let answers = [
        host.order("start", &unknown.argument),
        host.order("pause", &sink.argument),
        host.order("start", &Instance::new("hub", "keep", json!({})).argument),
        host.order("start", &json!(7)),
    ];

    assert_eq!(
        answers,
        [
            "unknown source `unheard`: this plugin has no source of that name",
            "unknown command `pause`: expected `start` or `stop`",
            "unknown plugin type `hub`: expected `source`, `sink` or `func`",
            "malformed order: `arg`: invalid type: integer `7`, expected an object with `symbolName`",
        ]
    );
    host.start(&sink);
}

#[test]
fn stopping_an_instance_that_is_not_running_is_ok_and_logged() {
    let mut host = Host::launch();
    let sink = host.sink(json!({}));

    host.stop(&sink);

    host.plugin.wait_log("is not running: nothing to stop");
}

#[test]
fn an_idle_plugin_does_not_greet_again() {
    let mut host = Host::launch();
    let sink = host.sink(json!({}));
    host.start(&sink);

    // The other SDKs greet again after 5 s. `start` has read the plugin's last
    // message, so no further message may come before the next order.
    std::thread::sleep(Duration::from_secs(6));
    host.send_order("stop", &sink.argument);

    assert_eq!(host.read_answer(), "ok");
    assert_eq!(host.plugin.log().matches("channel").count(), 0);
}

#[test]
fn after_the_control_channel_closes_the_plugin_greets_again_and_drops_the_answer() {
    let mut host = Host::launch();
    let slow = host.sink(json!({"slow": "configure"}));
    host.send_order("start", &slow.argument);
    let Host { control, plugin } = host;
    plugin.wait_idle();
    drop(control);

    let mut control = Rep::listen(&control_url(&plugin.name), Options::default()).unwrap();

    assert_eq!(control.recv(Some(SOON)).unwrap(), b"handshake");
    let mut host = Host { control, plugin };
    // The order was carried out, so starting its instance again is no change.
    host.start(&slow);
    assert_eq!(host.plugin.log().matches("started sink").count(), 1);
    let more = host.control.recv(Some(Duration::from_millis(50)));
    assert!(
        matches!(more, Err(Error::WrongState | Error::TimedOut)),
        "{more:?}"
    );
}

#[test]
#[ignore = "takes 30 s; ci/test runs it"]
fn a_control_address_unreachable_for_30_s_ends_the_process_with_status_1_and_a_message() {
    // One plugin never reaches its host, the other loses it.
    let start = Instant::now();
    let never = unique_name();
    let mut never_reached = Plugin::spawn(&never, &[r#"{"sendTimeout":1000}"#], &[]);
    let Host {
        control,
        plugin: mut lost,
    } = Host::launch();
    drop(control);

    std::thread::sleep(Duration::from_secs(29).saturating_sub(start.elapsed()));
    for plugin in [&mut never_reached, &mut lost] {
        let has_exited = plugin.child.try_wait().unwrap().is_some();
        // Both have begun later. This process may have slept longer.
        let took = start.elapsed();
        assert!(!has_exited || took >= Duration::from_secs(30), "{took:?}");
    }

    for plugin in [&mut never_reached, &mut lost] {
        assert_eq!(plugin.wait_exit().code(), Some(1));
        let log = plugin.log();
        let last = log.lines().last().unwrap();
        let path = format!("/tmp/plugin_{}.ipc", plugin.name);
        assert!(last.contains(&path), "{last}");
    }
}

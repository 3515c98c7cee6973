//! Plugins that the host does not launch: the tests start them by hand.

use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixStream;
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::time::Duration;

use mock_kuiper::{
    Builder, Code, Event, Fault, Host, HostError, Kind, Observer, Outcome, Source, Stage, Stranger,
    SystemError, What,
};
use rustix::process::Signal;
use serde_json::{Value, json};
use tempfile::TempDir;

use super::common::LIMIT;
use crate::support::running::Running;
use crate::support::{probe, wait_until_within};

/// A plugin in the machine's `/tmp`, where each test needs names of its own.
struct Plugin {
    name: String,
    place: TempDir,
    seen: Arc<Seen>,
}

/// What happens to the plugin, in short: `attached 12`, `detached 12`,
/// `again source random`.
#[derive(Default)]
struct Seen(Mutex<Vec<String>>);

impl Observer for Seen {
    fn event(&self, event: &Event<'_>) {
        let text = match event.what {
            What::Attached { pid } => format!("attached {}", pid.unwrap()),
            What::Detached { pid } => format!("detached {}", pid.unwrap()),
            What::StartedAgain {
                kind,
                symbol,
                finding: None,
            } => format!("again {kind} {symbol}"),
            What::TurnedAway {
                pid: Some(pid),
                reason,
                ..
            } => format!("{pid} turned away: {reason:?}"),
            _ => return,
        };
        self.0.lock().unwrap().push(text);
    }
}

impl Seen {
    fn all(&self) -> Vec<String> {
        self.0.lock().unwrap().clone()
    }

    #[track_caller]
    fn wait_for(&self, text: &str) {
        wait_until(|| self.all().iter().any(|seen| seen == text));
    }
}

impl Plugin {
    fn new() -> Self {
        static COUNT: AtomicU32 = AtomicU32::new(0);
        let number = COUNT.fetch_add(1, Ordering::Relaxed);
        let name = format!("probe{}a{number}", std::process::id());
        let place = tempfile::tempdir_in(env!("CARGO_TARGET_TMPDIR")).unwrap();
        std::os::unix::fs::symlink(probe::binary(), place.path().join(&name)).unwrap();
        let json = json!({
            "version": "1", "language": "go", "executable": name,
            "sources": ["random"], "sinks": ["append"],
            "functions": [format!("one_{name}"), format!("two_{name}")],
        });
        fs::write(place.path().join(format!("{name}.json")), json.to_string()).unwrap();
        Self {
            name,
            place,
            seen: Arc::default(),
        }
    }

    fn builder(&self) -> Builder {
        let host = probe::on_transport(Host::builder(self.place.path()));
        host.observer(Arc::clone(&self.seen) as _).attach()
    }

    fn function(&self, name: &str) -> String {
        format!("{name}_{}", self.name)
    }

    fn source(&self, host: &Host) -> Result<Source, HostError> {
        host.source("random").within(&self.name, "demo").start()
    }

    /// Returns the plugin's socket files in /tmp.
    fn files(&self) -> Vec<String> {
        let entries = fs::read_dir("/tmp").unwrap().flatten();
        let names = entries.map(|entry| entry.file_name().to_string_lossy().into_owned());
        names
            .filter(|name| {
                name.contains(&format!("{}.", self.name))
                    || name.contains(&format!("{}_", self.name))
            })
            .collect()
    }
}

#[track_caller]
fn wait_until(is_so: impl Fn() -> bool) {
    wait_until_within(LIMIT, "what a test waits for", is_so);
}

/// Whether the last message has this meaning.
fn last_is(host: &Host, meaning: &str) -> bool {
    host.frames()
        .last()
        .is_some_and(|frame| frame.meaning == meaning)
}

/// Starts the plugin as the host says.
fn start(host: &Host) -> Running {
    let how = host.attach_command().unwrap();
    let mut command = Command::new(&how.command[0]);
    command
        .args(&how.command[1..])
        .envs(how.environment.iter().map(|(name, value)| (name, value)))
        .stdout(Stdio::null());
    if let Some(directory) = how.directory {
        command.current_dir(directory);
    }
    Running(command.spawn().unwrap())
}

#[test]
fn a_plugin_that_is_started_by_hand_is_accepted_and_lives_on() -> Result<(), HostError> {
    let plugin = Plugin::new();
    let host = plugin.builder().env("PROBE_IS", "by hand").spawn()?;
    assert_eq!((host.pid(), host.time_to_greeting()), (0, None));

    let mut running = start(&host);
    host.wait_greeting()?;
    assert_eq!(host.pid(), running.pid());
    let mut source = plugin.source(&host)?;
    let mut sink = host
        .sink("append")
        .within(&plugin.name, "append_0")
        .require_ack()
        .start()?;
    let mut one = host.function(&plugin.function("one"))?;
    assert_eq!(source.next(LIMIT)?.message, json!({"number": 1}));
    sink.send(&json!({"a": 1}))?.ack(LIMIT)?;
    assert_eq!(one.exec(&[json!("x")])?, json!("x"));
    assert_eq!(host.usage()?.processes, 1);
    source.stop()?;
    sink.stop()?;
    drop(one);
    drop(host);

    assert!(running.is_alive());
    assert_eq!(plugin.files(), [""; 0]);
    assert_eq!(plugin.seen.all(), [format!("attached {}", running.pid())]);
    Ok(())
}

#[test]
fn a_plugin_that_is_started_again_gets_the_orders_of_all_that_runs() -> Result<(), HostError> {
    for release in ["1.7", "1.13", "2.4"] {
        let plugin = Plugin::new();
        let host = plugin.builder().release(release).spawn()?;
        let first = start(&host);
        let names = [plugin.function("one"), plugin.function("two")];
        let mut one = host.function(&names[0])?;
        let mut two = host.function(&names[1])?;
        let mut source = plugin.source(&host)?;
        let mut sink = host
            .sink("append")
            .within(&plugin.name, "append_0")
            .start()?;
        assert_eq!(source.next(LIMIT)?.message, json!({"number": 1}));
        let first_pid = first.pid();

        drop(first);
        plugin.seen.wait_for(&format!("detached {first_pid}"));
        let second = start(&host);
        plugin.seen.wait_for("again sink append");

        // Rows of the old process may be on their way; the new one begins anew.
        while source.next(LIMIT)?.message != json!({"number": 1}) {}
        assert_eq!(one.exec(&[json!(1)])?, json!(1), "{release}");
        assert_eq!(two.exec(&[json!(2)])?, json!(2), "{release}");
        sink.send(&json!({"a": 1}))?;
        assert_eq!(host.pid(), second.pid());
        source.stop()?;
        sink.stop()?;
        assert_eq!(
            plugin.seen.all(),
            [
                format!("attached {first_pid}"),
                format!("detached {first_pid}"),
                format!("attached {}", second.pid()),
                format!("again {} {}", Kind::Function, names[0]),
                format!("again {} {}", Kind::Function, names[1]),
                "again source random".to_owned(),
                "again sink append".to_owned(),
            ],
            "{release}"
        );
    }
    Ok(())
}

#[test]
fn a_call_goes_on_in_the_plugin_that_is_started_again() -> Result<(), HostError> {
    for release in ["1.7", "2.4"] {
        let plugin = Plugin::new();
        let host = plugin.builder().release(release).spawn()?;
        let first = start(&host);
        let mut one = host.function(&plugin.function("one"))?;
        assert_eq!(one.exec(&[json!(1)])?, json!(1));
        first.signal(Signal::STOP);
        wait_until(|| host.is_stopped());

        let result = std::thread::scope(|scope| {
            let call = scope.spawn(|| one.exec(&[json!("x")]));
            wait_until(|| last_is(&host, "request"));
            let pid = first.pid();
            drop(first);
            plugin.seen.wait_for(&format!("detached {pid}"));
            let _second = start(&host);
            call.join().unwrap()
        });

        assert_eq!(result?, json!("x"), "{release}");
    }
    Ok(())
}

#[test]
fn a_plugin_in_a_debugger_is_waited_for_unless_the_caller_sets_a_limit() -> Result<(), HostError> {
    let call = |builder: Builder, plugin: &Plugin, held: Duration| {
        let host = builder.spawn()?;
        let running = start(&host);
        let mut one = host.function(&plugin.function("one"))?;
        running.signal(Signal::STOP);
        wait_until(|| host.is_stopped());
        std::thread::scope(|scope| {
            let (ended, ends) = mpsc::channel::<()>();
            let running = &running;
            scope.spawn(move || {
                // What is tested is the time itself: eKuiper waits 5 s for a call.
                let _ = ends.recv_timeout(held);
                running.signal(Signal::CONT);
            });
            let result = one.exec(&[json!("x")]);
            drop(ended);
            result
        })
    };
    let (free, limited) = (Plugin::new(), Plugin::new());
    let limit = Duration::from_secs(5);

    let waited: Value = call(free.builder(), &free, Duration::from_millis(5500))?;
    let limited = call(limited.builder().answer_timeout(limit), &limited, LIMIT);

    assert_eq!(waited, json!("x"));
    let error = limited.unwrap_err();
    assert_eq!(error.code(), Some(Code::FunctionUnanswered));
    assert!(
        error
            .to_string()
            .contains("and a debugger or a signal has stopped it"),
        "{error}"
    );
    Ok(())
}

#[test]
fn what_ends_or_launches_an_attached_plugin_is_refused() -> Result<(), HostError> {
    let plugin = Plugin::new();
    let isolated = plugin.builder().isolated().spawn().unwrap_err();
    let grown = plugin.builder().growth_limit(1).spawn().unwrap_err();
    let host = plugin.builder().spawn()?;
    let mut running = start(&host);
    host.wait_greeting()?;

    let mut source = plugin.source(&host)?;
    let mut stage = Stage::set(&host, [&mut source], [], [], Vec::new())?;
    let killed = "kill".parse::<Fault>().unwrap().play(&mut stage)?;
    let refused = [
        host.kill().unwrap_err(),
        host.reload().unwrap_err(),
        host.renew(&mut []).unwrap_err(),
    ];

    for error in &refused {
        assert_eq!(
            error.to_string(),
            "the host has not launched this plugin, and neither ends nor starts it: do so in the \
             debugger or the terminal in which it runs"
        );
    }
    let reason = "the host has not launched the plugin";
    assert_eq!(killed, Outcome::NotApplicable(reason));
    assert!(
        isolated.to_string().contains("a /tmp of its own"),
        "{isolated}"
    );
    assert!(grown.to_string().contains("growth"), "{grown}");
    assert!(running.is_alive());
    assert_eq!(host.pid(), running.pid());
    Ok(())
}

#[test]
fn one_interrupt_ends_each_wait_even_that_for_an_answer() -> Result<(), HostError> {
    let interrupted = |waited: Result<(), HostError>| {
        assert!(matches!(waited, Err(HostError::Interrupted)), "{waited:?}");
    };
    let plugin = Plugin::new();
    let host = plugin.builder().spawn()?;
    std::thread::scope(|scope| {
        scope.spawn(|| host.interrupter().interrupt());
        interrupted(host.wait_greeting());
    });
    std::thread::scope(|scope| {
        // No plugin is there to get the order.
        scope.spawn(|| host.interrupter().interrupt());
        interrupted(plugin.source(&host).map(drop));
    });
    let running = start(&host);
    host.wait_greeting()?;
    running.signal(Signal::STOP);
    wait_until(|| host.is_stopped());
    std::thread::scope(|scope| {
        scope.spawn(|| {
            wait_until(|| last_is(&host, "order"));
            host.interrupter().interrupt();
        });
        interrupted(plugin.source(&host).map(drop));
    });
    Ok(())
}

#[test]
fn a_second_host_is_refused_with_the_process_of_the_first() -> Result<(), HostError> {
    let plugin = Plugin::new();
    let _host = plugin.builder().spawn()?;

    // Nor does another release help.
    for builder in [plugin.builder(), plugin.builder().release("1.13")] {
        let error = builder.spawn().unwrap_err();

        let HostError::System(error) = error else {
            panic!("{error}");
        };
        let SystemError::AddressInUse { pid, .. } = *error else {
            panic!("{error}");
        };
        assert_eq!(pid, Some(std::process::id()));
    }
    Ok(())
}

#[test]
fn a_second_plugin_is_turned_away_while_the_first_is_attached() -> Result<(), HostError> {
    let plugin = Plugin::new();
    let host = plugin.builder().spawn()?;
    let first = start(&host);
    host.wait_greeting()?;

    let second = start(&host);
    let attached = first.pid();
    let reason = Stranger::SecondPlugin { attached };
    (plugin.seen).wait_for(&format!("{} turned away: {reason:?}", second.pid()));
    assert_eq!(host.pid(), attached);

    // It dials again and again.
    drop(first);
    plugin.seen.wait_for(&format!("attached {}", second.pid()));
    host.wait_greeting()
}

#[test]
fn a_process_of_another_user_is_turned_away() -> Result<(), HostError> {
    const NOBODY: u32 = 65534;
    if !rustix::process::geteuid().is_root() {
        println!("not tested: only root can act as another user");
        return Ok(());
    }
    let plugin = Plugin::new();
    // NNG does not tell the user of a connection, but of its process: this one.
    let host = Host::builder(plugin.place.path())
        .observer(Arc::clone(&plugin.seen) as _)
        .attach()
        .spawn()?;
    let socket = format!("/tmp/plugin_{}.ipc", plugin.name);
    // Otherwise the kernel refuses it already.
    fs::set_permissions(&socket, fs::Permissions::from_mode(0o777)).unwrap();

    let connected = std::thread::spawn(move || {
        // Of this thread alone.
        rustix::thread::set_thread_uid(rustix::process::Uid::from_raw(NOBODY)).unwrap();
        UnixStream::connect(&socket).unwrap()
    });
    let _connection = connected.join().unwrap();

    let reason = Stranger::OtherUser { user: NOBODY };
    (plugin.seen).wait_for(&format!("{} turned away: {reason:?}", std::process::id()));
    assert_eq!(host.pid(), 0);
    Ok(())
}

#[test]
fn a_sink_waits_for_the_plugin_to_be_started_again() -> Result<(), HostError> {
    let plugin = Plugin::new();
    let host = plugin.builder().spawn()?;
    let first = start(&host);
    let mut sink = host
        .sink("append")
        .within(&plugin.name, "append_0")
        .require_ack()
        .start()?;
    sink.deliver(br#"[{"a":1}]"#)?;
    let pid = first.pid();

    drop(first);
    plugin.seen.wait_for(&format!("detached {pid}"));
    // A row that is sent before is lost with the connection.
    wait_until(|| sink.gone_for().is_some());
    let delivered = std::thread::scope(|scope| {
        let delivery = scope.spawn(|| sink.deliver(br#"[{"a":2}]"#));
        let _second = start(&host);
        delivery.join().unwrap()
    });

    delivered?;
    assert_eq!(sink.acked(), 2);
    drop(sink);
    drop(host);
    assert_eq!(plugin.files(), [""; 0]);
    Ok(())
}

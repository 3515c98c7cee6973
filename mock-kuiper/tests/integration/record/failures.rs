//! How recorded plugins end, and why some are not recorded.

use std::cell::RefCell;
use std::fs;
use std::io::{Read as _, Write as _};
use std::os::unix::fs::PermissionsExt as _;
use std::os::unix::net::{UnixListener, UnixStream};
use std::process::Command;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use rustix::fs::{CWD, Mode, mkfifoat};
use rustix::process::Signal;
use serde_json::json;

use super::common::{
    Live, Plugin, Recorded, WAYS, kill, one_recorder, recorders, supervisors, wait_until,
    write_script,
};
use crate::support::processes::{MARK, REFUSE, suspend, without_isolation};

/// A plugin that is a shell script.
fn script(text: &str, options: &[&str]) -> Recorded {
    let plugin = Plugin::new(&["random"], &[], &[]);
    fs::remove_file(plugin.executable()).unwrap();
    write_script(&plugin.executable(), text);
    Recorded::new(plugin, options)
}

/// A plugin that Python runs.
fn python_plugin() -> Plugin {
    let plugin = Plugin::new(&["random"], &[], &[]);
    fs::remove_file(plugin.executable()).unwrap();
    fs::write(plugin.executable(), "print(1)\n").unwrap();
    plugin.set("language", "python");
    plugin
}

#[test]
fn a_recorder_ends_as_its_plugin_ends() {
    for way in WAYS {
        for (text, status, said) in [
            ("echo \"$1\" in \"$PWD\"; exit 3", 3, "exit status: 3"),
            ("kill -SEGV $$", -11, "SIGSEGV"),
            ("kill -KILL $$", -9, "SIGKILL"),
        ] {
            let recorded = script(text, way);

            let done = Live::spawn(recorded.launch(), &recorded.plugin.id).finish();

            assert_eq!(done.status, status, "{done}");
            let lines = recorded.lines();
            let exit = lines.last().unwrap();
            assert_eq!(exit["event"], "exit");
            let told = exit["status"].as_str().unwrap();
            assert!(
                told.contains(said) || told.contains(&status.to_string()),
                "{exit}"
            );
            if status == 3 {
                let directory = recorded.directory();
                let expected = format!("{{\"sendTimeout\":1000}} in {}\n", directory.display());
                assert_eq!(done.stdout, expected);
            }
        }
    }
}

#[test]
fn signals_reach_the_plugin() {
    let recorded = script(
        "trap 'echo asked; exit 0' TERM; echo ready; while :; do sleep 0.01; done",
        &[],
    );
    let live = Live::spawn(recorded.launch(), &recorded.plugin.id);
    live.wait_for_stdout("ready");

    live.signal(Signal::TERM);

    let done = live.finish();
    assert_eq!(
        (done.status, done.stdout.as_str()),
        (0, "ready\nasked\n"),
        "{done}"
    );
}

#[test]
fn a_python_plugin_is_run_by_the_interpreter_that_was_named() {
    let plugin = python_plugin();
    let interpreter = plugin.place().join("my-python");
    write_script(&interpreter, "echo \"$1 $(basename \"$2\") $3\"");
    let recorded = Recorded::new(plugin, &["--python", interpreter.to_str().unwrap()]);

    let done = Live::spawn(recorded.launch(), &recorded.plugin.id).finish();

    let expected = format!("-u {} {{\"sendTimeout\":1000}}\n", recorded.plugin.id);
    assert_eq!((done.status, done.stdout), (0, expected));
}

#[test]
fn socket_files_get_their_names_back_when_a_recorder_is_killed() {
    let recorded = script("echo ready; exec sleep 600", &["--rename"]);
    let path = format!("/tmp/{}.ipc", recorded.control());
    let listener = UnixListener::bind(&path).unwrap();
    let inode = || std::os::unix::fs::MetadataExt::ino(&fs::metadata(&path).unwrap());
    let before = inode();
    let live = Live::spawn(recorded.launch(), &recorded.plugin.id);
    live.wait_for_stdout("ready");
    assert_ne!(inode(), before);

    live.signal(Signal::KILL);
    live.end();

    wait_until("the old file", || inode() == before);
    drop(listener);
    fs::remove_file(&path).unwrap();
    recorded.plugin.assert_clean();
}

#[test]
fn a_sink_that_its_recorder_has_left_behind_is_not_found_by_its_host() {
    let recorded = Recorded::probe(&["--rename"]);
    let id = &recorded.plugin.id;
    let live = recorded.start(&["--require-ack"]);
    live.wait_for_stdout("\"number\":2}");
    let sink = |name: String| fs::symlink_metadata(format!("/tmp/{name}")).is_ok();
    let front = format!("{id}_append_0_0.ipc");
    let origin = format!(".{id}_append_0_0.mk");
    assert!(sink(front.clone()) && sink(origin.clone()));
    let recorder = one_recorder(id);
    let supervisors = supervisors(id);
    // So that the plugin lives on.
    for pid in &supervisors {
        suspend(*pid);
    }

    kill(recorder, Signal::KILL);

    wait_until("the end of the sink's files", || {
        !sink(front.clone()) && !sink(origin.clone())
    });
    for pid in &supervisors {
        kill(*pid, Signal::CONT);
    }
    live.finish().assert_status(1).assert_says("SIGKILL");
}

#[test]
fn a_recorder_whose_system_refuses_namespaces_renames_the_socket_files() {
    if let Some(refused) = mock_kuiper::engine::isolate::refused() {
        println!("skipped, all tests show it here: {refused}");
        return;
    }
    let recorded = Recorded::probe(&[]);
    let command = recorded
        .plugin
        .command_on(&recorded.directory(), &["--count", "3", "--require-ack"]);

    let done = Live::spawn(without_isolation(&command), &recorded.plugin.id).finish();

    done.assert_status(0);
    let said = "eKuiper's socket files are renamed: cannot isolate the plugin: the system refuses \
                a user namespace";
    assert!(done.stderr.contains(said), "{done}");
    let sink = format!("{}_append_0_0", recorded.plugin.id);
    assert_eq!(recorded.texts(&sink, "host")[0], r#"[{"number":1}]"#);
}

#[test]
fn a_recorder_that_may_neither_isolate_nor_rename_says_why_and_does_not_start() {
    if let Some(refused) = mock_kuiper::engine::isolate::refused() {
        println!("skipped, all tests show it here: {refused}");
        return;
    }
    let recorded = script("echo started", &[]);
    let listener = UnixListener::bind(format!("/tmp/{}.ipc", recorded.control())).unwrap();
    let launch = recorded.launch();
    let script = format!("mount -r --bind /tmp /tmp; {REFUSE}");
    let mut refused = Command::new("unshare");
    refused
        .args(["--user", "--map-root-user", "--mount", "--"])
        .args(["/bin/sh", "-ec", &script, "sh"])
        .arg(launch.get_program())
        .args(launch.get_args())
        .current_dir(recorded.directory())
        .env(MARK, &recorded.plugin.id);

    let done = Live::spawn(refused, &recorded.plugin.id).end();

    drop(listener);
    fs::remove_file(format!("/tmp/{}.ipc", recorded.control())).unwrap();
    assert_eq!((done.status, done.stdout.as_str()), (3, ""), "{done}");
    let control = recorded.control();
    let said = format!(
        "error: recorder: cannot stand between eKuiper and the plugin at /tmp/.{control}.mk: \
         {control}: Read-only file system (os error 30); run eKuiper as a user that may rename \
         files in /tmp, or allow it to make namespaces\n"
    );
    assert!(done.stderr.ends_with(&said), "{done}");
}

#[test]
fn a_recorder_that_had_too_many_connections_accepts_new_ones() {
    // A connection needs two descriptors: either is the last.
    for limit in [40, 41] {
        accepts_after_a_lack_of_descriptors(limit);
    }
}

fn accepts_after_a_lack_of_descriptors(limit: usize) {
    let recorded = script("echo ready; exec sleep 600", &["--rename"]);
    let path = format!("/tmp/{}.ipc", recorded.control());
    let listener = UnixListener::bind(&path).unwrap();
    let mut limited = Command::new("sh");
    let launch = recorded.launch();
    limited
        .arg("-c")
        .arg(format!("ulimit -n {limit}; exec \"$0\" \"$@\""))
        .arg(launch.get_program())
        .args(launch.get_args())
        .current_dir(recorded.directory())
        .env(MARK, &recorded.plugin.id);
    let live = Live::spawn(limited, &recorded.plugin.id);
    live.wait_for_stdout("ready");

    let many: Vec<_> = (0..60)
        .map(|_| UnixStream::connect(&path).unwrap())
        .collect();
    let many = RefCell::new(many);
    // Those that were accepted are closed by the host.
    let (sender, greeted) = mpsc::channel();
    thread::spawn(move || {
        for connection in listener.incoming() {
            let mut bytes = Vec::new();
            let mut connection = connection.unwrap();
            let _ = connection.read_to_end(&mut bytes);
            if bytes == b"hello" {
                sender.send(()).unwrap();
                return;
            }
        }
    });
    wait_until("a lack of descriptors", || {
        // Those before may have been closed while the recorder looked at its sockets, for
        // which it needs a descriptor, too.
        many.borrow_mut().push(UnixStream::connect(&path).unwrap());
        let open = |pid: &u32| fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        recorders(&recorded.plugin.id)
            .iter()
            .any(|pid| open(pid) >= limit - 1)
    });
    drop(many);
    // The first may come too early.
    wait_until("a connection that is passed on", || {
        if let Ok(mut late) = UnixStream::connect(&path) {
            let _ = late.write_all(b"hello");
        }
        greeted.recv_timeout(Duration::from_millis(100)).is_ok()
    });
    live.signal(Signal::TERM);
    live.end();
    // The recorder has put it back, or removed it since nobody listens.
    let _ = fs::remove_file(&path);
    recorded.plugin.assert_clean();
}

#[test]
fn a_recorder_that_cannot_write_its_trace_says_so_and_does_not_start_the_plugin() {
    let recorded = script("echo started", &[]);
    fs::create_dir(recorded.trace()).unwrap();

    let done = Live::spawn(recorded.launch(), &recorded.plugin.id).finish();

    assert_eq!((done.status, done.stdout.as_str()), (3, ""), "{done}");
    assert_eq!(
        done.stderr,
        format!(
            "error: recorder: cannot write the trace {}: Is a directory (os error 21); record the \
             plugin again with a path that eKuiper's user may write\n",
            recorded.trace().display()
        )
    );
}

#[test]
fn a_recorder_whose_trace_is_a_pipe_that_nobody_reads_says_so_and_does_not_start_the_plugin() {
    let recorded = script("echo started", &[]);
    mkfifoat(CWD, recorded.trace(), Mode::RWXU).unwrap();

    let done = Live::spawn(recorded.launch(), &recorded.plugin.id).finish();

    assert_eq!((done.status, done.stdout.as_str()), (3, ""), "{done}");
    assert_eq!(
        done.stderr,
        format!(
            "error: recorder: cannot write the trace {}: nobody reads this named pipe; start its \
             reader before eKuiper launches the plugin\n",
            recorded.trace().display()
        )
    );
}

#[test]
fn a_trace_goes_into_a_pipe_that_is_read() {
    let recorded = script("echo started", &[]);
    mkfifoat(CWD, recorded.trace(), Mode::RWXU).unwrap();
    let path = recorded.trace();
    let read = thread::spawn(move || fs::read_to_string(path).unwrap());
    // Opens once the pipe has its reader.
    let writer = fs::OpenOptions::new().write(true).open(recorded.trace());

    let done = Live::spawn(recorded.launch(), &recorded.plugin.id).finish();
    drop(writer.unwrap());

    assert_eq!(
        (done.status, done.stdout.as_str()),
        (0, "started\n"),
        "{done}"
    );
    let trace = read.join().unwrap();
    assert!(trace.contains(r#""event":"launch""#), "{trace}");
    assert!(trace.contains(r#""event":"exit""#), "{trace}");
}

#[test]
fn nothing_is_replaced_that_record_has_not_written() {
    let recorded = Recorded::probe(&[]);

    let again = recorded.record(&[]);
    let forced = recorded.record(&["--force"]);
    fs::remove_file(recorded.directory().join("mock-kuiper-recorder.json")).unwrap();
    let foreign = recorded.record(&["--force"]);

    again.assert_status(2).assert_says("exists already");
    forced.assert_status(0);
    foreign
        .assert_status(2)
        .assert_says("was not written by `mock-kuiper record`, so it is not replaced");
}

#[test]
fn a_plugin_that_is_recorded_already_is_refused() {
    let recorded = Recorded::probe(&[]);
    let directory = recorded.directory();
    let mut again = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
    again.arg("record").arg(&directory);
    again.arg("--output").arg(recorded.trace());
    again.arg("--to").arg(directory.with_extension("again"));

    let again = Live::spawn(again, &recorded.plugin.id).end();

    again.assert_status(2).assert_says(
        "error: mock-kuiper-recorder: is a file of the recorder, so this plugin is recorded \
         already; give the plugin that it was made from",
    );
}

#[test]
fn a_recorded_package_is_the_plugin_but_for_language_and_executable() {
    let plugin = python_plugin();
    plugin.write("lib/helper.py", "x = 1\n");
    let recorded = Recorded::new(plugin, &["--host", "2.4", "--redact", "password"]);

    let directory = recorded.directory();
    let read = |name: &str| -> serde_json::Value {
        serde_json::from_slice(&fs::read(directory.join(name)).unwrap()).unwrap()
    };
    let json = read(&format!("{}.json", recorded.plugin.id));
    assert_eq!(json["language"], "go");
    assert_eq!(json["executable"], "mock-kuiper-recorder");
    assert_eq!(json["sources"], json!(["random"]));
    assert_eq!(
        read("mock-kuiper-recorder.json"),
        json!({
            "plugin": recorded.plugin.id,
            "program": recorded.plugin.id,
            "launch": {"python": {"interpreter": "python", "conda": null}},
            "trace": recorded.trace(),
            "host": "eKuiper 2.4",
            "redact": ["password"],
            "visible": [],
            "rename": false,
        })
    );
    assert!(directory.join("lib/helper.py").is_file());
    let recorder = directory.join("mock-kuiper-recorder").metadata().unwrap();
    assert_eq!(recorder.permissions().mode() & 0o777, 0o755);
}

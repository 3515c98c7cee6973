//! Tests of isolation with real processes. If the machine refuses namespaces, a
//! test prints why and is skipped.

mod seen;
mod system;

use std::os::unix::fs::MetadataExt as _;
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::process::Stdio;
use std::thread;

use tempfile::TempDir;

use super::*;

/// Returns whether the machine refuses isolation, and prints why.
fn skipped() -> bool {
    if let Some(error) = refused() {
        eprintln!("skipped: {error}");
    }
    refused().is_some()
}

/// A directory in the real `/tmp`.
fn in_tmp() -> TempDir {
    let directory = tempfile::Builder::new()
        .prefix("isolate-test-")
        .tempdir_in("/tmp");
    directory.unwrap()
}

fn isolation() -> Isolation {
    Isolation::prepare(&[]).unwrap()
}

/// Returns the directory that the folder is in.
fn guard(isolation: &Isolation) -> &Path {
    isolation.folder().parent().unwrap()
}

fn sh(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).current_dir("/");
    command
}

/// Runs a command that must succeed. Returns its output without the final newline.
fn output(isolation: &Isolation, mut command: Command) -> String {
    command.stdout(Stdio::piped());
    let mut child = isolation.spawn(command).unwrap();
    let mut text = String::new();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success(), "{text}");
    text.trim_end().to_owned()
}

#[test]
fn a_file_made_in_tmp_is_only_in_the_folder() {
    if skipped() {
        return;
    }
    let isolation = isolation();
    let name = format!("made-{}", std::process::id());

    output(&isolation, sh(&format!("echo own >/tmp/{name}")));

    assert_eq!(fs::read(isolation.folder().join(&name)).unwrap(), b"own\n");
    assert!(!Path::new("/tmp").join(&name).exists());
}

#[test]
fn a_plugin_sees_sockets_of_the_folder_in_tmp() {
    if skipped() {
        return;
    }
    let isolation = isolation();
    let _listener = UnixListener::bind(isolation.folder().join("plugin_x.ipc")).unwrap();

    let seen = output(&isolation, sh("ls /tmp/*.ipc; test -S /tmp/plugin_x.ipc"));

    assert_eq!(seen, "/tmp/plugin_x.ipc");
}

#[test]
fn the_folders_path_is_short_and_other_users_cannot_enter_it() {
    let isolation = isolation();

    let length = isolation.folder().as_os_str().len();
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o7777;
    assert!(length < 40, "{length}");
    assert_eq!(mode(guard(&isolation)), 0o700);
    assert_eq!(mode(isolation.folder()), 0o1777);
}

#[test]
fn dropping_an_isolation_removes_the_folder_and_keeps_the_users_files() {
    if skipped() {
        return;
    }
    let user = in_tmp();
    fs::create_dir(user.path().join("sub")).unwrap();
    fs::write(user.path().join("sub/kept"), "kept").unwrap();
    let isolation = Isolation::prepare(&[user.path().join("sub")]).unwrap();
    let script = format!(
        "mkdir -p /tmp/a/b; >/tmp/a/b/c; cat {0}/sub/kept; echo new >{0}/new",
        user.path().display()
    );
    // A process that uses the folder while it is removed.
    let mut command = sh("echo ready; read -r _; test -e \"$0/sub/kept\"");
    command.arg(user.path()).stdin(Stdio::piped());
    let mut staying = isolation.spawn({
        command.stdout(Stdio::piped());
        command
    });
    let staying = staying.as_mut().unwrap();
    let mut ready = [0; 6];
    let stdout = staying.stdout.as_mut().unwrap();
    stdout.read_exact(&mut ready).unwrap();
    let seen = output(&isolation, sh(&script));
    let leftover = guard(&isolation).to_owned();

    drop(isolation);

    drop(staying.stdin.take());
    assert_eq!(seen, "kept");
    assert!(!leftover.exists());
    assert_eq!(fs::read(user.path().join("sub/kept")).unwrap(), b"kept");
    assert_eq!(fs::read(user.path().join("new")).unwrap(), b"new\n");
    staying.wait().unwrap();
}

#[test]
fn launches_share_a_tmp_only_within_one_isolation() {
    if skipped() {
        return;
    }
    let (one, two) = (isolation(), isolation());

    output(&one, sh("echo one >/tmp/mine"));

    assert_eq!(output(&two, sh("test ! -e /tmp/mine")), "");
    assert_eq!(output(&one, sh("cat /tmp/mine")), "one");
}

#[test]
fn sixteen_isolations_use_the_same_name_in_tmp() {
    if skipped() {
        return;
    }
    let (user, all) = (in_tmp(), std::sync::Barrier::new(16));
    thread::scope(|scope| {
        for number in 0..16 {
            let (user, all) = (&user, &all);
            scope.spawn(move || {
                let isolation = Isolation::prepare(&[user.path().to_owned()]).unwrap();
                let mut command = sh("echo $1 >/tmp/same; read -r _; cat /tmp/same; >$0/$1");
                command.arg(user.path()).arg(number.to_string());
                command.stdin(Stdio::piped()).stdout(Stdio::piped());
                let mut child = isolation.spawn(command).unwrap();
                all.wait();
                drop(child.stdin.take());
                let output = child.wait_with_output().unwrap();
                assert_eq!(output.stdout, format!("{number}\n").as_bytes());
            });
        }
    });

    assert_eq!(fs::read_dir(user.path()).unwrap().count(), 16);
}

#[test]
fn an_isolated_plugin_keeps_its_ids_and_can_be_killed() {
    if skipped() {
        return;
    }
    let ids = "id -u; id -g; grep ^Groups: /proc/self/status";
    let plain = sh(ids).output().unwrap();
    let isolation = isolation();

    let inside = output(&isolation, sh(ids));
    let mut child = isolation.spawn({
        let mut command = sh("read -r _");
        command.stdin(Stdio::piped()).process_group(0);
        command
    });
    let child = child.as_mut().unwrap();
    let group = rustix::process::Pid::from_child(child);
    rustix::process::kill_process_group(group, rustix::process::Signal::KILL).unwrap();

    assert_eq!(inside, String::from_utf8(plain.stdout).unwrap().trim_end());
    assert!(!child.wait().unwrap().success());
}

#[test]
fn the_hosts_mounts_do_not_change() {
    if skipped() {
        return;
    }
    let mounts = || fs::read_to_string("/proc/self/mounts").unwrap();
    let namespace = || fs::read_link("/proc/self/ns/mnt").unwrap();
    let (user, before, was) = (in_tmp(), mounts(), namespace());
    let isolation = Isolation::prepare(&[user.path().to_owned()]).unwrap();

    let inside = output(
        &isolation,
        sh("readlink /proc/self/ns/mnt; cat /proc/self/mounts"),
    );

    let (inside_namespace, inside_mounts) = inside.split_once('\n').unwrap();
    assert_ne!(Path::new(inside_namespace), was);
    assert!(inside_mounts.contains(" /tmp "), "{inside_mounts}");
    assert_eq!(namespace(), was);
    assert_eq!(mounts(), before);
}

#[test]
fn a_program_that_cannot_be_run_is_not_a_refused_isolation() {
    if skipped() {
        return;
    }
    let user = in_tmp();
    fs::write(user.path().join("plain"), "").unwrap();
    let error = |program: PathBuf| {
        let mut command = Command::new(program);
        command.env("PATH", "/usr/bin:/bin");
        match isolation().spawn(command) {
            Err(SpawnError::Program(error)) => error.kind(),
            other => panic!("{other:?}"),
        }
    };

    assert_eq!(error(user.path().join("none")), io::ErrorKind::NotFound);
    assert_eq!(error("no-such-program".into()), io::ErrorKind::NotFound);
    assert_eq!(
        error(user.path().join("plain")),
        io::ErrorKind::PermissionDenied
    );
}

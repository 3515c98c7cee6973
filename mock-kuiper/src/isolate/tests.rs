//! With real processes. Where the machine refuses namespaces, a test says so
//! and is skipped. The tests that start this binary again run the others as an
//! ordinary user, and with namespaces switched off.

use std::os::unix::fs::{MetadataExt as _, symlink};
use std::os::unix::net::UnixListener;
use std::os::unix::process::CommandExt as _;
use std::process::{Output, Stdio};
use std::thread;

use super::error::advice;
use super::namespace::Step;
use super::visible::Found;
use super::*;

/// Says that the machine refuses, and whether it does.
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

fn sh(script: &str) -> Command {
    let mut command = Command::new("/bin/sh");
    command.args(["-c", script]).current_dir("/");
    command
}

/// What a command that succeeds writes, without the last line's end.
fn output(isolation: &Isolation, mut command: Command) -> String {
    command.stdout(Stdio::piped());
    let mut child = isolation.spawn(command).unwrap();
    let mut text = String::new();
    let mut stdout = child.stdout.take().unwrap();
    stdout.read_to_string(&mut text).unwrap();
    assert!(child.wait().unwrap().success(), "{text}");
    text.trim_end().to_owned()
}

fn name(path: &Path) -> &OsStr {
    path.file_name().unwrap()
}

fn executable(path: &Path, text: &str) {
    // By another process: a descriptor of ours, open for writing, may be held
    // by another thread's child for a moment, and the file is "busy" then.
    let mut written = Command::new("/bin/sh");
    written.args(["-c", "printf %s \"$1\" >\"$0\" && chmod 755 \"$0\""]);
    assert!(written.arg(path).arg(text).status().unwrap().success());
}

#[test]
fn a_file_made_in_tmp_lands_in_the_folder_alone() {
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
fn a_socket_in_the_folder_is_in_the_plugins_tmp() {
    if skipped() {
        return;
    }
    let isolation = isolation();
    let _listener = UnixListener::bind(isolation.folder().join("plugin_x.ipc")).unwrap();

    let seen = output(&isolation, sh("ls /tmp/*.ipc; test -S /tmp/plugin_x.ipc"));

    assert_eq!(seen, "/tmp/plugin_x.ipc");
}

#[test]
fn the_folders_path_is_below_forty_bytes_and_closed_to_others() {
    let isolation = isolation();

    let length = isolation.folder().as_os_str().len();
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o7777;
    assert!(length < 40, "{length}");
    assert_eq!(mode(isolation.leftover()), 0o700);
    assert_eq!(mode(isolation.folder()), 0o1777);
    assert!(isolation.folder().starts_with(isolation.leftover()));
}

#[test]
fn a_dropped_isolation_leaves_nothing_of_its_own_and_all_of_the_users() {
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
    // Still there while the folder is removed, with all of it in use.
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
    let leftover = isolation.leftover().to_owned();

    drop(isolation);

    drop(staying.stdin.take());
    assert_eq!(seen, "kept");
    assert!(!leftover.exists());
    assert_eq!(fs::read(user.path().join("sub/kept")).unwrap(), b"kept");
    assert_eq!(fs::read(user.path().join("new")).unwrap(), b"new\n");
    staying.wait().unwrap();
}

#[test]
fn siblings_of_what_is_visible_are_visible_and_other_entries_are_not() {
    if skipped() {
        return;
    }
    let (user, other) = (in_tmp(), in_tmp());
    fs::create_dir_all(user.path().join("venv/bin")).unwrap();
    fs::write(user.path().join("venv/pyvenv.cfg"), "home").unwrap();
    let isolation = Isolation::prepare(&[user.path().join("venv/bin")]).unwrap();

    let mut command = sh("cat \"$0/venv/pyvenv.cfg\"; test ! -e \"/tmp/$1\"");
    command.arg(user.path()).arg(name(other.path()));

    assert_eq!(output(&isolation, command), "home");
}

#[test]
fn the_working_directory_is_where_it_was() {
    if skipped() {
        return;
    }
    let user = in_tmp();
    let mut command = Command::new("/bin/sh");
    command
        .args(["-c", "/bin/pwd; >made"])
        .current_dir(user.path());

    let seen = output(&isolation(), command);

    assert_eq!(Path::new(&seen), user.path());
    assert!(user.path().join("made").exists());
}

#[test]
fn a_working_directory_that_is_tmp_is_the_folder() {
    if skipped() {
        return;
    }
    let isolation = isolation();
    let mut command = Command::new("/bin/sh");
    command.args(["-c", "/bin/pwd; >made"]).current_dir("/tmp");

    assert_eq!(output(&isolation, command), "/tmp");
    assert!(isolation.folder().join("made").exists());
}

#[test]
fn a_program_its_interpreter_and_its_arguments_are_seen_where_they_are() {
    if skipped() {
        return;
    }
    let (venv, python, plugin) = (in_tmp(), in_tmp(), in_tmp());
    fs::create_dir(python.path().join("bin")).unwrap();
    symlink("/bin/sh", python.path().join("bin/python3.11")).unwrap();
    symlink("python3.11", python.path().join("bin/python3")).unwrap();
    fs::create_dir(venv.path().join("bin")).unwrap();
    let python = python.path().join("bin/python3");
    symlink(python, venv.path().join("bin/python")).unwrap();
    fs::write(plugin.path().join("main.py"), "echo \"$0\"").unwrap();
    let main = plugin.path().join("main.py");

    let mut by_path = Command::new(venv.path().join("bin/python"));
    by_path.arg(&main).current_dir("/");
    let mut searched = Command::new("python");
    searched.arg(&main).current_dir("/");
    searched.env("PATH", venv.path().join("bin"));

    let isolation = isolation();
    assert_eq!(Path::new(&output(&isolation, by_path)), main);
    assert_eq!(Path::new(&output(&isolation, searched)), main);
}

#[test]
fn a_script_finds_what_its_first_line_names() {
    if skipped() {
        return;
    }
    let (interpreter, plugin) = (in_tmp(), in_tmp());
    symlink("/bin/sh", interpreter.path().join("interpreter")).unwrap();
    let first = format!("#!{}/interpreter\n", interpreter.path().display());
    executable(&plugin.path().join("named"), &(first + "echo named"));
    let first = "#!/usr/bin/env interpreter\n".to_owned();
    executable(&plugin.path().join("searched"), &(first + "echo searched"));
    let isolation = isolation();

    let named = Command::new(plugin.path().join("named"));
    let mut searched = Command::new("./searched");
    searched.current_dir(plugin.path());
    let mut path = interpreter.path().as_os_str().to_owned();
    path.push(":/usr/bin:/bin");
    searched.env("PATH", path);

    assert_eq!(output(&isolation, named), "named");
    assert_eq!(output(&isolation, searched), "searched");
}

#[test]
fn a_file_right_in_tmp_is_bound_and_tmp_itself_is_an_error() {
    if skipped() {
        return;
    }
    let file = tempfile::NamedTempFile::new_in("/tmp").unwrap();
    let isolation = isolation();
    let mut command = sh("cat \"$0\"; echo written >>\"$0\"");
    command.arg(file.path());

    output(&isolation, command);
    let error = Isolation::prepare(&[PathBuf::from("/usr/../tmp/.")]).unwrap_err();

    assert_eq!(fs::read(file.path()).unwrap(), b"written\n");
    assert_eq!(
        error.to_string(),
        "a plugin cannot have a /tmp of its own and see /usr/../tmp/., which is /tmp itself; \
         move the plugin to a directory of its own"
    );
}

#[test]
fn symbolic_links_lead_through_tmp_and_tmp_may_be_one() {
    if skipped() {
        return;
    }
    let root = in_tmp();
    let at = |path: &str| root.path().join(path);
    fs::create_dir_all(at("private/tmp/plugin")).unwrap();
    fs::create_dir(at("home")).unwrap();
    fs::write(at("home/file"), "home").unwrap();
    fs::write(at("private/tmp/plugin/file"), "plugin").unwrap();
    symlink("private/tmp", at("tmp")).unwrap();
    symlink("plugin", at("private/tmp/near")).unwrap();
    symlink("../../home", at("private/tmp/far")).unwrap();
    let visible = [
        at("tmp/near/file"),
        at("tmp/far/file"),
        root.path().to_owned(),
    ];
    let isolation = Isolation::over(&at("tmp"), &visible).unwrap();

    let mut command = sh("cd \"$0/tmp\"; cat near/file plugin/file far/file");
    command.arg(root.path());

    assert_eq!(output(&isolation, command), "pluginpluginhome");
    drop(isolation);
    assert!(at("private/tmp/plugin/file").exists() && at("home/file").exists());
}

#[test]
fn a_look_up_names_each_entry_on_the_way() {
    let root = in_tmp();
    let tmp = fs::canonicalize(root.path()).unwrap().join("tmp");
    fs::create_dir_all(tmp.join("a/b")).unwrap();
    symlink("loop", tmp.join("loop")).unwrap();
    symlink(tmp.join("a/b"), root.path().join("link")).unwrap();
    let found = |path: &Path| {
        let Found { entries, is_tmp } = look_up(&tmp, path);
        (entries.into_iter().collect::<Vec<_>>(), is_tmp)
    };

    assert_eq!(found(&tmp.join("a/b/missing")), (vec!["a".into()], false));
    assert_eq!(found(&root.path().join("link")), (vec!["a".into()], false));
    assert_eq!(found(&tmp.join("a/..")), (vec!["a".into()], true));
    assert_eq!(found(&tmp.join("missing/a")), (vec![], false));
    assert_eq!(found(&tmp.join("loop/a")), (vec!["loop".into()], false));
    assert_eq!(found(Path::new("/usr/bin")), (vec![], false));
}

#[test]
fn two_isolations_see_nothing_of_each_other_and_a_second_launch_sees_the_first() {
    if skipped() {
        return;
    }
    let (one, two) = (isolation(), isolation());

    output(&one, sh("echo one >/tmp/mine"));

    assert_eq!(output(&two, sh("test ! -e /tmp/mine")), "");
    assert_eq!(output(&one, sh("cat /tmp/mine")), "one");
}

#[test]
fn sixteen_at_once_use_the_same_name_in_tmp() {
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
fn the_plugin_keeps_its_ids_its_group_and_can_be_killed() {
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
fn the_hosts_mounts_stay_as_they_are() {
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
fn a_program_that_cannot_be_run_is_no_refusal() {
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

#[test]
fn a_temporary_directory_that_is_not_visible_is_not_named() {
    if skipped() {
        return;
    }
    let user = in_tmp();
    let with = |isolation: Isolation| {
        let mut command = sh("echo \"${TMPDIR-none}\"");
        command.env("TMPDIR", user.path());
        output(&isolation, command)
    };

    assert_eq!(with(isolation()), "none");
    assert_eq!(
        Path::new(&with(
            Isolation::prepare(&[user.path().to_owned()]).unwrap()
        )),
        user.path()
    );
}

/// Runs tests of this module again, in what `script` makes of `"$@"`.
fn again(script: &str, tests: &[&str]) -> Output {
    // A copy that everybody may run: the binary may lie in a closed directory.
    let directory = in_tmp();
    let copy = directory.path().join("tests");
    fs::set_permissions(directory.path(), Permissions::from_mode(0o755)).unwrap();
    let copied = Command::new("cp")
        .arg(env::current_exe().unwrap())
        .arg(&copy)
        .status();
    assert!(copied.unwrap().success());
    let mut command = Command::new("/bin/sh");
    command.args(["-ec", script, "sh"]).arg(&copy).args(tests);
    command
        .current_dir("/")
        .env_clear()
        .env("PATH", "/usr/sbin:/usr/bin:/sbin:/bin")
        .output()
        .unwrap()
}

fn is_root() -> bool {
    rustix::process::geteuid().is_root()
}

#[test]
fn an_ordinary_user_is_isolated_alike() {
    if skipped() {
        return;
    }
    if !is_root() {
        eprintln!("skipped: it is what all tests are run as");
        return;
    }
    let script = "exec setpriv --reuid 65534 --regid 65534 --clear-groups -- \"$@\"";

    let ran = again(
        script,
        &[
            "isolate::tests::",
            "--nocapture",
            "--skip=an_ordinary_user",
            "--skip=namespaces_that_are",
            "--skip=nothing_is_mounted",
        ],
    );

    let text = String::from_utf8_lossy(&ran.stdout);
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{text}{errors}");
    assert!(text.contains("sixteen_at_once"), "{text}");
    for line in errors.lines().filter(|line| line.starts_with("skipped")) {
        eprintln!("an ordinary user: {line}");
    }
}

#[test]
fn nothing_is_mounted_where_mounts_are_shared() {
    if skipped() {
        return;
    }
    // As most distributions have it; in a namespace of its own all the same.
    let script = "exec unshare --user --map-root-user --mount --propagation private /bin/sh -ec \
                  'mount --make-rshared /; exec \"$@\"' sh \"$@\"";

    let ran = again(
        script,
        &["the_hosts_mounts_stay_as_they_are", "--nocapture"],
    );

    let text = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{ran:?}");
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "says what is refused, for the test below"]
fn prints_what_is_refused() {
    let refused = refused().map(ToString::to_string);
    println!("refused: {}", refused.as_deref().unwrap_or("nothing"));
}

#[test]
fn namespaces_that_are_switched_off_are_named() {
    if skipped() {
        return;
    }
    // In a user namespace, which has limits of its own.
    let refused = |script: &str| {
        let inner = format!("unshare --user --map-root-user /bin/sh -ec '{script}' sh \"$@\"");
        let tests = ["--ignored", "--nocapture", "prints_what_is_refused"];
        let ran = again(&inner, &tests);
        let text = String::from_utf8_lossy(&ran.stdout).into_owned();
        assert!(ran.status.success(), "{text}{ran:?}");
        let line = text
            .lines()
            .find(|line| line.contains("refused: "))
            .unwrap();
        line.split_once("refused: ").unwrap().1.to_owned()
    };

    let user = refused(
        "echo 0 >/proc/sys/user/max_user_namespaces; \
         exec setpriv --bounding-set=-sys_admin -- \"$@\"",
    );
    let mount = refused("echo 0 >/proc/sys/user/max_mnt_namespaces; exec \"$@\"");

    assert_eq!(
        user,
        "the plugin cannot have a /tmp of its own: the system refuses a user namespace: No space \
         left on device (os error 28); /proc/sys/user/max_user_namespaces is 0: run `sysctl \
         user.max_user_namespaces=15000` as root; or run without isolation, one plugin at a time"
    );
    assert!(mount.contains("refuses a mount namespace"), "{mount}");
    assert!(
        mount.contains("/proc/sys/user/max_mnt_namespaces is 0"),
        "{mount}"
    );
}

#[test]
fn a_refusal_names_the_setting_that_is_the_cause() {
    let advice = |step, error: i32, settings: &[(&str, &str)]| {
        advice(step, &io::Error::from_raw_os_error(error), &|path| {
            let found = settings.iter().find(|(end, _)| path.ends_with(end));
            found.map(|(_, value)| (*value).to_owned())
        })
    };
    let (eperm, eacces, einval, enospc) = (1, 13, 22, 28);
    let cases = [
        (
            advice(
                Step::UserNamespace,
                eperm,
                &[("/unprivileged_userns_clone", "0")],
            ),
            "sysctl kernel.unprivileged_userns_clone=1",
        ),
        (
            advice(
                Step::Ids,
                eacces,
                &[
                    ("/unprivileged_userns_clone", "1"),
                    ("/apparmor_restrict_unprivileged_userns", "1"),
                ],
            ),
            "sysctl kernel.apparmor_restrict_unprivileged_userns=0",
        ),
        (
            advice(
                Step::UserNamespace,
                eperm,
                &[("/self/status", "Name:\tx\nSeccomp:\t2\n")],
            ),
            "a seccomp filter is in force: in a container",
        ),
        (
            advice(
                Step::Private,
                eacces,
                &[("/attr/current", "docker-default (enforce)")],
            ),
            "the AppArmor profile `docker-default (enforce)` is in force",
        ),
        (
            advice(Step::UserNamespace, eperm, &[]),
            "it is not said which setting is the cause",
        ),
        (
            advice(
                Step::UserNamespace,
                enospc,
                &[("/max_user_namespaces", "64")],
            ),
            "/proc/sys/user/max_user_namespaces is 64, and that many exist",
        ),
        (
            advice(Step::UserNamespace, einval, &[]),
            "built without user namespaces",
        ),
        (advice(Step::Private, einval, &[]), "a chroot"),
    ];

    for (advice, words) in cases {
        assert!(advice.contains(words), "{advice}\nshould say: {words}");
    }
}

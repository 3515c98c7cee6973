//! What an isolated plugin sees of the real `/tmp`.

use std::os::unix::fs::symlink;

use super::super::visible::Found;
use super::*;

fn name(path: &Path) -> &OsStr {
    path.file_name().unwrap()
}

fn executable(path: &Path, text: &str) {
    // Written by another process: a child of another thread may inherit a
    // descriptor of this one for a moment, and the file would be "busy".
    let mut written = Command::new("/bin/sh");
    written.args(["-c", "printf %s \"$1\" >\"$0\" && chmod 755 \"$0\""]);
    assert!(written.arg(path).arg(text).status().unwrap().success());
}

#[test]
fn a_visible_path_makes_its_whole_entry_of_tmp_visible() {
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
fn the_working_directory_keeps_its_path() {
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
fn the_working_directory_tmp_is_replaced_by_the_folder() {
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
fn programs_interpreters_and_arguments_keep_their_paths() {
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
fn a_script_finds_the_interpreter_of_its_first_line() {
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
fn a_file_in_tmp_is_visible_and_tmp_itself_is_an_error() {
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
        "cannot isolate a plugin that needs /usr/../tmp/., which is /tmp itself; move the plugin \
         to a directory of its own"
    );
}

#[test]
fn symbolic_links_are_followed_and_tmp_may_be_one() {
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
fn a_look_up_finds_each_entry_of_tmp_on_the_way() {
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
fn tmpdir_is_removed_if_its_directory_is_not_visible() {
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

#[test]
fn a_path_that_is_not_there_is_an_error() {
    if skipped() {
        return;
    }
    let missing = in_tmp().path().join("missing");

    let error = Isolation::prepare(std::slice::from_ref(&missing)).unwrap_err();

    assert_eq!(
        error.to_string(),
        format!(
            "cannot let the plugin see {}: No such file or directory (os error 2); correct the path",
            missing.display()
        )
    );
}

#[test]
fn a_socket_in_tmp_is_visible_if_it_was_chosen() {
    if skipped() {
        return;
    }
    let path = format!("/tmp/isolate-test-{}.sock", std::process::id());
    let _listener = UnixListener::bind(&path).unwrap();
    let with = |visible: &[PathBuf], variable: Option<&str>| {
        let mut command = sh("test -S \"$0\" && echo there || echo missing");
        command.arg(&path);
        if let Some(name) = variable {
            command.env(name, &path);
        }
        output(&Isolation::prepare(visible).unwrap(), command)
    };

    let seen = [
        with(&[], None),
        with(&[path.clone().into()], None),
        with(&[], Some("REDIS_SOCKET")),
    ];
    fs::remove_file(&path).unwrap();

    assert_eq!(seen, ["missing", "there", "there"]);
}

#[test]
fn a_chosen_socket_does_not_hide_one_of_the_host() {
    if skipped() {
        return;
    }
    let path = format!("/tmp/isolate-test-{}.ipc", std::process::id());
    let _foreign = UnixListener::bind(&path).unwrap();
    let isolation = Isolation::prepare(&[path.clone().into()]).unwrap();
    let own = isolation.folder().join(name(Path::new(&path)));
    let _own = UnixListener::bind(&own).unwrap();
    let mut command = sh("stat -c %i \"$0\"");
    command.arg(&path);

    let seen = output(&isolation, command);
    fs::remove_file(&path).unwrap();

    assert_eq!(seen, own.metadata().unwrap().ino().to_string());
}

#[test]
fn what_a_variable_of_the_plugin_names_in_tmp_is_visible() {
    if skipped() {
        return;
    }
    let user = in_tmp();
    let file = user.path().join("ca.pem");
    fs::write(&file, "certificate").unwrap();
    let mut own = sh("cat \"$ANY\"");
    own.env("ANY", &file);
    let mut list = sh("cat \"${LIST#*:}\"");
    list.env("LIST", format!("/usr:{}", file.display()));

    let isolation = isolation();
    assert_eq!(output(&isolation, own), "certificate");
    assert_eq!(output(&isolation, list), "certificate");
}

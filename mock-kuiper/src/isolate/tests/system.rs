//! Isolation for other users and on other systems: the tests are run again as an
//! ordinary user, and with namespaces disabled.

use std::process::Output;

use super::super::error::advice;
use super::super::step::Step;
use super::*;

/// Runs tests of this module again, as `script` runs `"$@"`.
fn again(script: &str, tests: &[&str]) -> Output {
    // A copy that every user may run: the binary may be in a private directory.
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
fn an_ordinary_user_can_isolate_a_plugin() {
    if skipped() {
        return;
    }
    if !is_root() {
        eprintln!("skipped: all tests are run as an ordinary user");
        return;
    }
    let script = "exec setpriv --reuid 65534 --regid 65534 --clear-groups -- \"$@\"";

    let ran = again(
        script,
        &[
            "isolate::tests::",
            "--nocapture",
            "--skip=an_ordinary_user",
            "--skip=the_limit_that_disables",
            "--skip=nothing_is_mounted",
        ],
    );

    let text = String::from_utf8_lossy(&ran.stdout);
    let errors = String::from_utf8_lossy(&ran.stderr);
    assert!(ran.status.success(), "{text}{errors}");
    assert!(text.contains("sixteen_isolations"), "{text}");
    for line in errors.lines().filter(|line| line.starts_with("skipped")) {
        eprintln!("an ordinary user: {line}");
    }
}

#[test]
fn nothing_is_mounted_outside_even_if_mounts_are_shared() {
    if skipped() {
        return;
    }
    // Most distributions share mounts. The test does so in its own namespace.
    let script = "exec unshare --user --map-root-user --mount --propagation private /bin/sh -ec \
                  'mount --make-rshared /; exec \"$@\"' sh \"$@\"";

    let ran = again(script, &["the_hosts_mounts_do_not_change", "--nocapture"]);

    let text = String::from_utf8_lossy(&ran.stdout);
    assert!(ran.status.success(), "{ran:?}");
    assert!(text.contains("1 passed"), "{text}");
}

#[test]
#[ignore = "prints what is refused, for the test below"]
fn prints_what_is_refused() {
    let refused = refused().map(ToString::to_string);
    println!("refused: {}", refused.as_deref().unwrap_or("nothing"));
}

#[test]
fn the_limit_that_disables_namespaces_is_named() {
    if skipped() {
        return;
    }
    // In a user namespace, which has its own limits.
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
        "cannot isolate the plugin: the system refuses a user namespace: No space left on device \
         (os error 28); /proc/sys/user/max_user_namespaces is 0: run `sysctl \
         user.max_user_namespaces=15000` as root; or run one plugin at a time, without isolation"
    );
    assert!(mount.contains("refuses a mount namespace"), "{mount}");
    assert!(
        mount.contains("/proc/sys/user/max_mnt_namespaces is 0"),
        "{mount}"
    );
}

#[test]
fn the_error_names_the_setting_that_prevents_isolation() {
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
            "the setting that is the cause is unknown",
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
            "the kernel has no user namespaces",
        ),
        (advice(Step::Private, einval, &[]), "a chroot"),
    ];

    for (advice, words) in cases {
        assert!(advice.contains(words), "{advice}\nshould say: {words}");
    }
}

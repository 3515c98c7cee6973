use std::fs;

use super::common::{Done, mock_kuiper};

#[test]
fn each_subcommand_but_the_hidden_one_has_a_man_page_and_completions() {
    let place = tempfile::tempdir().unwrap();

    let done = Done::of(mock_kuiper().arg("pages").arg(place.path().join("pages")));

    assert_eq!(
        (done.status, done.stdout, done.stderr),
        (0, String::new(), String::new())
    );
    let entries = fs::read_dir(place.path().join("pages/man/man1")).unwrap();
    let mut pages: Vec<_> = entries
        .map(|entry| entry.unwrap().file_name().into_string().unwrap())
        .collect();
    pages.sort();
    let subcommands = [
        "-bench",
        "-check",
        "-conformance",
        "-explain",
        "-hosts",
        "-new",
        "-pack",
        "-record",
        "-replay",
        "-run",
        "-serve",
        "-test",
        "-trace",
        "",
    ];
    assert_eq!(
        pages,
        subcommands.map(|name| format!("mock-kuiper{name}.1"))
    );
    for (file, text) in [
        (
            "completions/mock-kuiper.bash",
            "mock__kuiper__subcmd__conformance",
        ),
        ("completions/mock-kuiper.fish", "-a \"conformance\""),
        ("completions/_mock-kuiper", "conformance:Test a plugin"),
        ("man/man1/mock-kuiper-run.1", "\\-\\-require\\-ack"),
        (
            "man/man1/mock-kuiper-run.1",
            "\n.SH NOTES\n.nf\nExamples:\n",
        ),
    ] {
        let content = fs::read_to_string(place.path().join("pages").join(file)).unwrap();
        assert!(content.contains(text), "{file}: {content}");
        assert!(!content.contains("pages"), "{file}: {content}");
    }
}

#[test]
fn the_help_lists_the_suite_and_not_what_a_package_needs() {
    let help = Done::of(mock_kuiper().arg("--help")).stdout;

    assert!(help.contains("\n  conformance  Test a plugin"), "{help}");
    assert!(!help.contains("pages"), "{help}");
}

#[test]
fn pages_that_cannot_be_written_are_a_system_error() {
    let done = Done::of(mock_kuiper().args(["pages", "/dev/null/pages"]));

    assert_eq!(
        done.stderr,
        "error: cannot write to /dev/null/pages: Not a directory (os error 20)\n"
    );
    assert_eq!(done.status, 3);
}

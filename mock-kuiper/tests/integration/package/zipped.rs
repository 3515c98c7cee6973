use super::common::{Done, FILES, Plugin, SCRIPT, write_zip};

/// Checks a valid plugin as a zip, after `change` has changed the entries.
fn check(change: impl Fn(&mut Vec<(&'static str, u32, &'static [u8])>)) -> Done {
    let mut entries: Vec<(&str, u32, &[u8])> = FILES
        .iter()
        .map(|(name, text)| {
            let mode = if *name == "mirror" { 0o755 } else { 0o644 };
            (*name, mode, text.as_bytes())
        })
        .collect();
    change(&mut entries);
    let place = Plugin::empty();
    write_zip(&place.place().join("mirror.zip"), &entries);
    place.run_on("mirror.zip", "check", &[])
}

fn name_of<'a>(
    entries: &'a mut [(&'static str, u32, &'static [u8])],
    name: &str,
) -> &'a mut (&'static str, u32, &'static [u8]) {
    entries.iter_mut().find(|entry| entry.0 == name).unwrap()
}

#[test]
fn a_valid_zip_has_no_findings() {
    check(|_| ()).assert_findings(0, &[]);
}

#[test]
fn the_json_must_be_at_the_top_level_under_its_plain_name() {
    check(|entries| name_of(entries, "mirror.json").0 = "./mirror.json").assert_findings(
        1,
        &[
            "error    mirror.json: must have exactly the name `mirror.json` in the zip; pack it \
             again",
        ],
    );
    let below = check(|entries| name_of(entries, "mirror.json").0 = "below/mirror.json");
    assert!(below.findings()[0].contains("pack the contents of the plugin's directory"));
    assert_eq!(below.status, 1);
}

#[test]
fn the_executable_must_be_executable_in_the_zip() {
    check(|entries| name_of(entries, "mirror").1 = 0o644).assert_findings(
        1,
        &[
            "error    mirror.json: `executable`: mirror is not executable; make it executable, and \
             pack it again",
        ],
    );
}

#[test]
fn a_nested_directory_needs_an_entry_for_the_outer_one() {
    check(|entries| {
        entries.push(("lib/deep/a.py", 0o644, b""));
        entries.push(("lib/deep/b.py", 0o644, b""));
    })
    .assert_findings(
        1,
        &[
            "error    lib/deep/a.py: eKuiper cannot unpack it, since the zip has no entry `lib/` \
             before it; pack the zip again with entries for directories, or with \
             `mock-kuiper pack`",
        ],
    );
    check(|entries| {
        entries.push(("lib/", 0o755, b""));
        entries.push(("lib/deep/a.py", 0o644, b""));
        entries.push(("other/first", 0o644, b""));
        entries.push(("other/deep/a.py", 0o644, b""));
    })
    .assert_findings(0, &[]);
}

#[test]
fn the_name_of_a_zip_must_end_with_zip() {
    let plugin = Plugin::new();
    plugin.run("pack", &[]);
    let zip = plugin.place().join("mirror.zip");
    std::fs::rename(&zip, zip.with_extension("jar")).unwrap();

    plugin.run_on("mirror.jar", "check", &[]).assert_findings(
        1,
        &["error    eKuiper installs only files whose name ends with `.zip`; rename it"],
    );
}

#[test]
fn a_zip_that_cannot_be_unpacked_is_an_error() {
    let place = Plugin::empty();
    std::fs::write(place.place().join("mirror.zip"), SCRIPT).unwrap();

    let done = place.run_on("mirror.zip", "check", &[]);

    assert!(
        done.findings()[0].starts_with("error    is not a readable zip: "),
        "{done:#?}"
    );
    assert_eq!(done.status, 1);
    let out = check(|entries| entries.push(("../out\u{1b}", 0o644, b"")));
    assert!(
        out.findings()[0].starts_with("error    `../out\\u{1b}`: would be unpacked outside"),
        "{out:#?}"
    );
}

#[test]
fn a_name_with_a_backslash_is_an_error() {
    check(|entries| entries.push(("sources\\s.yaml", 0o644, b""))).assert_findings(
        1,
        &[
            "error    `sources\\s.yaml`: has a backslash in its name, which eKuiper refuses; pack \
             it again with `/`",
        ],
    );
}

use crate::common::{Done, FILES, Plugin, SCRIPT, write_zip};

/// Checks the plugin without fault as a zip: `change` may change the entries.
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
fn a_zip_without_fault_is_fine() {
    check(|_| ()).assert_findings(0, &[]);
}

#[test]
fn the_json_has_to_stand_at_the_top_under_its_plain_name() {
    check(|entries| name_of(entries, "mirror.json").0 = "./mirror.json").assert_findings(
        1,
        &[
            "error    mirror.json: stands in the zip under another name than `mirror.json`; pack \
           it anew",
        ],
    );
    let below = check(|entries| name_of(entries, "mirror.json").0 = "below/mirror.json");
    assert!(below.findings()[0].contains("pack the contents of the directory"));
    assert_eq!(below.status, 1);
}

#[test]
fn nothing_gives_the_executable_its_bit_back() {
    check(|entries| name_of(entries, "mirror").1 = 0o644).assert_findings(
        1,
        &[
            "error    mirror.json: `executable`: mirror is not executable; make it so, and pack it \
           again",
        ],
    );
}

#[test]
fn a_directory_in_a_directory_needs_an_entry_for_the_first() {
    check(|entries| {
        entries.push(("lib/deep/a.py", 0o644, b""));
        entries.push(("lib/deep/b.py", 0o644, b""));
    })
    .assert_findings(
        1,
        &[
            "error    lib/deep/a.py: eKuiper cannot unpack it: the zip has no entry `lib/` before \
           it; pack it with `mock-kuiper pack`, or with entries for directories",
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
fn the_name_has_to_end_with_zip() {
    let plugin = Plugin::new();
    plugin.run("pack", &[]);
    let zip = plugin.place().join("mirror.zip");
    std::fs::rename(&zip, zip.with_extension("jar")).unwrap();

    plugin.run_on("mirror.jar", "check", &[]).assert_findings(
        1,
        &["error    eKuiper installs no other file than a `.zip`; let the name end so"],
    );
}

#[test]
fn a_zip_that_cannot_be_unpacked_fell_short() {
    let place = Plugin::empty();
    std::fs::write(place.place().join("mirror.zip"), SCRIPT).unwrap();

    let done = place.run_on("mirror.zip", "check", &[]);

    assert!(
        done.findings()[0].starts_with("error    is not a zip that can be read: "),
        "{done:#?}"
    );
    assert_eq!(done.status, 1);
    let out = check(|entries| entries.push(("../out\u{1b}", 0o644, b"")));
    assert!(
        out.findings()[0].starts_with("error    `../out\\u{1b}`: leads out of the plugin's"),
        "{out:#?}"
    );
}

//! Reading plugins from directories and zips.

use std::fs;
use std::io::Write as _;
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use serde_json::{Value, json};
use tempfile::TempDir;
use zip::write::{SimpleFileOptions, ZipWriter};

use super::*;
use crate::release::Release;

/// Makes a directory that holds `mirror`, with this json and an executable.
fn plugin(json: &str) -> TempDir {
    let root = TempDir::new().unwrap();
    let directory = root.path().join("mirror");
    fs::create_dir(&directory).unwrap();
    fs::write(directory.join("mirror.json"), json).unwrap();
    fs::write(directory.join("mirror"), "#!/bin/sh\n").unwrap();
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(directory.join("mirror"), executable).unwrap();
    root
}

const GOOD: &str = r#"{"version":"1.0.0","language":"go","executable":"mirror",
    "sources":["random"],"sinks":[],"functions":["echo"]}"#;

/// Returns the mistakes of a plugin, without the path of `root`.
fn mistakes(root: &TempDir, name: &str) -> Vec<String> {
    let prefix = format!("{}/", fs::canonicalize(root.path()).unwrap().display());
    let error = Package::open(&root.path().join(name)).unwrap_err();
    let text = error.to_string().replace(&prefix, "");
    text.lines().map(str::to_owned).collect()
}

fn write_zip(path: &Path, files: &[(&str, u32, &str)]) {
    let mut zip = ZipWriter::new(fs::File::create(path).unwrap());
    for (name, mode, text) in files {
        let options = SimpleFileOptions::default()
            .compression_method(zip::CompressionMethod::Stored)
            .unix_permissions(*mode);
        zip.start_file(*name, options).unwrap();
        zip.write_all(text.as_bytes()).unwrap();
    }
    zip.finish().unwrap();
}

#[test]
fn a_plugin_is_read_from_its_directory() {
    let root = plugin(GOOD);

    let package = Package::open(&root.path().join("mirror")).unwrap();

    let manifest = package.manifest();
    assert_eq!(manifest.name, "mirror");
    assert_eq!(manifest.version, "1.0.0");
    assert_eq!(manifest.language, Language::Native);
    assert_eq!(manifest.executable, package.directory().join("mirror"));
    assert_eq!(manifest.sources, ["random"]);
    assert_eq!(manifest.sinks, [] as [&str; 0]);
    assert_eq!(manifest.functions, ["echo"]);
}

#[test]
fn a_plugin_has_the_name_of_its_json_not_of_its_directory() {
    let root = plugin(GOOD);
    fs::rename(root.path().join("mirror"), root.path().join("other")).unwrap();
    fs::write(root.path().join("other/package.json"), "{}").unwrap();

    let package = Package::open(&root.path().join("other")).unwrap();

    assert_eq!(package.manifest().name, "mirror");
}

#[test]
fn all_mistakes_are_reported_at_once() {
    let root = plugin(
        r#"{"name":"miror","version":1,"language":"rust","executable":"nothing",
            "sources":["a",2,"a"],"sinks":"b","functions":[]}"#,
    );

    assert_eq!(
        mistakes(&root, "mirror"),
        [
            "mirror/mirror.json: `name`: expected `mirror`, the file's name, found `miror`; \
             rename one of them",
            "mirror/mirror.json: `version`: expected a string, found `1`",
            "mirror/mirror.json: `language`: expected `go` (any native executable) or `python`, \
             found `rust`",
            "mirror/mirror.json: `executable`: cannot find mirror/nothing: No such file or \
             directory (os error 2); build it, or correct the name",
            "mirror/mirror.json: `sources[1]`: expected a name, found `2`",
            "mirror/mirror.json: `sinks`: expected a list of names, found the string `b`",
        ]
    );
}

#[test]
fn a_name_that_is_listed_twice_counts_once() {
    let root = plugin(&GOOD.replace(r#"["echo"]"#, r#"["echo","echo"]"#));

    let package = Package::open(&root.path().join("mirror")).unwrap();

    assert_eq!(package.manifest().functions, ["echo"]);
}

#[test]
fn missing_fields_are_reported_one_by_one() {
    let root = plugin("{}");

    assert_eq!(
        mistakes(&root, "mirror"),
        [
            "mirror/mirror.json: `language`: is missing; set it to `go` (any native executable) \
             or `python`",
            "mirror/mirror.json: `executable`: is missing; name a file in the plugin's directory",
            "mirror/mirror.json: `sources, sinks, functions`: all three are empty; name at least \
             one symbol",
        ]
    );
}

#[test]
fn invalid_json_is_reported_with_line_and_column() {
    let root = plugin("{\n  \"language\": go\n}");

    assert_eq!(
        mistakes(&root, "mirror"),
        ["mirror/mirror.json: is not valid JSON: expected value at line 2 column 15"]
    );
}

#[test]
fn only_a_native_plugin_must_be_executable() {
    let root = plugin(GOOD);
    let file = root.path().join("mirror/mirror");
    fs::set_permissions(file, fs::Permissions::from_mode(0o644)).unwrap();

    assert_eq!(
        mistakes(&root, "mirror"),
        [
            "mirror/mirror.json: `executable`: mirror/mirror is not executable; \
          run `chmod +x mirror/mirror`"
        ]
    );
    let python = GOOD.replace("\"go\"", "\"python\"");
    fs::write(root.path().join("mirror/mirror.json"), python).unwrap();
    assert!(Package::open(&root.path().join("mirror")).is_ok());
}

#[test]
fn a_python_plugin_may_name_a_conda_environment() {
    let with = |fields: &str| plugin(&GOOD.replace("\"go\"", &format!("\"python\",{fields}")));
    let conda = with(r#""virtualEnvType":"conda","env":"ml""#);
    let no_env = with(r#""virtualEnvType":"conda""#);
    let venv = with(r#""virtualEnvType":"venv","env":"ml""#);

    let package = Package::open(&conda.path().join("mirror")).unwrap();

    let virtual_env = Some("ml".to_owned());
    assert_eq!(
        package.manifest().language,
        Language::Python { virtual_env }
    );
    assert_eq!(
        mistakes(&no_env, "mirror"),
        ["mirror/mirror.json: `env`: is missing; name the conda environment"]
    );
    assert_eq!(
        mistakes(&venv, "mirror"),
        [
            "mirror/mirror.json: `virtualEnvType`: expected `conda`, the only type that eKuiper \
             knows, found `venv`"
        ]
    );
}

#[test]
fn a_path_without_a_plugin_is_rejected_with_the_reason() {
    let root = TempDir::new().unwrap();
    fs::create_dir(root.path().join("empty")).unwrap();
    fs::create_dir(root.path().join("two")).unwrap();
    fs::write(root.path().join("two/a.json"), GOOD).unwrap();
    fs::write(root.path().join("two/b.json"), GOOD).unwrap();
    fs::write(root.path().join("file.zip"), "no zip").unwrap();

    assert!(mistakes(&root, "absent")[0].contains("no such directory or zip"));
    assert!(mistakes(&root, "empty")[0].contains("it has no NAME.json at its top level"));
    assert!(mistakes(&root, "two")[0].contains("the plugin's json: `a.json`, `b.json`"));
    assert!(mistakes(&root, "file.zip")[0].contains("is not a readable zip"));
}

#[test]
fn a_section_of_a_sources_yaml_overlays_default() {
    let root = plugin(GOOD);
    let directory = root.path().join("mirror");
    fs::create_dir(directory.join("sources")).unwrap();
    let yaml = "default:\n  interval: 9007199254740993\n  seed: 1\nfast:\n  interval: 10\n";
    fs::write(directory.join("sources/random.yaml"), yaml).unwrap();
    let package = Package::open(&directory).unwrap();
    let release = Release::find("2.4").unwrap();
    let config = |source, key| {
        let config = package.source_config(source, key, release).unwrap();
        Value::Object(config.properties)
    };

    assert_eq!(
        config("random", None),
        json!({"interval": 9_007_199_254_740_993_u64, "seed": 1})
    );
    assert_eq!(
        config("random", Some("fast")),
        json!({"interval": 10, "seed": 1})
    );
    assert_eq!(
        config("random", Some("FAST")),
        json!({"interval": 10, "seed": 1})
    );
    assert_eq!(config("other", None), json!({}));
    let error = package
        .source_config("random", Some("slow"), release)
        .unwrap_err();
    assert!(
        error
            .to_string()
            .ends_with("random.yaml: `slow`: no such section; the file has `default`, `fast`")
    );
}

#[test]
fn a_zip_is_unpacked_until_the_package_is_dropped() {
    let root = TempDir::new().unwrap();
    let zip = root.path().join("any.zip");
    write_zip(
        &zip,
        &[
            ("mirror.json", 0o644, GOOD),
            ("mirror", 0o755, "#!/bin/sh\n"),
            ("sources/random.yaml", 0o644, "default:\n  a: 1\n"),
        ],
    );

    let package = Package::open(&zip).unwrap();

    let directory = package.directory().to_owned();
    assert_eq!(package.manifest().name, "mirror");
    let release = Release::find("2.4").unwrap();
    let config = package.source_config("random", None, release).unwrap();
    assert_eq!(config.properties["a"], 1);
    drop(package);
    assert!(!directory.exists());
}

#[test]
fn a_zip_needs_its_json_at_the_top_and_a_yaml_for_each_source() {
    let root = TempDir::new().unwrap();
    write_zip(
        &root.path().join("deep.zip"),
        &[("mirror/mirror.json", 0o644, GOOD)],
    );
    write_zip(
        &root.path().join("bare.zip"),
        &[("mirror.json", 0o644, GOOD), ("mirror", 0o755, "")],
    );

    assert!(mistakes(&root, "deep.zip")[0].contains("pack the contents of the plugin's directory"));
    assert!(mistakes(&root, "bare.zip")[0].contains("bare.zip/sources/random.yaml: is missing"));
}

#[test]
fn a_zip_with_a_path_outside_or_a_link_is_rejected() {
    let root = TempDir::new().unwrap();
    write_zip(&root.path().join("slip.zip"), &[("../../evil", 0o644, "x")]);
    let link = root.path().join("link.zip");
    let mut zip = ZipWriter::new(fs::File::create(&link).unwrap());
    zip.add_symlink("mirror", "/bin/sh", SimpleFileOptions::default())
        .unwrap();
    zip.finish().unwrap();

    assert!(mistakes(&root, "slip.zip")[0].contains("`../../evil`: would be unpacked outside of"));
    assert!(mistakes(&root, "link.zip")[0].contains("`mirror`: is a symbolic link"));
}

#[test]
fn advice_that_depends_on_the_caller_is_data_beside_the_text() {
    let root = TempDir::new().unwrap();
    let zip = root.path().join("nested.zip");
    write_zip(
        &zip,
        &[
            ("mirror.json", 0o644, GOOD),
            ("mirror", 0o755, "#!/bin/sh\n"),
            ("sources/random.yaml", 0o644, ""),
            ("lib/deep/a", 0o644, ""),
        ],
    );

    let checked = check(&zip, &Build::default()).unwrap();

    let lines = &checked.report().lines;
    let line = lines.iter().find(|line| line.file == "lib/deep/a").unwrap();
    assert_eq!(
        line.text,
        "eKuiper cannot unpack it, since the zip has no entry `lib/` before it; pack the zip \
         again with entries for directories"
    );
    let advice = line.advice.unwrap();
    assert_eq!(advice, CheckAdvice::Pack);
    assert_eq!(advice.to_string(), "or let `package::pack` write the zip");
}

#[test]
fn six_releases_get_the_keys_that_were_recorded_of_them() {
    let root = plugin(GOOD);
    let directory = root.path().join("mirror");
    fs::create_dir(directory.join("sources")).unwrap();
    let yaml = "default: {hatId: 322, headers: {Content-Type: json}}\n";
    fs::write(directory.join("sources/random.yaml"), yaml).unwrap();
    let package = Package::open(&directory).unwrap();
    let sent = |release: &str| {
        let release = Release::find(release).unwrap();
        let config = package.source_config("random", None, release).unwrap();
        Value::Object(config.properties)
    };

    for release in ["1.8.2", "1.13.5", "1.14.7"] {
        let written = json!({"hatId": 322, "headers": {"Content-Type": "json"}});
        assert_eq!(sent(release), written, "{release}");
    }
    for release in ["2.0.8", "2.2.5", "2.4.0"] {
        let lower = json!({"hatid": 322, "headers": {"content-type": "json"}});
        assert_eq!(sent(release), lower, "{release}");
    }
}

//! A Cargo package whose executable describes itself: its files are compared with the
//! description, written and changed.

use std::fs;

use serde_json::Value;

use super::cargo_package::{DESCRIPTION, MAIN, Package, lines};

#[test]
fn missing_files_are_written_once_and_then_agree_with_the_code() {
    let package = Package::new(MAIN, DESCRIPTION);

    let first = package.check(&[]);
    let second = package.check(&["--json"]);

    assert_eq!(
        lines(&first),
        [
            "warning  sinks/table.json: is missing, so eKuiper's UI cannot show the sink; add one, \
             or describe the properties with the feature `metadata` of the crate `ekuiper`, so \
             that it is written",
            "note     wrote weather.json",
            "note     wrote sources/station.yaml",
            "note     wrote sources/station.json",
            "note     wrote functions/c_to_f.json",
            "note     wrote functions/middle.json",
            "weather: no errors, 2 warnings",
        ],
        "{first:#?}"
    );
    assert_eq!(
        package.read("weather.json"),
        r#"{
  "version": "v1.2.3",
  "language": "go",
  "executable": "weather-bin",
  "sources": ["station"],
  "sinks": ["table"],
  "functions": ["c_to_f", "middle"]
}
"#
    );
    assert_eq!(
        package.read("sources/station.yaml"),
        "default:\n  # The address.\n  # (required)\n  # url:\n  retryLimit: 3\n\n\
         once:\n  retryLimit: 0\n"
    );
    assert_eq!(
        package.read("sources/station.json"),
        r#"{
  "about": {
    "trial": false,
    "description": {
      "en_US": "Polls a station.",
      "zh_CN": "轮询站点。"
    }
  },
  "libs": [],
  "properties": {
    "default": [
      {
        "name": "url",
        "optional": false,
        "control": "text",
        "type": "string",
        "hint": {
          "en_US": "The address."
        },
        "label": {
          "en_US": "Url"
        }
      },
      {
        "name": "retryLimit",
        "default": 3,
        "optional": true,
        "control": "text",
        "type": "int",
        "label": {
          "en_US": "Retry limit"
        }
      }
    ]
  },
  "node": {
    "category": "source",
    "icon": "iconPath",
    "label": {
      "en_US": "Station"
    }
  }
}
"#
    );
    assert!(
        package
            .read("functions/c_to_f.json")
            .contains(r#""example": "c_to_f(celsius)""#)
    );
    assert!(
        package
            .read("functions/middle.json")
            .contains(r#""aggregate": true"#)
    );
    let report: Value = serde_json::from_str(&second.stdout).unwrap();
    let notes = report["lines"].as_array().unwrap().iter();
    let notes: Vec<_> = notes.filter(|line| line["level"] == "note").collect();
    assert!(notes.is_empty(), "{notes:?}");
    assert!(
        second
            .stdout
            .contains("registers the same symbols as the files, under the name `weather`"),
        "{second:#?}"
    );
}

#[test]
fn every_difference_between_the_code_and_the_files_is_named() {
    let package = Package::complete();
    package.change(
        "weather.json",
        r#"["c_to_f", "middle"]"#,
        r#"["gone", "middle"]"#,
    );
    package.change("weather.json", r#""weather-bin""#, r#""weather""#);
    package.write("weather-bin", "");
    package.write(
        "sources/station.yaml",
        "default:\n  retrylimit: 3\n  perid: 5\n",
    );
    package.change("sources/station.json", r#""retryLimit""#, r#""limit""#);
    package.change("sources/station.json", "The address.", "An address.");
    package.change(
        "functions/middle.json",
        r#""aggregate": true"#,
        r#""aggregate": false"#,
    );
    package.change(
        "functions/c_to_f.json",
        r#""args": ["#,
        r#""args": [{"name":"x"}, "#,
    );

    let done = package.check(&[]);

    let fix = "or use `mock-kuiper check --fix`";
    for line in [
        format!(
            "error    weather.json: `executable`: is `weather`, but the binary of the Cargo \
             package is `weather-bin`; correct it, {fix}"
        ),
        format!(
            "warning  weather.json: `functions`: the code has the function `c_to_f`, which is not \
             in the list, so eKuiper does not know it; add it, {fix}"
        ),
        format!(
            "error    weather.json: `functions`: the code has no function `gone`; register it \
             with `PluginConfig::function`, or remove it from the list, {fix}"
        ),
        format!(
            "warning  sources/station.yaml: `once`: the code has this section, and the file does \
             not; add it, {fix}"
        ),
        "warning  sources/station.yaml: `default.perid`: the code has no such property, it has \
         `url`, `retryLimit`; correct the name"
            .to_owned(),
        format!(
            "warning  sources/station.json: `properties.default[url].hint.en_US`: is \"An \
             address.\", but the code has \"The address.\"; correct the file, {fix}"
        ),
        format!(
            "warning  sources/station.json: `properties.default[retryLimit]`: is missing, and the \
             code has this property; correct the file, {fix}"
        ),
        format!(
            "warning  sources/station.json: `properties.default[limit]`: the code has no such \
             property; correct the file, {fix}"
        ),
        format!(
            "warning  functions/c_to_f.json: `functions[0].args`: has 2, but the function has 1 \
             in the code; correct the file, {fix}"
        ),
        format!(
            "warning  functions/middle.json: `functions[0].aggregate`: the function is an \
             aggregate in the code, but not here; correct the file, {fix}"
        ),
    ] {
        assert!(
            done.stdout.lines().any(|found| found == line),
            "{line}\n{done:#?}"
        );
    }
    assert_eq!(done.status, 1);
}

#[test]
fn fix_changes_what_differs_and_keeps_what_only_the_files_have() {
    let package = Package::complete();
    package.write(
        "weather.json",
        r#"{"about": {"author": {"name": "me"}}, "name": "wether", "version": "v7",
            "language": "go", "executable": "weather", "functions": ["middle", "gone"],
            "sources": ["station"], "sinks": ["table"]}"#,
    );
    fs::rename(
        package.path().join("weather.json"),
        package.path().join("wether.json"),
    )
    .unwrap();
    package.write(
        "sources/station.json",
        r#"{"about": {"author": {"name": "me"}, "helpUrl": {"en_US": "http://x"}}, "properties":
            {"default": [{"name": "retryLimit", "default": 9, "connection_related": true,
                          "hint": {"zh_CN": "次数"}}, {"name": "old"}]}}"#,
    );

    package.write("sources/station.yaml", "default: # mine\n  retrylimit: 3");

    let fixed = package.check(&["--fix"]);
    let again = package.check(&["--fix"]);

    assert_eq!(fixed.status, 0, "{fixed:#?}");
    for line in [
        "note     wether.json: renamed to `weather.json`, after the name in `PluginConfig::new`",
        "note     wether.json: `executable`: is `weather`, changed to `weather-bin`",
        "note     wether.json: `functions`: added `c_to_f`",
        "note     wether.json: `functions`: removed `gone`, which the code does not have",
        "note     sources/station.json: `properties.default[retryLimit].default`: is 9, but the \
         code has 3: changed",
    ] {
        assert!(
            fixed.stdout.lines().any(|found| found == line),
            "{line}\n{fixed:#?}"
        );
    }
    assert!(!again.stdout.contains("note "), "{again:#?}");
    assert_eq!(
        package.read("sources/station.yaml"),
        "default: # mine\n  retrylimit: 3\n\nonce:\n  retryLimit: 0\n"
    );
    assert_eq!(
        package.read("weather.json"),
        r#"{
  "about": {
    "author": {
      "name": "me"
    }
  },
  "name": "weather",
  "version": "v7",
  "language": "go",
  "executable": "weather-bin",
  "functions": ["middle", "c_to_f"],
  "sources": ["station"],
  "sinks": ["table"]
}
"#
    );
    assert!(!package.path().join("wether.json").exists());
    let station: Value = serde_json::from_str(&package.read("sources/station.json")).unwrap();
    assert_eq!(station["about"]["author"]["name"], "me");
    assert_eq!(station["about"]["helpUrl"]["en_US"], "http://x");
    assert_eq!(station["about"]["description"]["en_US"], "Polls a station.");
    let properties = station["properties"]["default"].as_array().unwrap();
    assert_eq!(properties.len(), 2);
    assert_eq!(properties[0]["name"], "url");
    assert_eq!(properties[1]["default"], 3);
    assert_eq!(properties[1]["connection_related"], true);
    assert_eq!(properties[1]["hint"]["zh_CN"], "次数");
}

#[test]
fn a_file_may_have_more_properties_than_a_code_that_takes_any() {
    let open = DESCRIPTION.replace(
        r#""name": "station","#,
        r#""name": "station", "open": true,"#,
    );
    let package = Package::new(MAIN, &open);
    package.write(
        "sources/station.json",
        r#"{"about": {}, "properties": {"default": [{"name": "other"}]}}"#,
    );
    package.write("sources/station.yaml", "default:\n  other: 3\n");

    let fixed = package.check(&["--fix"]);
    let again = package.check(&[]);

    let station: Value = serde_json::from_str(&package.read("sources/station.json")).unwrap();
    let properties = station["properties"]["default"].as_array().unwrap();
    let names: Vec<_> = properties.iter().map(|one| &one["name"]).collect();
    assert_eq!(names, ["url", "retryLimit", "other"], "{fixed:#?}");
    assert!(!again.stdout.contains("no such property"), "{again:#?}");
}

#[test]
fn the_name_in_the_code_must_be_that_of_the_json() {
    let package = Package::complete();
    fs::rename(
        package.path().join("weather.json"),
        package.path().join("wether.json"),
    )
    .unwrap();

    let done = package.check(&[]);

    assert_eq!(done.status, 1);
    assert!(
        done.stdout.contains(
            "error    wether.json: the name in `PluginConfig::new` is `weather`, so the plugin \
             does not connect when it is installed as `wether`; rename the file to \
             `weather.json`, or correct the name in the code, or use `mock-kuiper check --fix`"
        ),
        "{done:#?}"
    );
}

#[test]
fn fix_does_not_rename_a_json_that_has_the_name_of_the_package() {
    let package = Package::new(MAIN, DESCRIPTION);
    package.write(
        "weather-bin.json",
        r#"{"version": "v1", "language": "go", "executable": "weather-bin", "functions":
            ["c_to_f", "middle"], "sources": ["station"], "sinks": ["table"]}"#,
    );

    let done = package.check(&["--fix"]);

    assert_eq!(done.status, 1);
    assert!(
        done.stdout
            .contains("error    weather-bin.json: the name in `PluginConfig::new` is `weather`"),
        "{done:#?}"
    );
    // It is not advised to use what does not change it.
    assert!(
        done.stdout.contains(", or correct the name in the code\n"),
        "{done:#?}"
    );
    assert!(!package.path().join("weather.json").exists(), "{done:#?}");
}

#[test]
fn a_json_that_cannot_be_read_is_not_said_to_agree_with_the_code() {
    let package = Package::complete();
    package.write("weather.json", "{\"sources\": [}");

    let done = package.check(&[]);

    assert_eq!(done.status, 1, "{done:#?}");
    assert!(
        done.stdout
            .contains("error    weather.json: is not valid JSON: "),
        "{done:#?}"
    );
    assert!(!done.stdout.contains("the same symbols"), "{done:#?}");
}

#[test]
fn a_package_is_built_once() {
    let package = Package::complete();

    let checked = package.check(&[]);
    let run = package.run("run", &["--init-timeout", "1ms"]);

    for done in [checked, run] {
        assert_eq!(done.stderr.matches("Finished").count(), 1, "{done:#?}");
    }
}

#[test]
fn a_plugin_with_another_name_in_its_code_is_not_run() {
    let package = Package::complete();
    fs::rename(
        package.path().join("weather.json"),
        package.path().join("wether.json"),
    )
    .unwrap();

    let done = package.run("run", &[]);

    assert_eq!(done.status, 2, "{done:#?}");
    assert!(
        done.stderr.contains(
            "the name in the json is `wether`, and the name in `PluginConfig::new` is `weather`; \
             correct one of them\n"
        ),
        "{done:#?}"
    );
}

#[test]
fn no_file_is_written_for_a_symbol_that_the_json_does_not_list() {
    let package = Package::complete();
    package.change("weather.json", r#""station""#, "");
    fs::remove_dir_all(package.path().join("sources")).unwrap();

    let done = package.check(&[]);

    assert!(
        done.stdout
            .contains("weather.json: `sources`: the code has the source `station`"),
        "{done:#?}"
    );
    assert!(!package.path().join("sources").exists(), "{done:#?}");

    package.check(&["--fix"]);
    assert!(package.path().join("sources/station.yaml").exists());
}

#[test]
fn run_says_what_differs_and_writes_what_is_missing() {
    let package = Package::complete();
    package.change("weather.json", r#", "middle"]"#, "]");
    fs::remove_file(package.path().join("sources/station.yaml")).unwrap();

    let done = package.run("run", &[]);

    assert!(
        done.stderr
            .contains("warning: weather.json: `functions`: the code has the function `middle`"),
        "{done:#?}"
    );
    assert!(
        done.stderr.contains("note: wrote sources/station.yaml\n"),
        "{done:#?}"
    );
    assert!(
        done.stderr.contains("exit status 7"),
        "it was launched: {done:#?}"
    );
}

#[test]
fn a_mistake_in_a_file_names_it_where_its_author_has_it() {
    let package = Package::complete();

    let no_section = package.run("run", &["--conf-key", "nope"]);
    package.write("sources/station.yaml", "default: [");
    let broken = package.run("run", &[]);

    let yaml = package.path().join("sources/station.yaml");
    let yaml = yaml.display();
    let expected =
        format!("error: {yaml}: `nope`: no such section; the file has `default`, `once`\n");
    assert!(no_section.stderr.contains(&expected), "{no_section:#?}");
    let expected = format!("warning: {yaml}: is not valid YAML: ");
    assert!(broken.stderr.contains(&expected), "{broken:#?}");
}

#[test]
fn pack_writes_what_is_missing_and_packs_it() {
    let package = Package::new(MAIN, DESCRIPTION);
    let zip = package.path().join("weather.zip");

    let done = package.run("pack", &["-o", zip.to_str().unwrap()]);

    assert_eq!(done.status, 0, "{done:#?}");
    assert!(
        done.stderr.contains("note: wrote weather.json\n"),
        "{done:#?}"
    );
    for file in [
        "weather.json",
        "weather-bin",
        "sources/station.yaml",
        "functions/middle.json",
    ] {
        assert!(
            done.stderr.contains(&format!("\n  {file} ")),
            "{file}: {done:#?}"
        );
    }
}

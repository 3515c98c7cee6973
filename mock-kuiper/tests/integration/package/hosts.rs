use mock_kuiper::Release;
use serde_json::Value;

use super::common::{Done, mock_kuiper};

fn hosts(args: &[&str]) -> Done {
    Done::of(mock_kuiper().arg("hosts").args(args))
}

#[test]
fn the_table_shows_every_property_and_in_which_release_it_changes() {
    let done = hosts(&[]);

    let lines: Vec<_> = done.stdout.lines().collect();
    assert_eq!(
        lines[0],
        "eKuiper                      1.4–1.7  1.8–1.10  1.11–1.13  1.14    2.0     2.1.2  2.1  \
         2.2–2.3  2.4"
    );
    for property in Release::all()[0].properties() {
        assert!(
            lines.iter().any(|line| line.starts_with(property.title)),
            "{}",
            property.title
        );
    }
    assert!(
        done.stdout.contains(
            "\ntime to greet                5 s      ·         ·          ·       60 s    ·      \
             ·    ·        ·\n"
        ),
        "{}",
        done.stdout
    );
    assert_eq!((done.status, done.stderr.as_str()), (0, ""));
}

#[test]
fn the_table_fits_into_100_columns() {
    for line in hosts(&[]).stdout.lines() {
        assert!(line.chars().count() <= 100, "{line}");
    }
}

#[test]
fn json_has_each_release_with_each_property() {
    let done = hosts(&["--json"]);

    let hosts: Vec<Value> = serde_json::from_str(&done.stdout).unwrap();
    let names: Vec<_> = hosts
        .iter()
        .map(|host| host["name"].as_str().unwrap())
        .collect();
    let known: Vec<_> = Release::all().iter().map(|profile| profile.name).collect();
    assert_eq!(names, known);
    let first = hosts[0].as_object().unwrap();
    assert_eq!(first.len(), Release::all()[0].properties().len() + 1);
    assert_eq!(first["init_timeout_ms"], 5000);
    assert_eq!(first["max_message_bytes"], 1_048_576);
    assert_eq!(first["replay"], false);
    assert_eq!(hosts.last().unwrap()["max_message_bytes"], Value::Null);
    assert_eq!(hosts.last().unwrap()["ack"], "read");
}

//! The commands of docs/serve.md, run against a server of its own, in their order.

use std::fs;
use std::path::Path;
use std::process::{Command, Stdio};
use std::time::Duration;

use regex::Regex;
use rustix::process::Signal;
use serde_json::Value;

use crate::support::processes::Live;
use crate::support::wait_until_within;

const ROOT: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/..");

/// What the page says of the blocks that are run here.
const HERE: &str =
    "<!-- not run: a test of `mock-kuiper serve` runs it, with a server of its own -->";

/// A block of the page.
struct Block<'a> {
    /// The line before it.
    before: &'a str,
    language: &'a str,
    text: &'a str,
}

#[test]
fn the_page_prints_what_it_says() {
    let page = fs::read_to_string(Path::new(ROOT).join("docs/serve.md")).unwrap();
    let blocks = blocks(&page);
    let (live, port) = serve();
    let own = |text: &str| text.replace("localhost:9081", &format!("localhost:{port}"));

    let mut run = 0;
    for block in blocks.iter().filter(|block| block.before == HERE) {
        for (command, expected) in commands(block.text) {
            let printed = bash(&own(&command));
            let pattern = pattern(&expected);
            assert!(
                pattern.is_match(&printed),
                "{command}\n{printed}\n{expected}"
            );
            run += 1;
        }
    }
    let of = |language: &str| {
        let block = blocks.iter().find(|block| block.language == language);
        block.unwrap().text
    };
    let printed = python(&own(of("python")));

    assert_eq!(run, 18);
    assert_eq!(printed, of("text"));
    live.signal(Signal::TERM);
    let done = live.end();
    assert_eq!(done.status, 0, "{done}");
}

/// Serves the plugin of the page.
fn serve() -> (Live, u64) {
    let mut command = Command::new(env!("CARGO_BIN_EXE_mock-kuiper"));
    command.current_dir(ROOT);
    // Optimized, as the tests of the examples build it, too.
    command.args(["serve", "sdk/examples/mirror", "--port", "0"]);
    if mock_kuiper::engine::isolate::refused().is_none() {
        // Other tests may run this plugin at the same time.
        command.arg("--isolate");
    }
    let live = Live::spawn(command, "mirror-of-serve");
    wait_until_within(Duration::from_secs(600), "the build of the plugin", || {
        live.stdout().contains('\n')
    });
    let line: Value = serde_json::from_str(live.stdout().trim()).unwrap();
    let port = line["port"].as_u64().unwrap();
    (live, port)
}

fn blocks(page: &str) -> Vec<Block<'_>> {
    let parts: Vec<_> = page.split("```").collect();
    let pairs = parts.chunks_exact(2);
    let blocks = pairs.map(|pair| {
        let (language, text) = pair[1].split_once('\n').unwrap();
        let before = pair[0].trim_end().lines().next_back().unwrap_or_default();
        Block {
            before,
            language,
            text,
        }
    });
    blocks.collect()
}

/// Returns each command of a block, and what it prints.
fn commands(text: &str) -> Vec<(String, String)> {
    let mut commands: Vec<(String, String)> = Vec::new();
    let mut goes_on = false;
    for line in text.lines() {
        if let Some(command) = line.strip_prefix("$ ") {
            commands.push((command.to_owned(), String::new()));
            goes_on = line.ends_with('\\');
        } else if let Some((command, expected)) = commands.last_mut() {
            let to = if goes_on { command } else { expected };
            if goes_on {
                to.push('\n');
            }
            to.push_str(line);
            if goes_on {
                goes_on = line.ends_with('\\');
            } else {
                to.push('\n');
            }
        }
    }
    commands
}

/// Makes the expression of what is expected: `[..]` is any text in a line, and a line
/// `...` any lines.
fn pattern(expected: &str) -> Regex {
    let lines = expected.lines().map(|line| match line {
        "..." => "(?:[^\n]*\n)*?".to_owned(),
        line => {
            let parts: Vec<_> = line.split("[..]").map(regex::escape).collect();
            parts.join(".*") + "\n"
        }
    });
    Regex::new(&format!("^{}$", lines.collect::<String>())).unwrap()
}

fn bash(command: &str) -> String {
    let done = Command::new("bash")
        .args(["-c", command])
        .stdin(Stdio::null())
        .stderr(Stdio::piped())
        .output()
        .unwrap();
    // stderr comes first: only one command of the page writes to it, at once.
    [done.stderr, done.stdout]
        .map(|part| String::from_utf8(part).unwrap())
        .concat()
}

fn python(script: &str) -> String {
    let done = Command::new("python3")
        .args(["-c", script])
        .output()
        .unwrap();
    let error = String::from_utf8_lossy(&done.stderr);
    assert!(done.status.success(), "{error}");
    String::from_utf8(done.stdout).unwrap()
}

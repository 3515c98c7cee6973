//! `run --open`: what a run starts, on the desk, and the page in a browser.

use std::env;
use std::fs::File;
use std::io::{self, BufRead, BufReader};
use std::net::{Ipv4Addr, SocketAddr};
use std::os::unix::process::CommandExt as _;
use std::path::Path;
use std::process::{Command, Stdio};
use std::sync::Arc;
use std::thread;

use mock_kuiper::Package;
use mock_kuiper::engine::save::{SavedKind, SavedStart};

use super::desk::{Class, Desk, Plugin, Prepared, Problem, SinkSpec, SourceSpec};
use super::guard::Guard;
use super::state::Shared;
use super::{listener, server};
use crate::cli::attach;
use crate::cli::error::CliError;
use crate::cli::exit::Exit;
use crate::cli::host_args::HostArgs;
use crate::cli::input::{Input, parse_row};
use crate::cli::output::{NOTE, labelled, say, say_error};
use crate::cli::plan::Plan;

/// Starts what the plan says, serves the page and opens it, until a signal. `sources`
/// are those of the plan, as the command line describes them.
pub(in crate::cli) fn open(
    path: &Path,
    package: Package,
    args: HostArgs,
    plan: Plan,
    sources: Vec<SavedStart>,
) -> Result<Exit, CliError> {
    let listener = listener::bind(SocketAddr::from((Ipv4Addr::LOCALHOST, 0)))?;
    let mut desk = Desk::default();
    desk.add(path, package, &Arc::new(args));
    let guard = |address| Guard {
        address,
        names: Vec::new(),
        token: None,
    };
    let begin = |server: &Shared| {
        let url = server.guard.url();
        say(&labelled(NOTE, "note", &format!("the page is at {url}")));
        let plugin = Arc::clone(&server.desk.plugins()[0]);
        spawn(move || start(&plugin, plan, sources))?;
        spawn(move || show(&url))
    };
    server::run(listener, desk, guard, false, begin)
}

fn spawn(work: impl FnOnce() + Send + 'static) -> Result<(), CliError> {
    let spawned = thread::Builder::new().name("open".to_owned()).spawn(work);
    let failed = |error| CliError::Trouble(format!("cannot start a thread: {error}"));
    spawned.map(drop).map_err(failed)
}

/// Starts what the plan says, and sends its rows.
fn start(plugin: &Arc<Plugin>, plan: Plan, sources: Vec<SavedStart>) {
    let rule = plan.rule;
    let sinks = plan.sinks.into_iter().map(|order| {
        let spec = SinkSpec {
            rule: rule.clone(),
            config: order.config,
            ..SinkSpec::default()
        };
        (order.symbol, spec)
    });
    let sources = sources.into_iter().filter_map(|source| {
        let SavedKind::Source {
            datasource,
            conf_key,
            options,
        } = source.kind
        else {
            return None;
        };
        let spec = SourceSpec {
            rule: rule.clone(),
            config: source.config,
            datasource,
            conf_key,
            options,
            to: Vec::new(),
            all_rows: false,
        };
        Some((source.symbol, spec))
    });
    let calls = plan.calls.into_iter();
    let prepared = Prepared {
        sinks: sinks.collect(),
        sources: sources.collect(),
        functions: plan.functions,
        calls: calls.map(|call| (call.function, call.args)).collect(),
        feeds: matches!(plan.input, Input::Sources),
        rule: rule.clone(),
    };
    let sinks = plugin.prepare(
        prepared,
        |command| say(&attach::instructions(command)),
        tell,
    );
    send(plugin, &sinks, &plan.input);
}

/// Sends the rows of the command line.
fn send(plugin: &Plugin, sinks: &[String], input: &Input) {
    match input {
        Input::Sources => {}
        Input::Given(rows) => rows.iter().for_each(|row| plugin.send_to(sinks, row, tell)),
        Input::File(path) => match File::open(path) {
            Ok(file) => send_lines(plugin, sinks, BufReader::new(file)),
            Err(error) => say_error(&format!("--rows {}: {error}", path.display())),
        },
        Input::Stdin => send_lines(plugin, sinks, io::stdin().lock()),
    }
}

fn send_lines(plugin: &Plugin, sinks: &[String], lines: impl BufRead) {
    for (number, line) in (1_usize..).zip(lines.lines()) {
        let line = match line {
            Ok(line) => line,
            Err(error) => return say_error(&format!("--rows: line {number}: {error}")),
        };
        match parse_row(&line) {
            Ok(None) => {}
            Ok(Some(row)) => plugin.send_to(sinks, &row, tell),
            Err(error) => say_error(&format!("--rows: line {number}: {error}")),
        }
        if plugin.has_ended() {
            return;
        }
    }
}

/// Opens the page in a browser, if there is one.
fn show(url: &str) {
    let named = env::var("BROWSER").unwrap_or_default();
    let named = named
        .split(':')
        .next()
        .unwrap_or_default()
        .trim()
        .to_owned();
    let browser = if named.is_empty() { "xdg-open" } else { &named };
    let opened = Command::new(browser)
        .arg(url)
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        // Ctrl-C ends the server, not the browser.
        .process_group(0)
        .status();
    let failed = match opened {
        Ok(status) if status.success() => return,
        Ok(status) => status.to_string(),
        Err(error) => error.to_string(),
    };
    let text = format!("`{browser}` does not open the page: {failed}; open {url} yourself");
    say(&labelled(NOTE, "note", &text));
}

fn tell(problem: &Problem) {
    if problem.class == Class::Ending {
        return;
    }
    for line in problem.lines() {
        say_error(&line);
    }
}

//! `mock-kuiper test`: runs the cases of test files, and reports what came of them.

mod args;
mod calls;
mod from;
mod github;
mod html;
mod json;
mod junit;
mod list;
mod phrase;
mod progress;
#[cfg(test)]
mod samples;
mod text;
mod watcher;

use std::fs;
use std::path::Path;

use mock_kuiper::scenario::{self, Results, RunnerError, UpdatedFile, Verdict};

pub(crate) use self::args::Args;
use self::watcher::Watcher;
use super::error::CliError;
use super::exit::Exit;
use super::github as job;
use super::interrupt::{self, Interrupt};
use super::output::{NOTE, labelled, print_beside, print_results, say};
use super::text::count as counted;

/// Runs the cases.
pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    if args.attach {
        return Err(CliError::input(
            "--attach cannot be used with test: each case launches a process of its own, on each \
             release of its file; use `mock-kuiper run --attach` to debug one process",
        ));
    }
    if args.schema {
        print_results(&format!("{:#}\n", scenario::schema()))?;
        return Ok(Exit::Fine);
    }
    if args.reference {
        print_results(&scenario::reference())?;
        return Ok(Exit::Fine);
    }
    if let Some(trace) = &args.from {
        let [plugin] = &args.paths[..] else {
            return Err(CliError::input(
                "--from makes cases for one plugin; name only its path",
            ));
        };
        let python = args.python.clone();
        return from::make(trace, plugin, args.build(), python, args.output.as_deref());
    }
    if args.update && std::env::var_os("CI").is_some() {
        return Err(CliError::input(
            "--update writes nothing where the variable CI is set; run it on your machine, and \
             commit the files",
        ));
    }
    let runner = args.runner();
    if args.list {
        let cases = runner.list().map_err(wrong)?;
        return match &args.json {
            Some(file) => write(file, &list::json(&cases)),
            None => print_results(&list::text(&cases)),
        }
        .map(|()| Exit::Fine);
    }
    for file in [&args.junit, &args.json, &args.html].into_iter().flatten() {
        check_directory(file)?;
    }
    let stop = runner.stop();
    let to_stop = stop.clone();
    let interrupt = Interrupt::watch(move || to_stop.stop())?;
    if args.end_with_stdin {
        let to_stop = stop.clone();
        interrupt::watch_stdin(move || to_stop.stop())?;
    }
    // With a report on stdout, the texts for people go to stderr.
    let print = match args.json.as_deref() == Some(Path::new("-")) {
        true => print_beside,
        false => print_results,
    };
    let watcher = Watcher::new(args.html.is_some() || args.json.is_some(), print);
    let results = runner.run_with(&watcher);
    drop(interrupt);
    let mut results = results.map_err(wrong)?;
    watcher.close()?;
    report(args, &results, print)?;
    if args.update && update(&results)? {
        results.cases.retain(|case| !case.is_replaceable());
    }
    conclude(args, &results, stop.is_stopped())
}

/// Writes what was seen into the test files. Returns whether all could be written.
fn update(results: &Results) -> Result<bool, CliError> {
    let mut is_whole = true;
    let updated = results
        .update()
        .map_err(|(file, error)| cannot_write(&file, &error))?;
    for UpdatedFile {
        file,
        written,
        left_out,
        ..
    } in updated
    {
        let file = file.display();
        is_whole &= left_out.is_empty();
        for (place, why) in left_out {
            say(&labelled(
                NOTE,
                "warning",
                &format!("{file}:{place}: {why}"),
            ));
        }
        let expectations = counted(written as u64, "expectation");
        say(&labelled(
            NOTE,
            "note",
            &format!("{file}: {expectations} written; run the test again"),
        ));
    }
    Ok(is_whole)
}

/// Writes the reports: all of them, also if one cannot be written.
fn report(
    args: &Args,
    results: &Results,
    print: fn(&str) -> Result<(), CliError>,
) -> Result<(), CliError> {
    let junit = args.junit.as_ref().map_or(Ok(()), |file| {
        write(file, &junit::junit(results).map_err(CliError::Trouble)?)
    });
    let json = args
        .json
        .as_ref()
        .map_or(Ok(()), |file| write(file, &json::json(results)));
    let html = args
        .html
        .as_ref()
        .map_or(Ok(()), |file| write(file, &html::html(results)));
    for note in text::notes(results) {
        say(&labelled(NOTE, "note", &note));
    }
    print(&(text::summary(results) + "\n"))?;
    junit.and(json).and(html)?;
    if job::is_job() {
        let workspace = job::workspace();
        print(&github::annotations(results, workspace.as_deref()))?;
        job::add_to_summary(&github::summary(results))?;
    }
    Ok(())
}

/// Decides how the command ends. What says nothing about the plugin comes first.
fn conclude(args: &Args, results: &Results, is_interrupted: bool) -> Result<Exit, CliError> {
    let skipped = results.count(Verdict::Skipped);
    if results.count(Verdict::Error) > 0 {
        return Err(CliError::Trouble(
            "a case ended with an internal or system error".to_owned(),
        ));
    }
    if is_interrupted && skipped > 0 {
        let cases = if skipped == 1 {
            "case has"
        } else {
            "cases have"
        };
        return Err(CliError::Trouble(format!(
            "interrupted: {skipped} {cases} no verdict"
        )));
    }
    if results.count(Verdict::Invalid) > 0 {
        return Err(CliError::input(
            "a case asks for something that is not possible",
        ));
    }
    let has_failed = results.count(Verdict::Failed) > 0;
    let is_flaky = args.fail_on_flaky && results.count(Verdict::Flaky) > 0;
    Ok(match has_failed || is_flaky {
        true => Exit::Finding,
        false => Exit::Fine,
    })
}

/// Makes the error of a run that has not begun.
fn wrong(error: RunnerError) -> CliError {
    match error {
        RunnerError::Mistakes(mistakes) => {
            CliError::Input(mistakes.iter().map(ToString::to_string).collect())
        }
        RunnerError::Package { file, error } => match error.into() {
            CliError::Input(mut lines) => {
                let about = format!("{}: the plugin cannot be run:", file.display());
                lines.insert(0, about);
                CliError::Input(lines)
            }
            other => other,
        },
        RunnerError::NoFile { paths } => {
            let paths: Vec<_> = paths
                .iter()
                .map(|path| path.display().to_string())
                .collect();
            CliError::input(format!(
                "no file that ends in .test.yaml in {}; `mock-kuiper test --schema` describes \
                 such files",
                paths.join(", ")
            ))
        }
        other => CliError::input(other.to_string()),
    }
}

/// Writes a report; `-` is stdout.
fn write(file: &Path, text: &str) -> Result<(), CliError> {
    if file == Path::new("-") {
        return print_results(text);
    }
    fs::write(file, text).map_err(|error| cannot_write(file, &error))
}

/// Fails early if a report will have no directory to be in.
fn check_directory(file: &Path) -> Result<(), CliError> {
    let parent = file
        .parent()
        .filter(|parent| !parent.as_os_str().is_empty());
    match fs::metadata(parent.unwrap_or(Path::new("."))) {
        Ok(_) => Ok(()),
        Err(error) => Err(cannot_write(file, &error)),
    }
}

fn cannot_write(file: &Path, error: &std::io::Error) -> CliError {
    CliError::input(format!("cannot write {}: {error}", file.display()))
}

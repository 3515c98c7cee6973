//! `mock-kuiper record`: writes a plugin that records itself under a real eKuiper.

use std::fs;
use std::path::{Path, PathBuf};

use clap::ValueHint;
use mock_kuiper::Release;
use mock_kuiper::engine::foreign::printable;
use mock_kuiper::engine::package;
use mock_kuiper::engine::package::{Build, CheckLevel, Front, Language, Plugin, Shape};
use mock_kuiper::engine::recorder::{EXECUTABLE, Program, SETTINGS, Settings};

use super::error::CliError;
use super::exit::{Exit, STATUSES};
use super::output::{DIM, NOTE, labelled, print_results, say, say_error};
use super::report;

const EXAMPLES: &str = "\
Examples:
  mock-kuiper record ./mirror -o /tmp/mirror.jsonl
      Writes mirror.record.zip. Installed in eKuiper under the name `mirror`, it runs
      the plugin and writes what both say to /tmp/mirror.jsonl.
  mock-kuiper record ./mirror -o /data/mirror.jsonl --recorder ./mock-kuiper-musl
      Puts another build of mock-kuiper into the zip, for eKuiper's Alpine images.
  mock-kuiper record ./mirror -o /data/mirror.jsonl --to plugins/portable/mirror
      Writes a directory, for an eKuiper that is not running.
  mock-kuiper record ./mirror -o /data/mirror.jsonl --redact password --redact token
      Hides the values of these properties in the trace.";

/// Record what a plugin and a real eKuiper say to each other.
///
/// Writes a plugin of the same name, with a recorder in front of its executable. Install
/// it in a real eKuiper, 1.8 to 2.4, in the place of the plugin. The recorder starts the
/// plugin, passes every byte on in both directions, and appends each message to the trace.
/// It ends with the plugin, and the plugin ends with it. Restarts, updates and rules work
/// as before.
///
/// The recorder gives the plugin a /tmp of its own, in which only the plugin's directory
/// and the paths of --bind are the machine's. If the system allows no namespaces, as
/// Docker does by default, it renames eKuiper's socket files and listens in their place.
///
/// The recorder is a copy of this program. The path of what was written is printed to
/// stdout, its contents to stderr.
#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES, after_long_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
pub(crate) struct Args {
    /// The plugin: a directory with NAME.json and the executable, a zip, or a Cargo
    /// package or a Go module, which is built first
    #[arg(value_hint = ValueHint::AnyPath)]
    plugin: PathBuf,

    /// Append to this trace, on the machine or in the container where eKuiper runs
    ///
    /// A relative path begins in the working directory of this command.
    #[arg(short, long, value_name = "TRACE", value_hint = ValueHint::FilePath)]
    output: PathBuf,

    /// Write this zip, or this directory if the name has no `.zip`
    /// [default: NAME.record.zip]
    #[arg(long, value_name = "PATH", value_hint = ValueHint::AnyPath)]
    to: Option<PathBuf>,

    /// Replace what was recorded to the same zip or directory before
    #[arg(long)]
    force: bool,

    /// Use this build of mock-kuiper as the recorder, e.g. a static one
    #[arg(long, value_name = "FILE", value_hint = ValueHint::ExecutablePath)]
    recorder: Option<PathBuf>,

    /// Run a Python plugin with this interpreter of eKuiper's machine, as eKuiper's
    /// setting `pythonBin` names it
    #[arg(long, value_name = "PATH", default_value = "python")]
    python: String,

    /// Hide the values of this property in the trace; may be repeated
    ///
    /// They are hidden in rows, arguments and results, wherever an object has this key,
    /// in any case. The texts and numbers that an order has for it are hidden in every
    /// line from then on. A text that is not JSON is otherwise left as it is.
    #[arg(long, value_name = "KEY")]
    redact: Vec<String>,

    /// Let the plugin see this path in the machine's /tmp; may be repeated
    #[arg(long, value_name = "PATH", conflicts_with = "rename", value_hint = ValueHint::AnyPath)]
    bind: Vec<PathBuf>,

    /// Share the machine's /tmp with the plugin, and rename eKuiper's socket files even
    /// if the system allows namespaces
    #[arg(long)]
    rename: bool,

    /// Name the eKuiper release in the trace, e.g. 2.4
    #[arg(long, value_name = "RELEASE", value_parser = Release::find)]
    host: Option<&'static Release>,

    /// Build a Cargo package or a Go module for this target, e.g. aarch64-unknown-linux-musl
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,

    /// Build a Cargo package or a Go module without optimizations
    #[arg(long)]
    debug: bool,
}

/// Writes the plugin with the recorder.
pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let trace = trace(args)?;
    if let Some(to) = &args.to {
        check_target(args, to)?;
    }
    let recorder = args.recorder.as_deref();
    // It can be read even if its file was replaced.
    let recorder = recorder.unwrap_or(Path::new("/proc/self/exe"));
    check_recorder(args, recorder)?;
    let build = Build {
        release: !args.debug,
        target: args.target.clone(),
    };
    let checked = package::check_with_code(&args.plugin, &build, false)?;
    for line in &checked.report().lines {
        match line.level {
            CheckLevel::Ok => {}
            CheckLevel::Note => say(&labelled(NOTE, "note", &report::line(line))),
            CheckLevel::Warning => say(&labelled(NOTE, "warning", &report::line(line))),
            CheckLevel::Error => say_error(&report::line(line)),
        }
    }
    let Some(plugin) = checked.plugin() else {
        say("nothing was written");
        return Ok(Exit::Finding);
    };
    let to = match &args.to {
        Some(to) => to.clone(),
        None => {
            let to = PathBuf::from(format!("{}.record.zip", plugin.name));
            check_target(args, &to)?;
            to
        }
    };
    let settings = settings(args, plugin, trace.clone())?.to_json();
    let front = Front {
        program: recorder,
        name: EXECUTABLE,
        settings: (SETTINGS, &settings),
    };
    package::put_in_front(&checked, &front, shape(&to), &to)?;
    say(&format!(
        "  {DIM}install it under the name `{}`; eKuiper's machine gets the trace {}{DIM:#}",
        printable(plugin.name),
        printable(&trace.display().to_string()),
    ));
    print_results(&format!("{}\n", to.display()))?;
    Ok(Exit::Fine)
}

/// Returns the absolute path of the trace.
fn trace(args: &Args) -> Result<PathBuf, CliError> {
    let output = &args.output;
    let shown = output.display();
    if output.is_dir() || output.as_os_str().as_encoded_bytes().ends_with(b"/") {
        let text = format!("--output {shown}: is a directory; name a file for the trace");
        return Err(CliError::input(text));
    }
    absolute("--output", output)
}

fn absolute(flag: &str, path: &Path) -> Result<PathBuf, CliError> {
    let path = std::path::absolute(path)
        .map_err(|error| CliError::input(format!("{flag} {}: {error}", path.display())))?;
    match path.to_str() {
        Some(_) => Ok(path),
        None => Err(CliError::input(format!(
            "{flag} {}: is not UTF-8; name another path",
            path.display()
        ))),
    }
}

fn shape(to: &Path) -> Shape {
    match to.extension() {
        Some(extension) if extension == "zip" => Shape::Zip,
        _ => Shape::Directory,
    }
}

/// Checks that nothing is lost that was not written by this command.
fn check_target(args: &Args, to: &Path) -> Result<(), CliError> {
    let shown = to.display();
    let parent = to.parent().filter(|parent| *parent != Path::new(""));
    if let Some(parent) = parent
        && !parent.is_dir()
    {
        return Err(CliError::input(format!(
            "--to {shown}: the directory {} does not exist; create it first",
            parent.display()
        )));
    }
    let Ok(found) = fs::symlink_metadata(to) else {
        return Ok(());
    };
    if !args.force {
        return Err(CliError::input(format!(
            "{shown} exists already; remove it, name another path with `--to`, or replace it with \
             `--force`"
        )));
    }
    let may_replace = match shape(to) {
        Shape::Zip => found.is_file(),
        Shape::Directory => found.is_dir() && is_recorded(to),
    };
    if may_replace {
        return Ok(());
    }
    Err(CliError::input(format!(
        "{shown} was not written by `mock-kuiper record`, so it is not replaced; name another path \
         with `--to`"
    )))
}

/// Whether a directory has the settings of a recorder, beside the executable.
fn is_recorded(directory: &Path) -> bool {
    let has = |directory: &Path| directory.join(SETTINGS).is_file();
    let inner = fs::read_dir(directory).into_iter().flatten().flatten();
    has(directory) || inner.map(|entry| entry.path()).any(|inner| has(&inner))
}

/// Warns if the recorder does not run in each of eKuiper's images.
fn check_recorder(args: &Args, recorder: &Path) -> Result<(), CliError> {
    let name = match &args.recorder {
        Some(recorder) => format!("--recorder {}", recorder.display()),
        None => "the recorder".to_owned(),
    };
    let report = package::check_program(recorder, &name, args.target.as_deref())?;
    let lines = || report.lines.iter();
    let errors: Vec<_> = lines()
        .filter(|line| line.level == CheckLevel::Error)
        .map(report::line)
        .collect();
    if !errors.is_empty() {
        return Err(CliError::Input(errors));
    }
    for line in lines().filter(|line| line.level == CheckLevel::Warning) {
        let text = match args.recorder {
            None => format!(
                "{}; name a static build of mock-kuiper with `--recorder`",
                report::line(line)
            ),
            Some(_) => report::line(line),
        };
        say(&labelled(NOTE, "warning", &text));
    }
    Ok(())
}

fn settings(args: &Args, plugin: Plugin<'_>, trace: PathBuf) -> Result<Settings, CliError> {
    let visible = args.bind.iter().map(|path| absolute("--bind", path));
    let launch = match plugin.language {
        Language::Native => Program::Native,
        Language::Python { virtual_env } => Program::Python {
            interpreter: args.python.clone(),
            conda: virtual_env.clone(),
        },
    };
    Ok(Settings {
        plugin: plugin.name.to_owned(),
        program: plugin.executable.file_name().unwrap_or_default().into(),
        launch,
        trace,
        host: match args.host {
            Some(release) => format!("eKuiper {}", release.name),
            None => "eKuiper".to_owned(),
        },
        redact: args.redact.clone(),
        visible: visible.collect::<Result<_, _>>()?,
        rename: args.rename,
    })
}

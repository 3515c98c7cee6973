//! `mock-kuiper pack`: makes the zip that eKuiper installs.

use std::path::{Path, PathBuf};

use clap::ValueHint;
use indicatif::HumanBytes;
use mock_kuiper::engine::foreign::printable;
use mock_kuiper::engine::package;
use mock_kuiper::engine::package::{Build, CheckLevel, Packed};

use super::error::CliError;
use super::exit::{Exit, STATUSES};
use super::output::{DIM, NOTE, labelled, print_results, say, say_error};
use super::report;

const EXAMPLES: &str = "\
Examples:
  mock-kuiper pack ./mirror
      Writes mirror.zip to the working directory; a Cargo package is built first.
  mock-kuiper pack ./mirror --target aarch64-unknown-linux-musl -o mirror-aarch64.zip
      Packs for a device with another processor.
  curl http://HOST:9081/plugins/portables -H 'Content-Type: application/json' \\
      -d '{\"name\":\"mirror\",\"file\":\"http://SERVER/mirror.zip\"}'
      Installs the zip in eKuiper.";

/// Pack a plugin into the zip that eKuiper installs.
///
/// The zip contains NAME.json, the executable, sources/, sinks/, functions/ and
/// install.sh; for a Python plugin, the whole directory except virtual
/// environments. Hidden files, __pycache__ and *.pyc are left out. Links are
/// followed, and those to other directories are named. A plugin in which
/// `mock-kuiper check` finds an error is not packed. The files of a Cargo package
/// on the Rust SDK that are missing are written first.
///
/// The same files give the same zip, byte for byte. The zip is written
/// completely or not at all. Its path is printed to stdout, its contents to
/// stderr.
#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES, after_long_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
pub(crate) struct Args {
    /// The plugin: a directory with NAME.json and the executable, or a Cargo
    /// package or a Go module, which is built first
    #[arg(value_hint = ValueHint::DirPath)]
    plugin: PathBuf,

    /// Write the zip to this file [default: NAME.zip]
    #[arg(short, long, value_name = "FILE", value_hint = ValueHint::FilePath)]
    output: Option<PathBuf>,

    /// Pack for this target instead of this machine, e.g.
    /// aarch64-unknown-linux-musl
    ///
    /// A Cargo package or a Go module is built for it. For any other plugin only the processor
    /// matters, so that `aarch64` is enough.
    #[arg(long, value_name = "TRIPLE")]
    target: Option<String>,

    /// Build a Cargo package or a Go module without optimizations
    #[arg(long)]
    debug: bool,
}

/// Packs a plugin.
pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    if args.plugin.is_file() {
        let plugin = args.plugin.display();
        let text = format!("{plugin}: is a file; name the plugin's directory");
        return Err(CliError::input(text));
    }
    if let Some(output) = &args.output {
        check_output(output)?;
    }
    let build = Build {
        release: !args.debug,
        target: args.target.clone(),
    };
    let checked = package::check_with_code(&args.plugin, &build, false)?;
    let report = checked.report();
    for line in &report.lines {
        match line.level {
            CheckLevel::Ok => {}
            CheckLevel::Note => say(&labelled(NOTE, "note", &report::line(line))),
            CheckLevel::Warning => say(&labelled(NOTE, "warning", &report::line(line))),
            CheckLevel::Error => say_error(&report::line(line)),
        }
    }
    let name = report.plugin.as_deref().unwrap_or_default();
    let output = match &args.output {
        Some(output) => output.clone(),
        None => PathBuf::from(format!("{name}.zip")),
    };
    match package::pack(&checked, &output)? {
        Some(packed) => {
            say_contents(&packed);
            say(&format!(
                "  {DIM}install it under the name `{}`{DIM:#}",
                printable(name)
            ));
            print_results(&format!("{}\n", output.display()))?;
            Ok(Exit::Fine)
        }
        None => {
            say("nothing was packed");
            Ok(Exit::Finding)
        }
    }
}

/// Checks before a build that the zip can be written there.
fn check_output(output: &Path) -> Result<(), CliError> {
    let shown = output.display();
    if output.is_dir() {
        let text = format!("--output {shown}: is a directory; name the zip");
        return Err(CliError::input(text));
    }
    // Source: eKuiper 2.4.0, internal/plugin/portable/manager.go, `Register`.
    if output
        .extension()
        .is_none_or(|extension| extension != "zip")
    {
        let text = format!("--output {shown}: eKuiper installs only a `.zip`; add this ending");
        return Err(CliError::input(text));
    }
    match output.parent() {
        Some(parent) if parent != Path::new("") && !parent.is_dir() => {
            let text = format!(
                "--output {shown}: the directory {} does not exist; create it first",
                parent.display()
            );
            Err(CliError::input(text))
        }
        _ => Ok(()),
    }
}

fn say_contents(packed: &Packed) {
    let names = packed.files.iter().map(|(name, _)| name.chars().count());
    let widest = names.max().unwrap_or(0);
    for (name, size) in &packed.files {
        let (name, size) = (printable(name), HumanBytes(*size).to_string());
        say(&format!("  {name:widest$}  {size:>10}"));
    }
    let size = HumanBytes(packed.size).to_string();
    say(&format!("  {DIM}{:widest$}  {size:>10}{DIM:#}", "the zip"));
    if !packed.left_out.is_empty() {
        say(&format!(
            "  {DIM}left out: {}{DIM:#}",
            printable(&packed.left_out.join(", "))
        ));
    }
}

//! `mock-kuiper new`: makes the project of a new plugin.

mod checkout;
mod files;
mod name;
mod template;
mod write;

use std::path::{Path, PathBuf};

use clap::ValueHint;

use self::checkout::Checkout;
use self::files::{Language, Project};
use super::error::CliError;
use super::exit::{Exit, STATUSES};
use super::output::{DIM, NOTE, labelled, say};

const EXAMPLES: &str = "\
Examples:
  mock-kuiper new weather
      Makes the directory weather: a plugin in Rust with a source, a sink, a function
      and an aggregate.
  mock-kuiper new plugins/weather --source --lang python
      Makes a plugin in Python that has only a source, in an existing directory.
  mock-kuiper new weather --function --from ~/ekuiper
      Makes a plugin with a function and an aggregate, on the SDK in a checkout of its
      repository.";

/// Make the project of a new plugin, which builds and passes its own tests.
///
/// The project has a source, a sink, and functions, or those that are selected; unit
/// tests, a test file for `mock-kuiper test`, a workflow for GitHub, a launch.json for
/// debugging in VS Code, and a README.
///
/// Nothing is overwritten: the directory must be new or empty. It appears with all
/// its files or not at all. No network is used; the first build downloads what the
/// project depends on.
#[derive(Debug, clap::Args)]
#[command(after_help = STATUSES, after_long_help = format!("{EXAMPLES}\n\n{STATUSES}"))]
pub(crate) struct Args {
    /// The new directory; its name becomes that of the plugin
    ///
    /// A name consists of the letters a-z, digits, and single `-` or `_` between them,
    /// begins with a letter, and has at most 91 characters. Words that Rust, Cargo or Windows
    /// reserve are refused.
    #[arg(value_name = "NAME", value_hint = ValueHint::DirPath)]
    path: PathBuf,

    /// Give the plugin a source; without any of these three, it has one of each
    #[arg(long)]
    source: bool,

    /// Give the plugin a sink
    #[arg(long)]
    sink: bool,

    /// Give the plugin a function and an aggregate
    #[arg(long)]
    function: bool,

    /// Write the plugin in this language
    #[arg(long, value_name = "LANGUAGE", value_enum, default_value_t = Language::Rust)]
    lang: Language,

    /// Use this checkout of the repository of `ekuiper` and `mock-kuiper` instead of
    /// the published versions
    ///
    /// Its absolute path is written, so that the project can be moved, but the checkout
    /// cannot. A plugin in Python has its SDK from PyPI, and uses the checkout only in
    /// its workflow.
    #[arg(long, value_name = "CHECKOUT", value_hint = ValueHint::DirPath)]
    from: Option<PathBuf>,
}

/// Makes a project.
pub(crate) fn run(args: &Args) -> Result<Exit, CliError> {
    let (parent, name) = split(&args.path)?;
    let checkout = args.from.as_deref().map(Checkout::open).transpose()?;
    let all = !(args.source || args.sink || args.function);
    let project = Project {
        name,
        language: args.lang,
        source: args.source || all,
        sink: args.sink || all,
        function: args.function || all,
        checkout,
    };
    let files = project.files();
    write::write(parent, &args.path, name, &files)?;
    say(&format!("made {}:", args.path.display()));
    for (path, _) in &files {
        say(&format!("  {DIM}{path}{DIM:#}"));
    }
    if project.lacks_repository() {
        let text = "the checkout was not cloned from GitHub: replace OWNER/NAME in \
                    .github/workflows/ci.yml by its repository there";
        say(&labelled(NOTE, "note", text));
    }
    say("next:");
    say(&format!("  cd {}", args.path.display()));
    for command in project.next() {
        say(&format!("  {command}"));
    }
    Ok(Exit::Fine)
}

/// Splits the path of a new directory into its parent and the name of the plugin,
/// which is checked.
fn split(path: &Path) -> Result<(&Path, &str), CliError> {
    let Some(name) = path.file_name() else {
        let shown = path.display();
        let text = format!("{shown}: does not end with a name; name the new directory");
        return Err(CliError::input(text));
    };
    let name = name.to_str().unwrap_or("\u{fffd}");
    name::check(name).map_err(CliError::input)?;
    let parent = path.parent().filter(|parent| *parent != Path::new(""));
    Ok((parent.unwrap_or(Path::new(".")), name))
}

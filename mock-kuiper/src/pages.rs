//! Shell completions and man pages of a command, which its releases contain.

use std::fs;
use std::io;
use std::path::Path;

use clap::Command;
use clap_complete::Shell;

/// Writes completions of a command for bash, fish and zsh to `completions/` in a directory, and
/// man pages, one for each subcommand, to `man/man1/`. What the help hides is in none.
///
/// # Errors
///
/// A directory or a file that cannot be written.
pub fn write(name: &'static str, command: &Command, directory: &Path) -> io::Result<()> {
    let completions = directory.join("completions");
    fs::create_dir_all(&completions)?;
    for shell in [Shell::Bash, Shell::Fish, Shell::Zsh] {
        clap_complete::generate_to(shell, &mut visible(name, command), name, &completions)?;
    }

    let man = directory.join("man/man1");
    fs::create_dir_all(&man)?;
    clap_mangen::generate_to(command.clone(), &man)?;
    for entry in fs::read_dir(&man)? {
        let entry = entry?;
        let file = entry.file_name();
        if file.to_string_lossy().starts_with(name) {
            let text = fs::read_to_string(entry.path())?;
            // The text after the options has lines that must not be joined.
            let text = text.replace("\n.SH EXTRA\n", "\n.SH NOTES\n.nf\n");
            fs::write(entry.path(), text)?;
        }
    }
    Ok(())
}

/// Returns what completions need of a command. `clap_complete` also offers what is
/// hidden.
fn visible(name: &'static str, command: &Command) -> Command {
    let arguments = command.get_arguments().filter(|it| !it.is_hide_set());
    let subcommands = command.get_subcommands().filter(|it| !it.is_hide_set());
    Command::new(name)
        .version(env!("CARGO_PKG_VERSION"))
        .disable_help_subcommand(true)
        .args(arguments.cloned())
        .subcommands(subcommands.cloned())
}

//! The command line with which a plugin is launched.
//!
//! Rules: docs/protocol.md, section 3.

use std::path::Path;

use super::process::Launch;
use crate::finding::Advice;
use crate::package::{Language, Package};
use crate::release::{Release, WorkingDirectory};

/// Returns the command line of docs/protocol.md, section 3, without the
/// argument. A plugin that is attached runs where its author develops it.
pub(super) fn command_line(
    package: &Package,
    profile: &Release,
    python: &Path,
    environment: Vec<(String, String)>,
    attached: bool,
) -> Launch {
    let manifest = package.manifest();
    let (program, directory) = match attached {
        true => package.development(),
        false => (
            manifest.executable.clone(),
            manifest.executable.parent().map(Path::to_owned),
        ),
    };
    let mut command = Vec::new();
    let mut advice = Advice::Do(
        "check that the interpreter in its first line, or its dynamic loader, is on this machine"
            .to_owned(),
    );
    if let Language::Python { virtual_env } = &manifest.language {
        if let Some(environment) = virtual_env {
            command.extend(["conda", "run", "-n", environment, "python"].map(str::to_owned));
            advice = Advice::Install("conda".to_owned());
        } else {
            command.push(interpreter(python));
            advice = Advice::ChoosePython;
        }
        if profile.python_unbuffered {
            command.push("-u".to_owned());
        }
    }
    command.push(program.display().to_string());
    let directory = match profile.working_directory {
        WorkingDirectory::Executable => directory,
        WorkingDirectory::Host => None,
    };
    Launch {
        command,
        directory,
        environment,
        advice,
        growth: None,
    }
}

/// Returns the interpreter as the plugin's process finds it, which has another
/// working directory: a path becomes absolute, a plain name is looked up in
/// `PATH`. Links are not followed: the interpreter of a virtual environment is
/// a link.
fn interpreter(python: &Path) -> String {
    let plain = python.components().count() == 1;
    let absolute = (!plain).then(|| std::path::absolute(python).ok()).flatten();
    absolute.as_deref().unwrap_or(python).display().to_string()
}

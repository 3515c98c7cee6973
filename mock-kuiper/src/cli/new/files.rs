//! The files of a new project: which there are, and the values in them.

use super::checkout::Checkout;
use super::template::fill;

/// The published versions that a project depends on: all releases that are
/// compatible with this one. The crates of the workspace have one version.
const VERSION: &str = concat!(
    env!("CARGO_PKG_VERSION_MAJOR"),
    ".",
    env!("CARGO_PKG_VERSION_MINOR")
);

/// The language of a plugin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum Language {
    /// Rust, with the crate `ekuiper`.
    Rust,
    /// Python, with the package `ekuiper` of PyPI.
    Python,
}

/// A new project.
#[derive(Debug)]
pub(super) struct Project<'a> {
    pub(super) name: &'a str,
    pub(super) language: Language,
    pub(super) source: bool,
    pub(super) sink: bool,
    pub(super) function: bool,
    pub(super) checkout: Option<Checkout>,
}

/// Where a file is written, on which condition (`""`: always), and its template.
type Template = (&'static str, &'static str, &'static str);

macro_rules! template {
    ($file:literal) => {
        include_str!(concat!(env!("CARGO_MANIFEST_DIR"), "/templates/", $file))
    };
}

const COMMON: [Template; 6] = [
    ("@NAME@.json", "", template!("common/plugin.json.in")),
    (
        "sources/ticks.json",
        "source",
        template!("common/sources/ticks.json"),
    ),
    (
        "sources/ticks.yaml",
        "source",
        template!("common/sources/ticks.yaml"),
    ),
    (
        "sinks/lines.json",
        "sink",
        template!("common/sinks/lines.json"),
    ),
    (
        "functions/c_to_f.json",
        "function",
        template!("common/functions/c_to_f.json"),
    ),
    (
        "functions/mean.json",
        "function",
        template!("common/functions/mean.json"),
    ),
];

const RUST: [Template; 10] = [
    (".github/workflows/ci.yml", "", template!("rust/ci.yml.in")),
    (".gitignore", "", template!("rust/gitignore")),
    (
        ".vscode/launch.json",
        "",
        template!("rust/vscode/launch.json.in"),
    ),
    ("Cargo.toml", "", template!("rust/Cargo.toml.in")),
    ("README.md", "", template!("rust/README.md.in")),
    ("src/main.rs", "", template!("rust/src/main.rs.in")),
    ("src/ticks.rs", "source", template!("rust/src/ticks.rs")),
    ("src/lines.rs", "sink", template!("rust/src/lines.rs")),
    (
        "src/functions.rs",
        "function",
        template!("rust/src/functions.rs"),
    ),
    (
        "tests/plugin.test.yaml",
        "",
        template!("rust/tests/plugin.test.yaml.in"),
    ),
];

const PYTHON: [Template; 17] = [
    (
        ".github/workflows/ci.yml",
        "",
        template!("python/ci.yml.in"),
    ),
    (".gitignore", "", template!("python/gitignore")),
    (
        ".vscode/launch.json",
        "",
        template!("python/vscode/launch.json.in"),
    ),
    ("README.md", "", template!("python/README.md.in")),
    ("functions.py", "function", template!("python/functions.py")),
    ("install.sh", "", template!("python/install.sh")),
    ("lines.py", "sink", template!("python/lines.py")),
    ("main.py", "", template!("python/main.py.in")),
    ("pytest.ini", "", template!("python/pytest.ini")),
    (
        "requirements-dev.txt",
        "",
        template!("python/requirements-dev.txt.in"),
    ),
    ("requirements.txt", "", template!("python/requirements.txt")),
    (
        "tests/plugin.test.yaml",
        "",
        template!("python/tests/plugin.test.yaml.in"),
    ),
    (
        "tests/test_functions.py",
        "function",
        template!("python/tests/test_functions.py"),
    ),
    (
        "tests/test_lines.py",
        "sink",
        template!("python/tests/test_lines.py"),
    ),
    (
        "tests/test_plugin.py",
        "",
        template!("python/tests/test_plugin.py.in"),
    ),
    (
        "tests/test_ticks.py",
        "source",
        template!("python/tests/test_ticks.py"),
    ),
    ("ticks.py", "source", template!("python/ticks.py")),
];

impl Project<'_> {
    /// Returns the path and the text of each file, by path.
    pub(super) fn files(&self) -> Vec<(String, String)> {
        let special: &[Template] = match self.language {
            Language::Rust => &RUST,
            Language::Python => &PYTHON,
        };
        let wanted = COMMON.iter().chain(special);
        let wanted = wanted.filter(|(_, part, _)| part.is_empty() || self.has(part));
        let mut files: Vec<_> = wanted
            .map(|(path, _, text)| (path.replace("@NAME@", self.name), self.fill(text)))
            .collect();
        files.sort();
        files
    }

    /// Returns whether the workflow has to be completed: it gets the checkout from a
    /// repository that is not known.
    pub(super) fn lacks_repository(&self) -> bool {
        let checkout = self.checkout.as_ref();
        checkout.is_some_and(|checkout| checkout.repository.is_none())
    }

    /// Returns what a user does next in the project's directory.
    pub(super) fn next(&self) -> &'static [&'static str] {
        match self.language {
            Language::Rust => &["cargo test", "mock-kuiper test", "mock-kuiper run ."],
            Language::Python => &[
                "python3 -m venv venv && . venv/bin/activate",
                "pip install -r requirements-dev.txt",
                "pytest",
                "mock-kuiper run .",
            ],
        }
    }

    /// Returns whether a condition of a template holds.
    fn has(&self, condition: &str) -> bool {
        match condition {
            "source" => self.source,
            "sink" => self.sink,
            "function" => self.function,
            "checkout" => self.checkout.is_some(),
            _ => unreachable!("a template has the condition `{condition}`"),
        }
    }

    fn fill(&self, template: &str) -> String {
        let (language, executable) = match self.language {
            Language::Rust => ("go", self.name),
            Language::Python => ("python", "main.py"),
        };
        let list = |part: &str, names: &'static str| if self.has(part) { names } else { "[]" };
        let published = format!("\"{VERSION}\"");
        let checkout = self.checkout.as_ref();
        let dependency = checkout.map_or(published, |checkout| {
            format!("{{ path = {} }}", checkout.quoted("/sdk"))
        });
        let path = |entry: &str| {
            checkout
                .map(|checkout| checkout.quoted(entry))
                .unwrap_or_default()
        };
        let repository = checkout.and_then(|checkout| checkout.repository.as_deref());
        // The last call of a chain is followed by a comma.
        let comma = |is_last: bool| if is_last { "," } else { "" };
        let values = [
            ("AFTERSOURCE", comma(!self.sink && !self.function)),
            ("AFTERSINK", comma(!self.function)),
            ("NAME", self.name),
            ("LANGUAGE", language),
            ("EXECUTABLE", executable),
            ("SOURCES", list("source", r#"["ticks"]"#)),
            ("SINKS", list("sink", r#"["lines"]"#)),
            ("FUNCTIONS", list("function", r#"["c_to_f", "mean"]"#)),
            ("EKUIPER", &dependency),
            ("VERSION", VERSION),
            ("CHECKOUT", &path("")),
            ("COMMAND", &path("/mock-kuiper")),
            ("SUITE", &path("/conformance")),
            ("PACKAGE", &path("/mock-kuiper/python")),
            ("REPOSITORY", repository.unwrap_or("OWNER/NAME")),
        ];
        fill(template, |condition| self.has(condition), &values)
    }
}

#[cfg(test)]
mod tests {
    use std::path::Path;

    use super::*;

    #[test]
    fn each_template_can_be_filled_in_for_each_selection() {
        let root = Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/.."));
        // A project has at least one kind.
        for bits in (1..32_u8).filter(|bits| bits & 7 != 0) {
            let has = |bit: u8| bits & bit != 0;
            let project = Project {
                name: "weather",
                language: if has(8) {
                    Language::Rust
                } else {
                    Language::Python
                },
                source: has(1),
                sink: has(2),
                function: has(4),
                checkout: has(16).then(|| Checkout::open(root).unwrap()),
            };
            for (path, text) in project.files() {
                assert!(!text.contains("@if "), "{path}");
                assert!(text.ends_with('\n') && !text.ends_with("\n\n"), "{path}");
                assert!(path.ends_with(".py") || !text.contains("\n\n\n"), "{path}");
            }
        }
    }
}

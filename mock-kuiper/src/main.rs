//! The command `mock-kuiper`.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}

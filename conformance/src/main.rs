//! The command `ekuiper-conformance`.

mod cli;

fn main() -> std::process::ExitCode {
    cli::main()
}

//! The `fulmar` command.

use std::process::ExitCode;

fn main() -> ExitCode {
    fulmar::cli::run(std::env::args_os(), std::env::vars_os())
}

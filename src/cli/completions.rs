use std::process::ExitCode;

use clap::Command;
use clap_complete::Shell;

use super::check::print;

/// Prints what `shell` needs to complete the words of `command`.
pub(super) fn run(shell: Shell, mut command: Command) -> ExitCode {
    print(&script(shell, &mut command))
}

fn script(shell: Shell, command: &mut Command) -> String {
    let mut script = Vec::new();
    clap_complete::generate(shell, command, "fulmar", &mut script);
    String::from_utf8_lossy(&script).into_owned()
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn shells_know_commands_and_options() {
        for shell in [Shell::Bash, Shell::Zsh, Shell::Fish] {
            let script = script(shell, &mut crate::cli::Arguments::command());
            for word in ["passwd", "verify", "bans", "lift", "data-dir"] {
                assert!(script.contains(word), "{word} for {shell}");
            }
        }
    }
}

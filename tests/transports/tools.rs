//! Programs that people use, run to their end.

use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};

use crate::broker::Broker;
use crate::setup;

/// What a program said and how it ended.
pub struct Said {
    pub success: bool,
    pub text: String,
}

/// Whether the programs are there; a run may skip them.
pub fn are_there() -> bool {
    setup::tools().is_some()
}

/// A Chromium without windows; it is large, so a machine may do without.
pub fn browser() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    let folders: Vec<PathBuf> = std::env::split_paths(&path).collect();
    let found = |name| folders.iter().map(|it| it.join(name)).find(|file| file.is_file());
    ["chromium-headless-shell", "chromium"].into_iter().find_map(found)
}

/// Runs mosquitto_pub with the words of `args` against the listener `it`, by its name.
pub fn mosquitto_pub(broker: &Broker, args: &str) -> Said {
    let port = broker.address("it").port().to_string();
    let mut command = limited("mosquitto_pub");
    command.args(["-h", "localhost", "-p", &port, "-t", "t", "-m", "x", "-q", "1"]);
    command.args(args.split_whitespace());
    run(command)
}

/// Runs `openssl s_client` with the words of `args` against the listener `it` until its input ends.
pub fn s_client(broker: &Broker, ca: &Path, args: &str) -> Said {
    let mut command = limited("openssl");
    command.args(["s_client", "-connect", &broker.address("it").to_string(), "-CAfile"]);
    command.arg(ca).args(args.split_whitespace());
    run(command)
}

/// Runs a story of scripts/mqttjs.cjs, which connects to `url`.
pub fn mqttjs(story: &str, url: &str, ca: Option<&Path>) -> Said {
    let tools = setup::tools().expect("asked before");
    let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/transports/scripts/mqttjs.cjs");
    let mut command = limited("node");
    command.arg(script).args([story, url]).env("NODE_PATH", &tools.node_modules);
    if let Some(ca) = ca {
        command.arg(ca);
    }
    run(command)
}

fn limited(program: &str) -> Command {
    let mut command = Command::new("timeout");
    command.args(["20", program]);
    command
}

fn run(mut command: Command) -> Said {
    let output: Output = command.stdin(Stdio::null()).output().expect("coreutils are there");
    let text = [output.stdout, output.stderr].concat();
    Said { success: output.status.success(), text: String::from_utf8_lossy(&text).into_owned() }
}

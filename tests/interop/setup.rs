//! The tools that the stories need, installed once where they are missing.

use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::{Once, OnceLock};

/// Where paho-mqtt and MQTT.js live.
pub struct Tools {
    pub python: PathBuf,
    pub node_modules: PathBuf,
}

/// Which broker plays Fulmar's part.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum BrokerKind {
    Fulmar,
    Mosquitto,
}

/// The installed tools; `None` if this run skips the interop suite.
///
/// Panics with what the installation said if a tool cannot be had.
pub fn tools() -> Option<&'static Tools> {
    static TOOLS: OnceLock<Result<Tools, String>> = OnceLock::new();
    if std::env::var_os("FULMAR_TEST_SKIP_INTEROP").is_some_and(|value| value == "1") {
        static SAID: Once = Once::new();
        SAID.call_once(|| say_skipped("FULMAR_TEST_SKIP_INTEROP=1: no client was tested"));
        return None;
    }
    match TOOLS.get_or_init(install) {
        Ok(tools) => Some(tools),
        Err(why) => panic!(
            "the peers of the interop suite cannot be installed \
             (FULMAR_TEST_SKIP_INTEROP=1 skips the suite):\n{why}"
        ),
    }
}

/// Says that something is skipped, past the capture of the test's output.
pub fn say_skipped(why: &str) {
    // Without a stderr there is nobody to tell.
    let _ = writeln!(std::io::stderr(), "SKIPPED: {why}");
}

/// Reads FULMAR_TEST_BROKER.
pub fn broker_kind() -> BrokerKind {
    match std::env::var("FULMAR_TEST_BROKER").as_deref() {
        Err(_) | Ok("fulmar") => BrokerKind::Fulmar,
        Ok("mosquitto") => BrokerKind::Mosquitto,
        Ok(other) => panic!("FULMAR_TEST_BROKER is {other:?}; it may be fulmar or mosquitto"),
    }
}

/// A path in the folder of this suite.
pub fn suite_path(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/interop").join(name)
}

fn install() -> Result<Tools, String> {
    let target = Path::new(env!("CARGO_TARGET_TMPDIR")).parent().expect("target/tmp has a parent");
    let directory = target.join("interop");
    let mut command = Command::new("bash");
    command.arg(suite_path("install.sh")).arg(&directory).stdin(Stdio::null());
    if broker_kind() == BrokerKind::Mosquitto {
        command.arg("--broker");
    }
    let output = command.output().map_err(|error| format!("bash cannot be started: {error}"))?;
    if !output.status.success() {
        return Err(format!(
            "{}\n{}",
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        ));
    }
    Ok(Tools {
        python: directory.join("venv/bin/python"),
        node_modules: directory.join("node/node_modules"),
    })
}

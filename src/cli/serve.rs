use std::process::ExitCode;

use crate::config::Loaded;
use crate::server;

/// Runs the broker until it is told to stop.
pub(super) fn run(loaded: Loaded) -> ExitCode {
    server::log::init(&loaded.config.log);
    for warning in &loaded.warnings {
        tracing::warn!("{warning}");
    }
    match server::run(loaded.config) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            tracing::error!("{error}");
            ExitCode::FAILURE
        }
    }
}

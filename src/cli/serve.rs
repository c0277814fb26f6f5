use std::process::ExitCode;

use super::print_mistakes;
use crate::config::{self, Loaded};
use crate::server;

/// Runs the broker until it is told to stop.
pub(super) fn run(mut loaded: Loaded) -> ExitCode {
    // Whoever only checks a file of a service need not be that service.
    if let Err(mistakes) = config::place_credentials(&mut loaded, None) {
        return print_mistakes(&mistakes);
    }
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

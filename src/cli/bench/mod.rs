//! `fulmar bench`: load for any MQTT broker, measured from outside.
//!
//! One thread, non-blocking sockets and a packet path that copies a template and counts numbers: the
//! generator has to cost far less for a message than any broker does. Every payload carries who sent
//! it, its number and when, so that loss, duplicates and order are counted exactly.

// A measurement reads the clock: that is what it is for.
#![allow(clippy::disallowed_methods, reason = "time is what is measured")]

mod clock;
mod collect;
mod crowd;
mod cycles;
mod error;
mod idle;
mod link;
mod measure;
mod network;
mod offline;
mod options;
mod pacer;
mod plan;
mod process;
mod progress;
mod publisher;
mod report;
mod retained;
mod seen;
mod settings;
mod stamp;
mod state;
mod tally;
mod tls;
mod traffic;
mod window;
mod wire;

use std::io::Write;
use std::process::ExitCode;

pub(super) use options::Bench;

use error::Error;
use options::Workload;
use plan::Holding;
use report::Report;
use settings::Settings;

/// Runs the workload and prints what came of it: a table for people or JSON for machines.
pub(super) fn run(bench: Bench) -> ExitCode {
    let json = bench.workload.common().json;
    match measure(bench.workload) {
        Ok(report) => {
            let text = if json { report.json() } else { report.table() };
            super::check::print(&text)
        }
        Err(error) => {
            let _ = writeln!(std::io::stderr(), "fulmar bench: {error}");
            ExitCode::FAILURE
        }
    }
}

fn measure(workload: Workload) -> Result<Report, Error> {
    settings::allow_many_sockets();
    let mut settings = Settings::new(workload.common())?;
    let prefix = settings.prefix.clone();
    let clients = |default| workload.common().clients.unwrap_or(default);
    match workload {
        Workload::PubSub(_) => {
            traffic::run("pub-sub", settings, plan::pairs(&prefix, clients(10)), None)
        }
        Workload::FanIn(_) => {
            traffic::run("fan-in", settings, plan::fan_in(&prefix, clients(100)), None)
        }
        Workload::FanOut(_) => {
            traffic::run("fan-out", settings, plan::fan_out(&prefix, clients(1_000)), None)
        }
        Workload::Shared { groups, publishers, .. } => {
            let plan = plan::shared(&prefix, clients(10), groups, publishers);
            traffic::run("shared", settings, plan, None)
        }
        Workload::Wildcard { filters, publishers, .. } => {
            let plan = plan::wildcard(&prefix, clients(500), filters, publishers);
            traffic::run("wildcard", settings, plan, None)
        }
        Workload::Latency { rate, .. } => {
            // Whatever is due goes out.
            settings.burst = 1;
            traffic::run("latency", settings, plan::pairs(&prefix, clients(100)), Some(rate))
        }
        Workload::Connect(_) => cycles::run(settings, clients(100)),
        Workload::Idle { subscriptions, wildcards, .. } => {
            idle::run(settings, clients(10_000), Holding { subscriptions, wildcards })
        }
        Workload::Retained { topics, .. } => retained::run(settings, clients(10), topics),
        Workload::Offline { publishers, .. } => {
            let clients = clients(100);
            let publishers = publishers.unwrap_or(clients).min(clients);
            offline::run(settings, plan::dealt(&prefix, clients, publishers))
        }
    }
}

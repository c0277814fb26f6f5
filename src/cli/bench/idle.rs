//! Connections that are held and do nothing.

use super::crowd::{Crowd, Shape};
use super::error::Error;
use super::measure::Meter;
use super::plan::{self, Holding};
use super::progress::Progress;
use super::report::{Latency, Memory, Report};
use super::settings::Settings;
use super::state::Manner;

/// `clients` connect as fast as the broker takes them, subscribe, and stay. What the broker has grown by
/// at the end of the time is the memory of a connection and of what it holds.
pub fn run(settings: Settings, clients: u32, holding: Holding) -> Result<Report, Error> {
    let plan = plan::silent(&settings.prefix, clients, holding);
    let mut report = Report::new("idle", &settings, (plan.subscribers.len(), 0));
    let shape = Shape { under_way: 1, ordered: true, retain: false };
    let manner = Manner::of(&settings);
    let mut crowd = Crowd::new(settings, plan, shape)?;
    let meter = Meter::new(crowd.state.clock, crowd.state.settings.pid)?;
    let before = meter.broker_bytes()?;

    let begun = meter.begin(0)?;
    crowd.open(crowd.state.subscribers(), manner)?;
    let mut phase = meter.end(&begun, clients.into(), "connected", "connection")?;
    phase.latency = Latency::of(&crowd.state.handshakes);
    report.phases.push(phase);

    hold(&mut crowd)?;
    report.memory = Memory::of(before, meter.broker_bytes()?);
    if let Some(memory) = &mut report.memory {
        let grown = memory.most.saturating_sub(memory.before);
        memory.per_connection = Some(grown / u64::from(clients));
    }
    crowd.part();
    Ok(report)
}

fn hold(crowd: &mut Crowd) -> Result<(), Error> {
    let began = crowd.state.clock.nanos();
    let end = began.saturating_add(super::clock::nanos(crowd.state.settings.measured));
    let mut progress = Progress::new(crowd.state.settings.quiet, "held", "message", began);
    loop {
        let now = crowd.state.clock.nanos();
        progress.tick(0, now);
        if now >= end {
            return Ok(());
        }
        crowd.turn()?;
    }
}

//! Messages as fast as the broker takes them, or at a fixed rate.

use super::crowd::{Crowd, Shape};
use super::error::Error;
use super::measure::Meter;
use super::plan::Plan;
use super::progress::Progress;
use super::report::{Latency, Memory, Phase, Report};
use super::settings::Settings;
use super::state::Manner;

/// Subscribers first, then publishers; what comes within the measured time is what counts.
pub fn run(
    workload: &'static str,
    settings: Settings,
    plan: Plan,
    rate: Option<u32>,
) -> Result<Report, Error> {
    let clients = (plan.subscribers.len(), plan.publishers.len());
    let mut report = Report::new(workload, &settings, clients);
    let shape = Shape { under_way: settings.in_flight, ordered: true, retain: false };
    let (pid, manner) = (settings.pid, Manner::of(&settings));
    let mut crowd = Crowd::new(settings, plan, shape)?;
    let meter = Meter::new(crowd.state.clock, pid)?;
    let before = meter.broker_bytes()?;
    crowd.open(crowd.state.subscribers(), manner)?;
    crowd.open(crowd.state.publishing(), manner)?;
    report.phases.push(measure(&mut crowd, &meter, rate)?);
    let most = meter.broker_bytes()?;
    crowd.stop_publishing();
    // What is silent for long is lost, and counted so.
    crowd.run_until(|crowd| Ok(crowd.is_quiet()))?;
    report.counts = Some(crowd.state.tally.counts);
    report.memory = Memory::of(before, most);
    crowd.part();
    Ok(report)
}

fn measure(crowd: &mut Crowd, meter: &Meter, rate: Option<u32>) -> Result<Phase, Error> {
    let (messages, quiet) = (crowd.state.settings.messages, crowd.state.settings.quiet);
    let (warm_up, measured) = (crowd.state.settings.warm_up, crowd.state.settings.measured);
    if let Some(rate) = rate {
        crowd.pace(rate)?;
    }
    crowd.start_publishing(messages.unwrap_or(u64::MAX));
    let delivered = |crowd: &Crowd| crowd.state.tally.counts.delivered;
    if messages.is_none() {
        let now = crowd.state.clock.nanos();
        let mut progress = Progress::new(quiet, "warm-up", "message", now);
        crowd.run_for(warm_up, |crowd, now| progress.tick(delivered(crowd), now))?;
        crowd.state.tally.latency.reset();
    }
    let begun = meter.begin(delivered(crowd))?;
    let mut progress = Progress::new(quiet, "measured", "message", crowd.state.clock.nanos());
    progress.skip_to(delivered(crowd));
    crowd.run_for(measured, |crowd, now| progress.tick(delivered(crowd), now))?;
    let mut phase = meter.end(&begun, delivered(crowd), "measured", "message")?;
    phase.latency = Latency::of(&crowd.state.tally.latency);
    Ok(phase)
}

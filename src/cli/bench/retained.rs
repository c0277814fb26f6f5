//! Retained messages: set, replayed, cleared.

use super::collect::collect;
use super::crowd::{Crowd, Shape};
use super::error::Error;
use super::measure::Meter;
use super::plan;
use super::progress::Progress;
use super::report::{Memory, Report};
use super::settings::Settings;
use super::state::Manner;

/// One publisher retains a message in each of `topics`; `clients` subscribe to all of them.
pub fn run(settings: Settings, clients: u32, topics: u32) -> Result<Report, Error> {
    let plan = plan::retained(&settings.prefix, clients, topics);
    let mut report = Report::new("retained", &settings, (clients as usize, 1));
    let under_way = settings.in_flight.max(topics as usize);
    let shape = Shape { under_way, ordered: false, retain: true };
    let mut crowd = Crowd::new(settings, plan, shape)?;
    let meter = Meter::new(crowd.state.clock, crowd.state.settings.pid)?;
    let before = meter.broker_bytes()?;

    let manner = Manner::of(&crowd.state.settings);
    crowd.open(crowd.state.publishing(), manner)?;
    let begun = meter.begin(0)?;
    publish_all(&mut crowd, topics, "retained")?;
    report.phases.push(meter.end(&begun, topics.into(), "retained", "message")?);

    crowd.state.tally.counts.expected = u64::from(clients) * u64::from(topics);
    report.phases.push(collect(&mut crowd, &meter, "replayed")?);
    report.counts = Some(crowd.state.tally.counts);
    report.memory = Memory::of(before, meter.broker_bytes()?);

    crowd.close(crowd.state.subscribers())?;
    clear(&mut crowd, clients, topics)?;
    crowd.part();
    Ok(report)
}

/// QoS 0 is not acknowledged: the broker is asked when it is through.
fn publish_all(crowd: &mut Crowd, topics: u32, phase: &'static str) -> Result<(), Error> {
    let now = crowd.state.clock.nanos();
    let mut progress = Progress::new(crowd.state.settings.quiet, phase, "message", now);
    crowd.start_publishing(topics.into());
    crowd.wait("publishing", |crowd| {
        progress.tick(crowd.state.tally.counts.published, crowd.state.clock.nanos());
        Ok(crowd.is_quiet())
    })?;
    crowd.await_publishers()
}

/// An empty payload clears the retained message of its topic.
fn clear(crowd: &mut Crowd, clients: u32, topics: u32) -> Result<(), Error> {
    let plan = plan::retained(&crowd.state.settings.prefix, clients, topics);
    let settings = crowd.state.settings.clone();
    for (publisher, speaker) in crowd.state.publishers.iter_mut().zip(&plan.publishers) {
        publisher.publish_nothing(&speaker.topics, &settings);
    }
    publish_all(crowd, topics, "cleared")
}

//! Messages for clients that are away.

use super::collect::collect;
use super::crowd::{Crowd, Shape};
use super::error::Error;
use super::measure::Meter;
use super::plan::Plan;
use super::progress::Progress;
use super::report::{Memory, Report};
use super::settings::Settings;
use super::state::Manner;
use crate::types::QoS;

/// What a publisher queues if the options do not say.
const MESSAGES: u64 = 1_000;

/// Subscribers subscribe and leave; publishers publish to each in turn until all their messages are
/// acknowledged, and leave; then the subscribers come back for them.
pub fn run(mut settings: Settings, plan: Plan) -> Result<Report, Error> {
    if settings.qos == QoS::AtMostOnce {
        return Err(Error::Options("offline sessions keep QoS 1 and 2: --qos 1".into()));
    }
    settings.persistent = true;
    let messages = settings.messages.unwrap_or(MESSAGES);
    let clients = (plan.subscribers.len(), plan.publishers.len());
    let mut report = Report::new("offline", &settings, clients);
    let under_way = usize::try_from(messages).unwrap_or(usize::MAX >> 1);
    let shape = Shape { under_way, ordered: true, retain: false };
    let mut crowd = Crowd::new(settings, plan, shape)?;
    let meter = Meter::new(crowd.state.clock, crowd.state.settings.pid)?;
    let before = meter.broker_bytes()?;

    queue(&mut crowd, &meter, messages, &mut report)?;
    let most = meter.broker_bytes()?;
    report.phases.push(collect(&mut crowd, &meter, "drained")?);
    report.counts = Some(crowd.state.tally.counts);
    report.memory = Memory::of(before, most);
    crowd.part();
    Ok(report)
}

fn queue(
    crowd: &mut Crowd,
    meter: &Meter,
    messages: u64,
    report: &mut Report,
) -> Result<(), Error> {
    let manner = Manner::of(&crowd.state.settings);
    crowd.open(crowd.state.subscribers(), manner)?;
    crowd.close(crowd.state.subscribers())?;
    crowd.open(crowd.state.publishing(), manner)?;
    crowd.state.publishers.iter_mut().for_each(|publisher| publisher.awaits_copies = false);
    let now = crowd.state.clock.nanos();
    let mut progress = Progress::new(crowd.state.settings.quiet, "queued", "message", now);
    let begun = meter.begin(0)?;
    crowd.start_publishing(messages);
    crowd.wait("queueing", |crowd| {
        progress.tick(crowd.state.tally.counts.published, crowd.state.clock.nanos());
        Ok(crowd.is_quiet())
    })?;
    let published = crowd.state.tally.counts.published;
    report.phases.push(meter.end(&begun, published, "queued", "message")?);
    crowd.close(crowd.state.publishing())
}

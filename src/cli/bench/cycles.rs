//! Connections that come and go.

use std::time::Duration;

use super::clock::nanos;
use super::crowd::{Crowd, Shape};
use super::error::Error;
use super::measure::Meter;
use super::plan::{self, Holding};
use super::progress::Progress;
use super::report::{Latency, Memory, Report};
use super::settings::Settings;
use super::state::Manner;
use super::tally::histogram;

/// `clients` at a time connect, subscribe, disconnect, wait for the end and begin again. The latency is
/// from the begin to SUBACK.
pub fn run(settings: Settings, clients: u32) -> Result<Report, Error> {
    let holding = Holding { subscriptions: 1, wildcards: false };
    let plan = plan::silent(&settings.prefix, clients, holding);
    let mut report = Report::new("connect", &settings, (plan.subscribers.len(), 0));
    let shape = Shape { under_way: 1, ordered: true, retain: false };
    let manner = Manner { leave: true, ..Manner::of(&settings) };
    let mut crowd = Crowd::new(settings, plan, shape)?;
    let meter = Meter::new(crowd.state.clock, crowd.state.settings.pid)?;
    let before = meter.broker_bytes()?;
    let mut cycles = Cycles::start(&mut crowd, manner)?;
    let Settings { warm_up, measured, messages, .. } = crowd.state.settings;
    if messages.is_none() {
        cycles.go_on(&mut crowd, warm_up, "warm-up")?;
        crowd.state.handshakes = histogram();
    }
    let begun = meter.begin(cycles.done)?;
    cycles.go_on(&mut crowd, measured, "measured")?;
    let mut phase = meter.end(&begun, cycles.done, "measured", "connection")?;
    phase.latency = Latency::of(&crowd.state.handshakes);
    report.phases.push(phase);
    report.memory = Memory::of(before, meter.broker_bytes()?);
    cycles.finish(&mut crowd)?;
    Ok(report)
}

struct Cycles {
    done: u64,
    /// Those begun count, too.
    begun: u64,
    most: u64,
}

impl Cycles {
    fn start(crowd: &mut Crowd, manner: Manner) -> Result<Self, Error> {
        let clients = crowd.state.subscribers();
        let each = crowd.state.settings.messages.unwrap_or(u64::MAX);
        let most = each.saturating_mul(clients.len() as u64);
        crowd.state.open_as(manner);
        let begun = clients.len() as u64;
        for client in clients {
            crowd.open_one(client)?;
        }
        Ok(Self { done: 0, begun, most })
    }

    fn go_on(
        &mut self,
        crowd: &mut Crowd,
        time: Duration,
        phase: &'static str,
    ) -> Result<(), Error> {
        let began = crowd.state.clock.nanos();
        let end = began.saturating_add(nanos(time));
        let mut progress = Progress::new(crowd.state.settings.quiet, phase, "connection", began);
        progress.skip_to(self.done);
        crowd.wait("connecting", |crowd| {
            while let Some(client) = crowd.state.gone.pop() {
                self.done += 1;
                if self.begun < self.most {
                    self.begun += 1;
                    crowd.open_one(client)?;
                }
            }
            let now = crowd.state.clock.nanos();
            progress.tick(self.done, now);
            Ok(now >= end || self.done >= self.most)
        })
    }

    /// Lets those end that have begun.
    fn finish(&mut self, crowd: &mut Crowd) -> Result<(), Error> {
        self.most = 0;
        crowd.wait("disconnecting", |crowd| {
            self.done += crowd.state.gone.drain(..).count() as u64;
            Ok(self.done >= self.begun)
        })?;
        if crowd.state.settings.persistent {
            crowd.part();
        }
        Ok(())
    }
}

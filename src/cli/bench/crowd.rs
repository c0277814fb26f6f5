use std::ops::Range;
use std::time::Duration;

use super::clock::{Clock, nanos};
use super::error::Error;
use super::network::Network;
use super::pacer::{Pacer, Schedule};
use super::plan::Plan;
use super::settings::Settings;
use super::state::{Manner, State};
use super::tally::Tally;
use super::wire;

/// The clients of a run and their sockets: what the workloads are made of.
pub struct Crowd {
    network: Network,
    pub state: State,
    pacer: Option<Pacer>,
    /// Messages of all publishers that were due so far.
    due: u64,
}

/// How a wait ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Waited {
    Done,
    /// Nothing came for [`SILENCE`].
    Silence,
}

/// After so long without anything that a run waits for, nothing more is to come.
pub const SILENCE: Duration = Duration::from_secs(10);
/// Connections that come about at the same time.
const OPENING_MAX: usize = 128;
/// The end of a phase is found out as late as this.
const TURN_MAX: Duration = Duration::from_millis(20);

impl Crowd {
    /// Nobody is connected yet. `under_way` is how many messages of a publisher may be under way, and
    /// `ordered` whether each receiver gets those of a publisher in order.
    pub fn new(settings: Settings, plan: Plan, shape: Shape) -> Result<Self, Error> {
        let clients = plan.subscribers.len() + plan.publishers.len();
        let tally = Tally::new(&plan, shape.under_way, shape.ordered)?;
        let network = Network::new(clients, settings.packet_bytes_max(), settings.tls.clone())?;
        let state = State::new(settings, Clock::start(), plan, tally, shape.retain)?;
        Ok(Self { network, state, pacer: None, due: 0 })
    }

    /// Connects `clients` in the given manner and waits until each has all it needs.
    pub fn open(&mut self, clients: Range<usize>, manner: Manner) -> Result<(), Error> {
        self.state.open_as(manner);
        let (mut next, total) = (clients.start, clients.len());
        self.wait("connecting", |crowd| {
            while next < clients.end && next - clients.start < crowd.state.ready + OPENING_MAX {
                crowd.open_one(next)?;
                next += 1;
            }
            Ok(crowd.state.ready >= total)
        })
    }

    pub fn open_one(&mut self, client: usize) -> Result<(), Error> {
        let state = &mut self.state;
        state.handle_opening(client, state.clock.nanos());
        let address = state.settings.address;
        self.network
            .open(client, address)
            .map_err(|cause| Error::Connect { client: format!("client {client}"), cause })
    }

    /// Disconnects those of `clients` who are there and waits until the broker has closed their
    /// connections.
    pub fn close(&mut self, clients: Range<usize>) -> Result<(), Error> {
        self.state.gone.clear();
        let mut total = 0;
        for client in clients {
            if let Some(out) = self.network.output(client) {
                self.state.leave(client, out);
                self.network.flush(client, &mut self.state)?;
                total += 1;
            }
        }
        self.wait("disconnecting", |crowd| Ok(crowd.state.gone.len() >= total))
    }

    /// Lets each publisher send up to `messages`.
    pub fn start_publishing(&mut self, messages: u64) {
        for stream in 0..self.state.publishers.len() {
            self.state.publishers[stream].left = messages;
            self.state.list(stream);
        }
    }

    /// Lets the publishers send at `rate` messages in a second, all together.
    pub fn pace(&mut self, rate: u32) -> Result<(), Error> {
        let publishers = self.state.publishers.len() as u32;
        let start_nanos = self.state.clock.nanos();
        let schedule = Schedule { start_nanos, rate, publishers };
        self.pacer = Some(Pacer::new(schedule, self.network.registry())?);
        self.state.schedule = Some(schedule);
        Ok(())
    }

    pub fn stop_publishing(&mut self) {
        self.state.publishers.iter_mut().for_each(|publisher| publisher.left = 0);
        self.pacer = None;
    }

    /// Whether every message is acknowledged and, where that is waited for, delivered.
    pub fn is_quiet(&self) -> bool {
        let quiet = |left: u64, under_way: u64| left == 0 && under_way == 0;
        self.state.publishers.iter().all(|it| quiet(it.left, it.window.under_way()))
    }

    /// Waits until the broker has handled all that the publishers sent.
    pub fn await_publishers(&mut self) -> Result<(), Error> {
        self.state.pongs = 0;
        let total = self.state.publishers.len();
        for client in self.state.publishing() {
            if let Some(out) = self.network.output(client) {
                out.extend_from_slice(&wire::PINGREQ);
                self.network.flush(client, &mut self.state)?;
            }
        }
        self.wait("waiting for PINGRESP", |crowd| Ok(crowd.state.pongs >= total))
    }

    /// Goes on for `time`, or until all that is to be sent has come; `tick` is told after each turn.
    /// What does not come any more is given up, and others may be sent.
    pub fn run_for(
        &mut self,
        time: Duration,
        mut tick: impl FnMut(&Self, u64),
    ) -> Result<(), Error> {
        let end = self.state.clock.nanos().saturating_add(nanos(time));
        loop {
            let waited = self.run_until(|crowd| {
                let now = crowd.state.clock.nanos();
                tick(crowd, now);
                Ok(now >= end || crowd.is_quiet())
            })?;
            match waited {
                Waited::Done => return Ok(()),
                Waited::Silence => self.state.give_up(),
            }
        }
    }

    /// Disconnects everybody; sessions that were kept are ended. The result of a run stands whatever
    /// becomes of the goodbyes.
    pub fn part(&mut self) {
        let everybody = 0..self.state.publishing().end;
        let parted = self.close(everybody.clone());
        if parted.is_ok() && self.state.settings.persistent {
            let _ = self.end_sessions(everybody);
        }
    }

    /// A clean start that ends with the connection ends what was there before.
    fn end_sessions(&mut self, clients: Range<usize>) -> Result<(), Error> {
        self.state.gone.clear();
        let total = clients.len();
        self.open(clients, Manner { clean_start: true, subscribe: false, leave: true })?;
        self.wait("ending sessions", |crowd| Ok(crowd.state.gone.len() >= total))
    }

    /// Goes on until `done`; an error after [`SILENCE`].
    pub fn wait(
        &mut self,
        what: &'static str,
        done: impl FnMut(&mut Self) -> Result<bool, Error>,
    ) -> Result<(), Error> {
        match self.run_until(done)? {
            Waited::Done => Ok(()),
            Waited::Silence => Err(Error::Silence { what, secs: SILENCE.as_secs() }),
        }
    }

    /// Goes on until `done`, which is asked after each turn, or until nothing comes any more.
    pub fn run_until(
        &mut self,
        mut done: impl FnMut(&mut Self) -> Result<bool, Error>,
    ) -> Result<Waited, Error> {
        let (mut progress, mut since) = (self.state.progress, self.state.clock.nanos());
        while !done(self)? {
            self.turn()?;
            let now = self.state.clock.nanos();
            if self.state.progress != progress {
                (progress, since) = (self.state.progress, now);
            } else if now - since > nanos(SILENCE) {
                return Ok(Waited::Silence);
            }
        }
        Ok(Waited::Done)
    }

    /// Waits for events, handles them, and lets publishers send what they may.
    pub fn turn(&mut self) -> Result<(), Error> {
        let timeout = if self.state.may_send.is_empty() { TURN_MAX } else { Duration::ZERO };
        self.network.turn(Some(timeout), &mut self.state)?;
        self.list_due()?;
        let mut may_send = std::mem::take(&mut self.state.may_send);
        for stream in may_send.drain(..) {
            self.publish(stream)?;
        }
        if self.state.may_send.is_empty() {
            self.state.may_send = may_send;
        }
        Ok(())
    }

    /// Sends for as long as there is room and the socket takes it: a full socket tells when it is not.
    fn publish(&mut self, stream: usize) -> Result<(), Error> {
        let client = self.state.client_of(stream);
        loop {
            let Some(out) = self.network.output(client) else {
                self.state.publishers[stream].listed = false;
                return Ok(());
            };
            if !self.state.publish(stream, out) {
                return Ok(());
            }
            self.network.flush(client, &mut self.state)?;
        }
    }

    fn list_due(&mut self) -> Result<(), Error> {
        let Some(pacer) = &mut self.pacer else { return Ok(()) };
        let now = self.state.clock.nanos();
        loop {
            let (stream, due_nanos) = pacer.schedule().turn(self.due);
            if due_nanos > now {
                return Ok(pacer.wake_at(due_nanos, now)?);
            }
            self.due += 1;
            self.state.list(stream as usize);
        }
    }
}

/// What kind of messages a run is about.
#[derive(Debug, Clone, Copy)]
pub struct Shape {
    pub under_way: usize,
    pub ordered: bool,
    pub retain: bool,
}

use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Driver, Scratch, Shared};
use crate::auth::{Access, Action, Authorizer, PeerInfo, Permission, Ruling};
use crate::connection::Input;
use crate::request::Request;
use crate::types::{ClientId, ReasonCode, Timestamp};

/// Where it is asked elsewhere what a client may do, before the broker hears of it.
///
/// While an answer is due, what came behind the question waits here: as much as one read brought,
/// because nothing more is read. So whoever answers slowly slows down the clients that make it answer.
pub struct Gate {
    authorizer: Arc<dyn Authorizer>,
    client_id: ClientId,
    username: Option<Arc<str>>,
    held: VecDeque<Input>,
    /// How much of the first of them is settled.
    settled: usize,
    due: Option<Due>,
    /// The last answers that still hold, the oldest first to make room.
    known: Vec<Known>,
    known_max: usize,
    oldest: usize,
    edition: u64,
    /// Whether the broker knows that nobody reads what the client sends.
    pub(super) told: bool,
    /// The client may not publish its will.
    pub(super) will_denied: bool,
}

struct Due {
    action: Action,
    topic: Arc<str>,
    edition: u64,
    answer: Pin<Box<dyn Future<Output = Ruling> + Send>>,
}

struct Known {
    action: Action,
    topic: Arc<str>,
    ruling: Ruling,
}

impl Gate {
    /// Where connections of this server ask, if they do.
    pub fn of(shared: &Shared) -> Option<Self> {
        let (authorizer, known_max) = shared.authorizer.as_ref()?;
        Some(Self::new(Arc::clone(authorizer), *known_max))
    }

    /// Asks `authorizer`, and remembers at most `known_max` of its answers.
    pub fn new(authorizer: Arc<dyn Authorizer>, known_max: usize) -> Self {
        Self {
            edition: authorizer.edition(),
            authorizer,
            client_id: ClientId::new(""),
            username: None,
            held: VecDeque::new(),
            settled: 0,
            due: None,
            known: Vec::new(),
            known_max,
            oldest: 0,
            told: false,
            will_denied: false,
        }
    }

    /// Whether an answer is due.
    pub fn is_shut(&self) -> bool {
        !self.held.is_empty()
    }

    /// The last of what is held, if that is a request.
    pub fn take_last(&mut self) -> Option<Request> {
        match self.held.pop_back()? {
            Input::Request(last) => Some(last),
            _ => None,
        }
    }

    /// Nobody waits for answers any more.
    pub fn clear(&mut self) {
        (self.due, self.settled) = (None, 0);
        self.held.clear();
    }

    /// Lets `input` through, with what is denied of it refused; or holds it until that is known.
    pub fn pass(&mut self, mut input: Input, peer: &PeerInfo, now: Timestamp) -> Option<Input> {
        if let Input::Connect(connect) = &input {
            self.client_id = connect.client_id.clone();
            self.username = connect.identity.username.as_deref().map(Arc::from);
        }
        if self.held.is_empty() && self.settle(&mut input, peer, now) {
            return Some(input);
        }
        self.held.push_back(input);
        None
    }

    /// The next of those that were held which may go on now.
    pub fn poll(&mut self, cx: &mut Context<'_>, peer: &PeerInfo, now: Timestamp) -> Option<Input> {
        loop {
            if let Some(due) = &mut self.due {
                let Poll::Ready(ruling) = due.answer.as_mut().poll(cx) else { return None };
                self.take_answer(ruling, now);
            }
            let mut first = self.held.pop_front()?;
            if self.settle(&mut first, peer, now) {
                return Some(first);
            }
            self.held.push_front(first);
        }
    }

    fn take_answer(&mut self, ruling: Ruling, now: Timestamp) {
        let (Some(due), Some(first)) = (self.due.take(), self.held.front_mut()) else { return };
        if ruling.permission == Permission::Deny {
            self.will_denied |= deny(first, self.settled);
        }
        self.settled += 1;
        if due.edition == self.edition && now < ruling.until {
            self.remember(Known { action: due.action, topic: due.topic, ruling });
        }
    }

    /// Goes on with the first input that is not let through yet. Whether all of it is settled; if not,
    /// it has been asked about the rest.
    fn settle(&mut self, input: &mut Input, peer: &PeerInfo, now: Timestamp) -> bool {
        while let Some((at, action, topic)) = question(input, self.settled) {
            self.settled = at;
            match self.recall(action, topic, now) {
                Some(Permission::Deny) => self.will_denied |= deny(input, at),
                Some(_) => {}
                None => {
                    self.due = Some(self.ask(action, topic, peer));
                    return false;
                }
            }
            self.settled = at + 1;
        }
        self.settled = 0;
        true
    }

    fn ask(&self, action: Action, topic: &str, peer: &PeerInfo) -> Due {
        let topic: Arc<str> = topic.into();
        let access = Access {
            client_id: self.client_id.clone(),
            username: self.username.clone(),
            peer: peer.clone(),
            action,
            topic: Arc::clone(&topic),
        };
        Due { action, topic, edition: self.edition, answer: self.authorizer.authorize(&access) }
    }

    fn recall(&mut self, action: Action, topic: &str, now: Timestamp) -> Option<Permission> {
        let edition = self.authorizer.edition();
        if edition != self.edition {
            self.edition = edition;
            (self.known, self.oldest) = (Vec::new(), 0);
        }
        let same = |known: &&Known| known.action == action && *known.topic == *topic;
        let ruling = self.known.iter().find(same)?.ruling;
        (now < ruling.until).then_some(ruling.permission)
    }

    fn remember(&mut self, new: Known) {
        let same = |known: &&mut Known| known.action == new.action && known.topic == new.topic;
        if let Some(known) = self.known.iter_mut().find(same) {
            known.ruling = new.ruling;
        } else if self.known.len() < self.known_max {
            self.known.push(new);
        } else if let Some(oldest) = self.known.get_mut(self.oldest) {
            *oldest = new;
            self.oldest = (self.oldest + 1) % self.known_max;
        }
    }
}

/// What has to be asked of `input` from the `from`th part of it on, and which part that is.
fn question(input: &Input, from: usize) -> Option<(usize, Action, &str)> {
    match input {
        Input::Connect(connect) => {
            let will = connect.will.as_ref().filter(|_| from == 0)?;
            Some((0, Action::Publish, will.message.topic()))
        }
        Input::Request(Request::Publish { message, .. }) if from == 0 => {
            Some((0, Action::Publish, message.topic()))
        }
        Input::Request(Request::Subscribe { filters, .. }) => {
            let (at, (filter, _)) = filters
                .iter()
                .enumerate()
                .skip(from)
                .find_map(|(at, filter)| Some((at, filter.as_ref().ok()?)))?;
            Some((at, Action::Subscribe, filter.topic_filter()))
        }
        _ => None,
    }
}

/// Refuses the `at`th part of `input`. Whether that was a will.
fn deny(input: &mut Input, at: usize) -> bool {
    match input {
        Input::Connect(_) => return true,
        Input::Request(Request::Subscribe { filters, .. }) => {
            if let Some(filter) = filters.get_mut(at) {
                *filter = Err(ReasonCode::NotAuthorized);
            }
        }
        Input::Request(request) => {
            if let Request::Publish { id, message, .. } = request {
                let (id, qos, reason) = (*id, message.qos(), ReasonCode::NotAuthorized);
                *request = Request::RefusePublish { id, qos, reason };
            }
        }
        Input::Auth(_) | Input::Fault(_) => {}
    }
    false
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Whether something waits for an answer about what the client may do.
    pub(super) fn is_gate_shut(&self) -> bool {
        self.gate.as_ref().is_some_and(|gate| gate.is_shut())
    }

    /// What of `input` goes on, unless all of it has to wait.
    pub(super) fn let_through(&mut self, input: Input) -> Option<Input> {
        match &mut self.gate {
            None => Some(input),
            Some(gate) => gate.pass(input, &self.peer, self.shared.clock.now()),
        }
    }

    /// Goes on with what waited for answers that have come. Whether there was something.
    pub(super) fn poll_gate(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> bool {
        let (mut moved, mut asked) = (false, false);
        while let Some(gate) = &mut self.gate
            && let Some(input) = gate.poll(cx, &self.peer, self.shared.clock.now())
        {
            moved = true;
            asked |= self.sort_one(input, scratch);
        }
        if asked {
            self.receive_left(scratch);
            self.sort_all(scratch);
        }
        moved
    }

    /// Has the broker wait for as long with the client's keep alive.
    pub(super) fn tell_of_gate(&mut self) {
        let Some(gate) = &mut self.gate else { return };
        // Before the client has come in there is no keep alive that could wait.
        let is_told = gate.is_shut() && self.link.conn.is_some();
        if is_told != gate.told {
            gate.told = is_told;
            self.shared.hold_up(&self.link, is_told);
        }
    }

    /// Answers a client that may not publish its will (as `[MQTT-3.1.4-2]` has it).
    pub(super) fn refuses_will(&mut self, scratch: &mut Scratch) -> bool {
        if !self.gate.as_ref().is_some_and(|gate| gate.will_denied) {
            return false;
        }
        self.clear_gate();
        scratch.inputs.clear();
        let why = "may not publish its will";
        self.connection.refuse(ReasonCode::NotAuthorized, why, &mut self.outbox.output);
        true
    }

    /// Nothing that the client wants is asked about any more.
    pub(super) fn clear_gate(&mut self) {
        if let Some(gate) = &mut self.gate {
            gate.clear();
        }
    }
}

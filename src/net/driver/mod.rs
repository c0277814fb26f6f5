use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::Sleep;

mod ending;
mod farewell;
mod gate;
mod inbox;
mod log;
mod look;
mod outbox;
mod pacing;
mod question;
mod scratch;
#[cfg(test)]
pub(super) mod tests;

pub use farewell::{FLUSH_TIME_MAX, LINGER_BYTES_MAX, LINGER_TIME_MAX};
pub use scratch::READ_BYTES;

use super::doors::{Admission, Member};
use super::seats::Seat;
use super::shared::{Link, Shared, Traffic};
use crate::auth::PeerInfo;
use crate::connection::{Connection, Fault, Input, Inputs};
use crate::request::{Outgoing, Request};
use crate::types::Timestamp;
use ending::Ending;
use farewell::Farewell;
use gate::Gate;
use inbox::Inbox;
use outbox::Outbox;
use question::Question;
use scratch::Scratch;

/// How often one poll goes round before other tasks of the thread get their turn.
const ROUNDS_PER_POLL: usize = 16;

/// The task of one connection: carries bytes between a socket and its [`Connection`], requests and
/// answers between that and the broker.
///
/// A future written by hand instead of an `async fn`: it reads into a buffer of the thread, so that
/// an idle connection owns none, and handles all that one read brought in one visit to the broker.
/// What does not fit the socket stays with the broker, and while the broker takes no requests
/// nothing is read: either side that is slow slows down the other and nobody else.
pub struct Driver<S> {
    socket: S,
    peer: PeerInfo,
    shared: Arc<Shared>,
    connection: Connection,
    link: Link,
    inbox: Inbox,
    outbox: Outbox,
    /// What the broker did not take yet. Nothing is read while there are any.
    #[allow(clippy::box_collection, reason = "there are none while a connection is idle")]
    requests: Option<Box<VecDeque<Request>>>,
    /// What the connection asked about credentials.
    question: Question,
    /// Where it is asked elsewhere what the client may do.
    gate: Option<Box<Gate>>,
    /// To be told to the client when everything before it is handled.
    fault: Option<Box<Fault>>,
    /// The broker has more for the socket.
    more: bool,
    clean_start: bool,
    stage: Stage,
    ending: Option<Ending>,
    /// The write side failed: what the client sent before is still read.
    broken: Option<std::io::ErrorKind>,
    /// Runs during the handshake, while the client authenticates again, until credentials that expire
    /// do, and while closing. Other connections that stand have no timer.
    timer: Option<Pin<Box<Sleep>>>,
    started: Timestamp,
    /// What the broker has been told of [`Self::traffic`].
    counted: Traffic,
    client_seat: Option<Seat>,
    /// What holds the client, where anything does that holds one client or one user.
    member: Option<Box<Member>>,
    admission: Admission,
}

/// With what the runtime puts around it, a task takes a multiple of 128 bytes: with so many it is 640.
#[cfg(target_pointer_width = "64")]
const _: () = assert!(size_of::<Driver<tokio::net::TcpStream>>() <= 536, "each connection has one");

#[derive(Debug, Clone, Copy)]
enum Stage {
    /// Both directions are open.
    Serving,
    /// As before, until the broker has taken what the client had sent. The timer runs.
    Draining,
    /// The broker has been told that the connection is gone. The timer runs.
    Leaving(Farewell),
    /// The socket is to be dropped.
    Over,
}

/// What one round came to.
enum Round {
    Again,
    Wait,
    Done,
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Serves `socket`, which was let in with `admission`. The time for its CONNECT begins here.
    /// To be called within a runtime.
    pub fn new(socket: S, peer: PeerInfo, shared: Arc<Shared>, admission: Admission) -> Self {
        Self {
            socket,
            peer,
            connection: Connection::new(admission.limits()),
            link: Link::default(),
            inbox: Inbox::default(),
            outbox: Outbox::default(),
            requests: None,
            question: Question::default(),
            gate: Gate::of(&shared).map(Box::new),
            fault: None,
            more: false,
            clean_start: false,
            stage: Stage::Serving,
            ending: None,
            broken: None,
            timer: Some(Box::pin(tokio::time::sleep(shared.connect_timeout))),
            started: shared.clock.now(),
            counted: Traffic::default(),
            client_seat: None,
            member: None,
            shared,
            admission,
        }
    }

    fn poll_rounds(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Poll<()> {
        for _ in 0..ROUNDS_PER_POLL {
            match self.round(cx, scratch) {
                Round::Again => {}
                Round::Wait => return Poll::Pending,
                Round::Done => return Poll::Ready(()),
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    fn round(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Round {
        if self.is_time_up(cx) {
            self.handle_time_up(scratch);
        }
        match self.stage {
            Stage::Serving | Stage::Draining => self.serve(cx, scratch),
            Stage::Leaving(farewell) => self.poll_farewell(farewell, cx, scratch),
            Stage::Over => Round::Done,
        }
    }

    /// One read, one visit to the broker, one write.
    fn serve(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> Round {
        let whole = self.broken.is_none();
        self.write(cx);
        let answered = self.poll_answer(cx, scratch) | self.poll_gate(cx, scratch);
        let waits = self.must_wait(cx, scratch);
        let read = !waits && self.read(cx, scratch);
        self.tell_of_gate();
        let visited = self.visit(scratch);
        self.encode(scratch);
        let moved = self.drain(scratch);
        self.write(cx);
        scratch.visit.wake_others();

        let pull = self.more && self.has_room(scratch);
        let broke = whole && self.broken.is_some();
        let moved = answered || read || visited || moved || pull || broke;
        if moved || waits && self.look(cx, scratch) { Round::Again } else { Round::Wait }
    }

    /// Reads once. Whether something came.
    fn read(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> bool {
        if self.take_deferred(scratch) {
            return true;
        }
        let (shared, connection) = (&self.shared, &mut self.connection);
        let inputs = &mut scratch.inputs;
        let receive = |bytes: &[u8]| receive(connection, shared, bytes, inputs);
        match self.inbox.poll_read(&mut self.socket, cx, &mut scratch.read, receive) {
            Poll::Ready(Ok(0)) => self.end(self.broken.map_or(Ending::Eof, Ending::Lost)),
            Poll::Ready(Ok(_)) => {
                self.sort_all(scratch);
                return true;
            }
            Poll::Ready(Err(error)) => self.end(Ending::of(&error)),
            Poll::Pending => {
                if let Some(kind) = self.broken {
                    self.end(Ending::Lost(kind));
                }
            }
        }
        false
    }

    /// Sorts what was received; goes on receiving behind each question about credentials.
    fn sort_all(&mut self, scratch: &mut Scratch) {
        while self.sort(scratch) {
            self.receive_left(scratch);
        }
    }

    fn receive_left(&mut self, scratch: &mut Scratch) {
        if self.must_defer() {
            return self.inbox.defer();
        }
        self.take_left(scratch);
    }

    fn take_left(&mut self, scratch: &mut Scratch) {
        let (shared, connection) = (&self.shared, &mut self.connection);
        let inputs = &mut scratch.inputs;
        self.inbox.take_left(|bytes| receive(connection, shared, bytes, inputs));
    }

    /// Whether there was a question, answered now, behind which more may be received.
    fn sort(&mut self, scratch: &mut Scratch) -> bool {
        let mut asked = false;
        if self.gate.is_none() && self.member.is_none() {
            scratch.inputs.pop_requests(&mut scratch.visit.requests);
        }
        while let Some(input) = scratch.inputs.pop_front() {
            if let Some(input) = self.let_through(input) {
                asked |= self.sort_one(input, scratch);
            }
        }
        asked
    }

    fn sort_one(&mut self, input: Input, scratch: &mut Scratch) -> bool {
        match input {
            Input::Request(request) => {
                let request = self.pace(request);
                scratch.visit.requests.push_back(request);
            }
            Input::Connect(_) if self.refuses_will(scratch) => {}
            Input::Connect(mut connect) => {
                connect.origin = self.peer.origin();
                self.clean_start = connect.clean_start;
                scratch.visit.connect = self.admit(connect, scratch);
            }
            Input::Auth(question) => {
                return self.turn_away(&question) || self.ask(&question, scratch);
            }
            Input::Fault(fault) => self.fault = Some(fault.into()),
        }
        false
    }

    /// Visits the broker if there is a reason to. Whether that changed anything.
    fn visit(&mut self, scratch: &mut Scratch) -> bool {
        let room = self.has_room(scratch);
        let visit = &mut scratch.visit;
        let woken = self.link.cell.take();
        let called = self.link.conn.is_some() && (woken || self.more && room);
        if !called && !visit.brings_something() {
            return false;
        }
        let (is_new, brought) = (visit.connect.is_some(), visit.requests.len());
        visit.traffic = self.traffic();
        self.shared.visit(&mut self.link, visit, room);
        self.more = visit.more;
        if is_new && self.link.conn.is_some() {
            self.time_credentials();
            self.client_seat = self.shared.clients.take();
            self.admission.handle_authenticated();
        }
        is_new || visit.requests.len() < brought || !visit.outgoing.is_empty()
    }

    fn encode(&mut self, scratch: &mut Scratch) {
        let visit = &mut scratch.visit;
        for outgoing in visit.outgoing.drain(..) {
            match &outgoing {
                Outgoing::ConnAck(connack) => self.log_connected(connack.session_present),
                Outgoing::Close { .. } => {
                    visit.requests.clear();
                    self.gate.iter_mut().for_each(|gate| gate.clear());
                }
                _ => {}
            }
            self.connection.encode(&outgoing, visit.now, &mut self.outbox.output);
            if let Outgoing::Publish(delivery) = outgoing {
                scratch.inputs.reclaim(delivery.message);
            }
        }
        if let Some(reason) = visit.refused.take() {
            visit.requests.clear();
            self.clear_gate();
            let why = "its CONNECT was not accepted";
            self.connection.refuse(reason, why, &mut self.outbox.output);
        }
    }

    /// Writes what there is. A socket that fails is still read: what the client sent before it went
    /// away, perhaps a DISCONNECT, has arrived all the same.
    fn write(&mut self, cx: &mut Context<'_>) {
        if self.broken.is_some() {
            self.outbox.give_up();
        } else if let Poll::Ready(Err(error)) = self.outbox.poll_write(&mut self.socket, cx) {
            self.broken = Some(error.kind());
            self.outbox.give_up();
        }
    }

    fn is_closing(&self) -> bool {
        self.ending.is_some() || self.connection.is_closing()
    }

    fn end(&mut self, ending: Ending) {
        self.ending.get_or_insert(ending);
    }
}

fn receive(
    connection: &mut Connection,
    shared: &Shared,
    bytes: &[u8],
    inputs: &mut Inputs,
) -> usize {
    connection.receive(bytes, shared.clock.now(), &mut || shared.entropy.draw(), inputs)
}

impl<S> Driver<S> {
    /// What passed the socket since this was last asked.
    fn traffic(&mut self) -> Traffic {
        let total = Traffic { received: self.inbox.total, sent: self.outbox.total };
        let before = std::mem::replace(&mut self.counted, total);
        Traffic { received: total.received - before.received, sent: total.sent - before.sent }
    }

    /// Takes the buffers of the thread for as long as this poll lasts.
    fn lend(&mut self, scratch: &mut Scratch) {
        if let Some(requests) = self.requests.take() {
            scratch.visit.requests = *requests;
        }
        if self.outbox.output.is_empty() {
            self.outbox.output = std::mem::take(&mut scratch.output);
        }
    }

    /// Leaves the thread what is empty and keeps what is not.
    fn take_back(&mut self, scratch: &mut Scratch) {
        if !scratch.visit.requests.is_empty() {
            self.requests = Some(Box::new(std::mem::take(&mut scratch.visit.requests)));
        }
        if self.outbox.output.is_empty() {
            scratch.output = std::mem::take(&mut self.outbox.output);
        }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Future for Driver<S> {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let driver = self.get_mut();
        // Before anything is looked at, so that no wake falls between the look and the waiting.
        driver.link.cell.register(cx.waker());
        let mut scratch = Scratch::borrow();
        driver.lend(&mut scratch);
        let polled = driver.poll_rounds(cx, &mut scratch);
        driver.take_back(&mut scratch);
        scratch.give_back();
        polled
    }
}

impl<S> Drop for Driver<S> {
    /// However the task ends, the broker hears of it.
    fn drop(&mut self) {
        self.shared.leave(&mut self.link, None);
        let traffic = self.traffic();
        self.shared.count(traffic);
        self.log_disconnected();
    }
}

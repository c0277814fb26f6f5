//! A client from which nothing is read for now may be gone all the same.

use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Driver, Ending, Input, Scratch, receive};
use crate::request::Request;

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Whether nothing is read for now: because the connection ends, or what the client sent before
    /// still waits, or the store is behind, or the client has published faster than it may.
    pub(super) fn must_wait(&mut self, cx: &mut Context<'_>, scratch: &Scratch) -> bool {
        if self.is_closing() || !scratch.visit.requests.is_empty() {
            return true;
        }
        if self.question.is_open() && !self.inbox.is_empty() {
            return true;
        }
        self.is_gate_shut() || self.shared.must_pause(&self.link) || self.must_rest(cx)
    }

    /// Looks whether the client is still there though nothing is read from it. Whether that is found
    /// out to be over.
    ///
    /// Where it has sent more than a look takes, that has to be taken first. A client that has not come
    /// in has a time limit, and one that does not read is heard of when the socket fails.
    pub(super) fn look(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> bool {
        if self.is_closing() || self.link.conn.is_none() || self.question.is_open() {
            return false;
        }
        if let Some(kind) = self.broken {
            self.take_goodbye(cx, scratch);
            self.end(Ending::Lost(kind));
            return true;
        }
        if !self.outbox.is_empty() {
            return false;
        }
        let ending = loop {
            match self.inbox.poll_look(&mut self.socket, cx) {
                Poll::Pending => return false,
                Poll::Ready(Ok(0)) => break Ending::Eof,
                Poll::Ready(Ok(_)) => {}
                Poll::Ready(Err(error)) => break Ending::of(&error),
            }
        };
        // So little is taken before its time, and counted.
        self.take_left(scratch);
        self.sort_all(scratch);
        self.end(ending);
        true
    }

    /// The socket takes nothing any more. Of what nobody has looked at, and of one read more, only the
    /// client's DISCONNECT counts: else whoever breaks its connections would publish faster than it may.
    fn take_goodbye(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) {
        let (shared, connection) = (&self.shared, &mut self.connection);
        let inputs = &mut scratch.inputs;
        let mut take = |bytes: &[u8]| receive(connection, shared, bytes, inputs);
        let read = self.inbox.poll_read(&mut self.socket, cx, &mut scratch.read, &mut take);
        if !matches!(read, Poll::Ready(Ok(1..))) {
            self.inbox.take_left(take);
        }
        while let Some(input) = scratch.inputs.pop_front() {
            if matches!(input, Input::Request(Request::Disconnect { .. }))
                && let Some(goodbye) = self.let_through(input)
            {
                self.sort_one(goodbye, scratch);
            }
        }
    }

    /// Whether there is room for what the broker has. A socket that is broken has none, but while
    /// requests are left they may wait for answers to be taken.
    pub(super) fn has_room(&self, scratch: &Scratch) -> bool {
        let is_whole = self.broken.is_none() || !scratch.visit.requests.is_empty();
        is_whole && self.outbox.is_empty()
    }
}

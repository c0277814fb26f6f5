use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

use super::{Driver, Ending, Question, Round, Scratch, Stage};
use crate::connection::Ended;
use crate::request::Request;

/// How long a client may take to read what was left for it when its connection ends.
pub const FLUSH_TIME_MAX: Duration = Duration::from_secs(5);
/// How long it may then take to close its side.
pub const LINGER_TIME_MAX: Duration = Duration::from_secs(2);
/// How many bytes it may send meanwhile, to be thrown away.
pub const LINGER_BYTES_MAX: usize = 1024 * 1024;

/// The steps in which a socket is closed.
///
/// A socket closed while bytes from the client lie unread is reset by the kernel, and the client
/// may lose the DISCONNECT that stood before the end. So: send, shut down the write side, and throw
/// away what comes until the client closes too. Only a client that has said that nothing comes any
/// more is not waited for.
#[derive(Debug, Clone, Copy)]
pub enum Farewell {
    /// The rest of the output is sent.
    Flush,
    /// The end of the stream is sent.
    ShutDown,
    /// The client's end is awaited; so many bytes were thrown away.
    Linger { bytes: u32 },
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Where the connection is closing: limits the time that it takes, and leaves the broker once that
    /// has taken every request. Whether that is a step on.
    pub(super) fn drain(&mut self, scratch: &mut Scratch) -> bool {
        if !self.is_closing() {
            return false;
        }
        let asks = self.is_gate_shut();
        // A client that has said goodbye is asked about for as long as that takes.
        if asks && self.ending.is_none() {
            return false;
        }
        let begins = matches!(self.stage, Stage::Serving);
        let drained = scratch.visit.requests.is_empty() && !asks;
        if begins {
            self.stage = Stage::Draining;
            // Where all is done already, no time has to be limited.
            if !(drained && self.has_nothing_to_come() && self.outbox.is_empty()) {
                self.set_timer(FLUSH_TIME_MAX);
            }
        }
        if drained {
            self.leave(None);
        }
        begins || drained
    }

    pub(super) fn poll_farewell(
        &mut self,
        farewell: Farewell,
        cx: &mut Context<'_>,
        scratch: &mut Scratch,
    ) -> Round {
        match farewell {
            Farewell::Flush => {
                let flushed = self.outbox.poll_write(&mut self.socket, cx);
                let over = self.has_nothing_to_come();
                let next = if over { Stage::Over } else { Stage::Leaving(Farewell::ShutDown) };
                self.step(flushed, next)
            }
            Farewell::ShutDown => {
                let shut = Pin::new(&mut self.socket).poll_shutdown(cx);
                if shut.is_ready() {
                    self.set_timer(LINGER_TIME_MAX);
                }
                self.step(shut, Stage::Leaving(Farewell::Linger { bytes: 0 }))
            }
            Farewell::Linger { bytes } => self.linger(bytes, cx, scratch),
        }
    }

    pub(super) fn is_time_up(&mut self, cx: &mut Context<'_>) -> bool {
        self.timer.as_mut().is_some_and(|timer| timer.as_mut().poll(cx).is_ready())
    }

    pub(super) fn handle_time_up(&mut self, scratch: &mut Scratch) {
        let deadline = self.timer.take().map(|timer| timer.deadline());
        match self.stage {
            Stage::Serving => self.handle_authentication_time_up(deadline),
            Stage::Draining => {
                let last = self.take_last(scratch);
                self.end(Ending::FlushTimeout);
                self.leave(last);
                self.stage = Stage::Over;
            }
            Stage::Leaving(_) | Stage::Over => self.stage = Stage::Over,
        }
    }

    /// What the client sent last, if that still waits: nothing is behind a DISCONNECT.
    fn take_last(&mut self, scratch: &mut Scratch) -> Option<Request> {
        let asked_about = self.gate.as_mut().and_then(|gate| gate.take_last());
        asked_about.or_else(|| scratch.visit.requests.pop_back())
    }

    fn leave(&mut self, last: Option<Request>) {
        if let Some(fault) = self.fault.take() {
            self.connection.fault(&fault, &mut self.outbox.output);
        }
        self.question = Question::default();
        self.shared.leave(&mut self.link, last);
        self.log_mistake();
        let lost = self.broken.is_some() || self.ending.is_some_and(Ending::is_lost);
        self.stage = if lost { Stage::Over } else { Stage::Leaving(Farewell::Flush) };
    }

    fn step(&mut self, done: Poll<std::io::Result<()>>, next: Stage) -> Round {
        self.stage = match done {
            Poll::Pending => return Round::Wait,
            Poll::Ready(Err(_)) => Stage::Over,
            Poll::Ready(Ok(())) => next,
        };
        Round::Again
    }

    /// Whether the client sends nothing that a closed socket would answer with a reset: it has closed
    /// its side, or has sent a DISCONNECT, behind which nothing may come [MQTT-3.14.4-2].
    fn has_nothing_to_come(&self) -> bool {
        let by_client = match self.connection.ended() {
            Some(ended) => matches!(ended, Ended::ByClient { .. }),
            None => self.ending == Some(Ending::Eof),
        };
        by_client && self.admission.is_bare()
    }

    fn linger(&mut self, bytes: u32, cx: &mut Context<'_>, scratch: &mut Scratch) -> Round {
        let mut read = ReadBuf::new(&mut scratch.read);
        let polled = Pin::new(&mut self.socket).poll_read(cx, &mut read);
        let bytes = bytes.saturating_add(read.filled().len() as u32);
        self.stage = match polled {
            Poll::Pending => return Round::Wait,
            Poll::Ready(Ok(()))
                if !read.filled().is_empty() && bytes as usize <= LINGER_BYTES_MAX =>
            {
                Stage::Leaving(Farewell::Linger { bytes })
            }
            Poll::Ready(_) => Stage::Over,
        };
        Round::Again
    }

    fn set_timer(&mut self, time: Duration) {
        self.timer = Some(Box::pin(tokio::time::sleep(time)));
    }
}

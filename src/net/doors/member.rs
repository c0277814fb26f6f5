use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::time::{Sleep, sleep};

use super::Doorkeeper;
use super::counters::Counters;
use crate::guard::{Pace, PaceLimits};
use crate::request::Request;
use crate::types::{ClientId, ReasonCode, Timestamp};

/// What holds a connected client where anything limits one client or one user. Others have none.
pub struct Member {
    keeper: Arc<Doorkeeper>,
    limits: PaceLimits,
    pace: Pace,
    /// Shared with the other clients of the user, where users are limited.
    user: Option<User>,
    /// Runs while nothing is read because too much was published.
    rest: Option<Pin<Box<Sleep>>>,
    /// The log names the client.
    is_named: bool,
}

/// The user name, the client identifier that counts under it, and what its clients have published.
type User = (Box<str>, ClientId, Arc<Mutex<Pace>>);

/// What becomes of reading from a client.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Reading {
    /// It goes on.
    On,
    /// It goes on again, from now on.
    OnAgain,
    /// It pauses, from now on.
    PausesNow,
    /// It still pauses.
    Pauses,
}

impl Member {
    pub(super) fn new(
        keeper: Arc<Doorkeeper>,
        limits: PaceLimits,
        user: Option<User>,
    ) -> Option<Box<Self>> {
        let held = user.is_some() || !limits.is_none();
        let pace = Pace::default();
        held.then(|| Box::new(Self { keeper, limits, pace, user, rest: None, is_named: false }))
    }

    /// Counts what `request` publishes. A message that no waiting would make fit the rate is refused,
    /// where the client can be told (`is_v5`), with 0x97 (Quota exceeded).
    pub fn count(&mut self, request: Request, is_v5: bool, now: Timestamp) -> Request {
        let bytes = match &request {
            Request::Publish { message, .. } => message.len() as u64,
            Request::RefusePublish { .. } => 0,
            _ => return request,
        };
        self.pace.spend(&self.limits, 1, bytes, now);
        if let Some((.., shared)) = &self.user {
            shared.lock().spend(&self.keeper.user_pace, 1, bytes, now);
        }
        match request {
            Request::Publish { id: id @ Some(_), message, .. }
                if is_v5 && self.is_too_large(bytes) =>
            {
                Counters::add(&self.keeper.counters.too_large_for_rate);
                Request::RefusePublish { id, qos: message.qos(), reason: ReasonCode::QuotaExceeded }
            }
            request => request,
        }
    }

    /// Whether more is to be read. Where not, the task of `cx` is woken when it may be.
    pub fn poll_reading(&mut self, now: Timestamp, cx: &mut Context<'_>) -> Reading {
        let rested = self.rest.is_some();
        if self.rest.as_mut().is_some_and(|rest| rest.as_mut().poll(cx).is_pending()) {
            return Reading::Pauses;
        }
        self.rest = None;
        let Some(until) = self.owes_until(now) else {
            return if rested { Reading::OnAgain } else { Reading::On };
        };
        let mut rest = Box::pin(sleep(until.since(now)));
        if let Poll::Ready(()) = rest.as_mut().poll(cx) {
            cx.waker().wake_by_ref();
        }
        self.rest = Some(rest);
        if rested {
            return Reading::Pauses;
        }
        Counters::add(&self.keeper.counters.pauses);
        Reading::PausesNow
    }

    /// Whether the log is to name the client as one that publishes too fast: once, while others are
    /// not too many.
    pub fn is_to_be_named(&mut self, now: Timestamp) -> bool {
        let is_first = !self.is_named && self.keeper.log.admit(now);
        self.is_named |= is_first;
        is_first
    }

    fn owes_until(&self, now: Timestamp) -> Option<Timestamp> {
        let own = self.pace.owes_until(&self.limits, now);
        let shared = |(.., pace): &User| pace.lock().owes_until(&self.keeper.user_pace, now);
        own.max(self.user.as_ref().and_then(shared))
    }

    fn is_too_large(&self, bytes: u64) -> bool {
        let of_user = self.user.is_some() && self.keeper.user_pace.is_too_large(bytes);
        of_user || self.limits.is_too_large(bytes)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        if let (Some((user, client_id, _)), Some(users)) = (&self.user, &self.keeper.users) {
            users.lock().leave(user, client_id);
        }
    }
}

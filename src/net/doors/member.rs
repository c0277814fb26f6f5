use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use parking_lot::Mutex;
use tokio::time::{Sleep, sleep};

use super::Doorkeeper;
use super::counters::Counters;
use crate::guard::{Pace, PaceKey, PaceLimits, Publisher};
use crate::request::Request;
use crate::types::{ClientId, ReasonCode, Timestamp};

/// For how long the keep alive of a client waits that has published faster than it may. One read can
/// bring what takes many minutes to make up for, and for so long nobody would miss a client that is gone.
pub const KEEP_ALIVE_WAITS_SECS: u64 = 120;

/// What holds a connected client where anything limits one client or one user. Others have none.
pub struct Member {
    keeper: Arc<Doorkeeper>,
    /// Its own, and behind it that of all clients of its user: those of the two that are limited.
    held_to: Vec<Held>,
    /// Where the clients of a user are counted: as what it counts.
    counted: Option<(Box<str>, ClientId)>,
    /// Runs while nothing is read because too much was published.
    rest: Option<Pin<Box<Sleep>>>,
    /// Until when the keep alive waits for that.
    waits_until: Option<Timestamp>,
    /// The log names the client.
    is_named: bool,
}

/// A rate, and what those who share it have published.
struct Held {
    limits: PaceLimits,
    key: PaceKey,
    /// Locked to count one message, by the connections that share it.
    pace: Arc<Mutex<Pace>>,
}

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
    /// It still pauses, and from now on the client's silence is its own.
    PausesLong,
}

impl Member {
    /// What holds this client, which counts as one of its user's from now on where they are counted.
    pub(super) fn new(
        keeper: &Arc<Doorkeeper>,
        client_id: &ClientId,
        user: Option<&str>,
        limits: PaceLimits,
    ) -> Option<Box<Self>> {
        let own = Held::new(keeper, limits, Publisher::Client(user, client_id));
        let shared = user.map(|user| Held::new(keeper, keeper.user_pace, Publisher::User(user)));
        let held_to: Vec<Held> = [own, shared.flatten()].into_iter().flatten().collect();
        let counted = user.filter(|_| keeper.users.is_some());
        let counted = counted.map(|user| (user.into(), client_id.clone()));
        let is_held = !held_to.is_empty() || counted.is_some();
        let keeper = Arc::clone(keeper);
        is_held.then(|| {
            Box::new(Self {
                keeper,
                held_to,
                counted,
                rest: None,
                waits_until: None,
                is_named: false,
            })
        })
    }

    /// Counts what `request` publishes. A message that no waiting would make fit the rate is refused,
    /// where the client can be told (`is_v5`), with 0x97 (Quota exceeded).
    pub fn count(&mut self, request: Request, is_v5: bool, now: Timestamp) -> Request {
        let bytes = match &request {
            Request::Publish { message, .. } => message.len() as u64,
            Request::RefusePublish { .. } => 0,
            _ => return request,
        };
        for Held { limits, pace, .. } in &self.held_to {
            pace.lock().spend(limits, 1, bytes, now);
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
        if !rested {
            self.waits_until = Some(now.plus_secs(KEEP_ALIVE_WAITS_SECS));
        }
        let is_long = self.waits_until.take_if(|end| *end <= now).is_some();
        let until = self.waits_until.map_or(until, |end| end.min(until));
        let mut rest = Box::pin(sleep(until.since(now)));
        if let Poll::Ready(()) = rest.as_mut().poll(cx) {
            cx.waker().wake_by_ref();
        }
        self.rest = Some(rest);
        match (rested, is_long) {
            (true, true) => return Reading::PausesLong,
            (true, false) => return Reading::Pauses,
            (false, _) => Counters::add(&self.keeper.counters.pauses),
        }
        Reading::PausesNow
    }

    /// Whether more was published than may be.
    pub fn owes(&self, now: Timestamp) -> bool {
        self.owes_until(now).is_some()
    }

    /// Whether the log is to name the client as one that publishes too fast: once, while others are
    /// not too many.
    pub fn is_to_be_named(&mut self, now: Timestamp) -> bool {
        let is_first = !self.is_named && self.keeper.log.admit(now);
        self.is_named |= is_first;
        is_first
    }

    fn owes_until(&self, now: Timestamp) -> Option<Timestamp> {
        let owes = |held: &Held| held.pace.lock().owes_until(&held.limits, now);
        self.held_to.iter().filter_map(owes).max()
    }

    fn is_too_large(&self, bytes: u64) -> bool {
        self.held_to.iter().any(|held| held.limits.is_too_large(bytes))
    }
}

impl Held {
    /// To `limits`, if there are any.
    fn new(keeper: &Doorkeeper, limits: PaceLimits, publisher: Publisher<'_>) -> Option<Self> {
        if limits.is_none() {
            return None;
        }
        let share = |pace| Arc::new(Mutex::new(pace));
        let (key, pace) = keeper.paces.lock().enter(publisher, share);
        Some(Self { limits, key, pace })
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        for held in &self.held_to {
            let now = self.keeper.clock.now();
            self.keeper.paces.lock().leave(held.key, |pace| *pace.lock(), now);
        }
        if let (Some((user, client_id)), Some(users)) = (&self.counted, &self.keeper.users) {
            users.lock().leave(user, client_id);
        }
    }
}

#[cfg(test)]
mod tests {
    use std::task::Waker;
    use std::time::Duration;

    use super::*;
    use crate::guard::Rate;
    use crate::net::{Clock, DoorkeeperSettings};
    use crate::types::QoS;

    const NOW: Timestamp = Timestamp(1_790_000_000_000);
    const MILLI: Duration = Duration::from_millis(1);

    #[tokio::test(start_paused = true)]
    async fn keep_alive_waits_so_long_for_a_client_that_rests_and_no_longer() {
        let mut member = one_an_hour();
        publish(&mut member, 3);
        assert_eq!(reading(&mut member, NOW), Reading::PausesNow);

        sleep(Duration::from_secs(KEEP_ALIVE_WAITS_SECS) - MILLI).await;
        assert_eq!(reading(&mut member, later(KEEP_ALIVE_WAITS_SECS)), Reading::Pauses);
        sleep(2 * MILLI).await;

        assert_eq!(reading(&mut member, later(KEEP_ALIVE_WAITS_SECS)), Reading::PausesLong);
        sleep(Duration::from_secs(3_600)).await;
        assert_eq!(reading(&mut member, later(3_600)), Reading::Pauses, "it is told once");
        sleep(Duration::from_secs(3_600)).await;
        assert_eq!(reading(&mut member, later(7_200)), Reading::OnAgain);
    }

    fn reading(member: &mut Member, now: Timestamp) -> Reading {
        member.poll_reading(now, &mut Context::from_waker(Waker::noop()))
    }

    fn publish(member: &mut Member, messages: usize) {
        let (qos, reason) = (QoS::AtMostOnce, ReasonCode::NotAuthorized);
        for _ in 0..messages {
            member.count(Request::RefusePublish { id: None, qos, reason }, false, NOW);
        }
    }

    /// A client that may publish one message in an hour, and one at once.
    fn one_an_hour() -> Box<Member> {
        let keeper = Doorkeeper::new(DoorkeeperSettings::unlimited(), Clock::start());
        let messages = Some(Rate::new(1, Duration::from_secs(3_600), 1));
        let limits = PaceLimits { messages, bytes: None };
        Member::new(&keeper, &ClientId::new("c"), None, limits).expect("held to a rate")
    }

    fn later(secs: u64) -> Timestamp {
        NOW.plus_secs(secs)
    }
}

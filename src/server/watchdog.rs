use std::sync::Arc;
use std::time::Duration;

use tokio::time::{MissedTickBehavior, interval};

use super::deadlines::TICK;
use super::supervisor::Supervisor;
use crate::net::{Pulse, Shared};

/// Tells the service manager that the server is alive, if it asked for that, as often as it is to be
/// told: twice in the time after which it takes the server for dead (sd_watchdog_enabled(3)).
///
/// Alive means that since the last look the broker has done what was due, which takes its lock and a
/// turn of the runtime, and that the store's thread is idle or has taken a step. Where one of them
/// stands still nothing is told, and the service manager ends the process: what was acknowledged is
/// on disk, and a start has it.
pub async fn keep(shared: Arc<Shared>, supervisor: Supervisor) {
    let Some(patience) = supervisor.watchdog_patience() else { return };
    watch(patience / 2, || shared.pulse(), || supervisor.alive()).await;
}

async fn watch(every: Duration, mut pulse: impl FnMut() -> Pulse, mut tell: impl FnMut()) {
    let looks_max = looks_max(every);
    let (mut last, mut still) = (pulse(), 0);
    let mut ticks = interval(every);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Delay);
    // The first is at once: the start itself has just been told.
    ticks.tick().await;
    loop {
        ticks.tick().await;
        let now = pulse();
        let what = standstill(last, now);
        still = if what.is_some() { still + 1 } else { 0 };
        match what.filter(|_| still >= looks_max) {
            None => tell(),
            Some(what) => {
                tracing::error!("{what} has stood still: the service manager is not told")
            }
        }
        last = now;
    }
}

/// How many looks in a row find the same if something stands still. Where they come about as often as
/// the broker takes a turn, one between two turns shows nothing.
fn looks_max(every: Duration) -> u32 {
    let turns = (2 * TICK).as_micros().div_ceil(every.as_micros().max(1));
    u32::try_from(turns).unwrap_or(u32::MAX)
}

/// What has not moved between two looks and should have.
fn standstill(last: Pulse, now: Pulse) -> Option<&'static str> {
    if now.turns == last.turns {
        return Some("the broker");
    }
    let commits = now.commits.idle || now.commits.turns != last.commits.turns;
    (!commits).then_some("the store")
}

#[cfg(test)]
mod tests {
    use std::cell::{Cell, RefCell};

    use super::*;
    use crate::store::CommitPulse;

    const EVERY: Duration = Duration::from_secs(30);

    #[tokio::test(start_paused = true)]
    async fn a_server_that_goes_on_is_alive_at_each_look() {
        let told = told(|look| pulse(look, look, false), 3).await;
        assert_eq!(told, [1, 2, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_broker_that_stands_still_is_not_until_it_goes_on() {
        let still = |look: u64| if (1..=3).contains(&look) { 1 } else { look };
        let told = told(|look| pulse(still(look), look, false), 5).await;
        assert_eq!(told, [1, 4, 5]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_that_stands_still_is_not_until_it_goes_on() {
        let told = told(|look| pulse(look, if look == 2 { 1 } else { look }, false), 3).await;
        assert_eq!(told, [1, 3]);
    }

    #[tokio::test(start_paused = true)]
    async fn a_store_with_nothing_to_do_may_stand_still() {
        let told = told(|look| pulse(look, 7, true), 2).await;
        assert_eq!(told, [1, 2]);
    }

    #[test]
    fn looks_that_come_often_have_to_agree() {
        assert_eq!(looks_max(EVERY), 1);
        assert_eq!(looks_max(2 * TICK), 1);
        assert_eq!(looks_max(TICK), 2);
        assert_eq!(looks_max(TICK / 10), 20);
    }

    fn pulse(turns: u64, commits: u64, idle: bool) -> Pulse {
        Pulse { turns, commits: CommitPulse { turns: commits, idle } }
    }

    /// The looks, out of so many, after which the service manager was told. Look 0 is at the start.
    async fn told(pulse: impl Fn(u64) -> Pulse, looks: u32) -> Vec<u64> {
        let (next, told) = (Cell::new(0), RefCell::new(Vec::new()));
        let look = || pulse(next.replace(next.get() + 1));
        let tell = || told.borrow_mut().push(next.get() - 1);
        let enough = EVERY * looks + Duration::from_secs(1);
        let watch = tokio::time::timeout(enough, watch(EVERY, look, tell));
        watch.await.expect_err("it watches for ever");
        assert_eq!(next.get(), u64::from(looks) + 1, "one look in each interval");
        told.into_inner()
    }
}

use std::sync::Arc;
use std::time::Duration;

use crate::net::Shared;

/// The longest the broker's deadlines go unlooked at. A deadline that comes up meanwhile is late by
/// as much: MQTT counts in seconds.
pub const TICK: Duration = Duration::from_secs(1);

/// Has the broker do what is due when it is due: keep alive, will delay, expiry, `$SYS`.
pub async fn keep(shared: Arc<Shared>) {
    loop {
        let due = shared.handle_deadline();
        let now = shared.clock.now();
        shared.mistakes.report_suppressed(now);
        shared.doorkeeper.log.report_suppressed(now);
        match due.map_or(TICK, |due| due.since(now)).min(TICK) {
            // One hold does a bounded part of what is due; the connections get theirs between two.
            Duration::ZERO => tokio::task::yield_now().await,
            wait => tokio::time::sleep(wait).await,
        }
    }
}

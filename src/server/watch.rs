use std::sync::Arc;
use std::time::Duration;

use super::memory;
use crate::net::Shared;

/// Between two looks. A broker at rest pays for a few of them a second.
const INTERVAL: Duration = Duration::from_millis(200);
/// What a connection counts for, in bytes: with TLS it is more, without it is less.
const CONNECTION_BYTES: u64 = 8_192;

/// Looks again and again how late the broker is and how much memory it has.
///
/// How late a task runs is how long every other one waits for a thread, and whoever has something for
/// the broker waits for its lock as long as this does.
pub async fn keep(shared: Arc<Shared>) {
    loop {
        let due = shared.clock.micros() + INTERVAL.as_micros() as u64;
        tokio::time::sleep(INTERVAL).await;
        let late = shared.clock.micros().saturating_sub(due) + shared.lock_micros();
        shared.doorkeeper.note_late(Duration::from_micros(late));
        if let Some(bytes) = memory::used_bytes() {
            let held = match shared.doorkeeper.is_near_high_water(bytes) {
                true => held_bytes(&shared).await,
                false => 0,
            };
            shared.note_memory(bytes, held);
        }
    }
}

/// About how many bytes the broker and its connections hold. With many sessions it takes a while,
/// and others get their turn meanwhile.
async fn held_bytes(shared: &Shared) -> u64 {
    let mut total = shared.doorkeeper.connections.taken() as u64 * CONNECTION_BYTES;
    let mut from = Some(0);
    while let Some(place) = from {
        let (bytes, next) = shared.held_bytes(place);
        total = total.saturating_add(bytes);
        from = next;
        tokio::task::yield_now().await;
    }
    total
}

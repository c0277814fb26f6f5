use std::sync::Arc;
use std::time::Duration;

use super::memory;
use crate::net::Shared;

/// Between two looks. A broker at rest pays for a few of them a second.
const INTERVAL: Duration = Duration::from_millis(200);

/// Looks again and again how late the broker is and how much memory it has.
///
/// How late a task runs is how long every other one waits for a thread, and whoever has something for
/// the broker waits for its lock as long as this does.
pub async fn keep(shared: Arc<Shared>) {
    loop {
        let due = shared.clock.micros() + INTERVAL.as_micros() as u64;
        tokio::time::sleep(INTERVAL).await;
        let late = shared.clock.micros().saturating_sub(due) + shared.lock_micros();
        shared.gate.note_late(Duration::from_micros(late));
        if let Some(bytes) = memory::used_bytes() {
            shared.note_memory(bytes);
        }
    }
}

use parking_lot::Mutex;

use super::throttle::Throttle;
use crate::types::Timestamp;

/// The right to log what peers can cause as often as they like.
///
/// A lock of its own: mistakes are rare on the path of a message, and have nothing to do with the
/// broker's state. Held for a few comparisons.
#[derive(Debug)]
pub struct Mistakes(Mutex<Throttle>);

impl Mistakes {
    /// At most `per_second` lines.
    pub fn new(per_second: u32) -> Self {
        Self(Mutex::new(Throttle::new(per_second)))
    }

    /// Whether one more line may be written at `now`.
    pub fn admit(&self, now: Timestamp) -> bool {
        self.report_suppressed(now);
        self.0.lock().admit(now)
    }

    /// Logs how many lines were not written, once their second is over.
    pub fn report_suppressed(&self, now: Timestamp) {
        let suppressed = self.0.lock().take_suppressed(now);
        if let Some(count) = suppressed {
            tracing::warn!(count, "more mistakes of peers were not logged");
        }
    }
}

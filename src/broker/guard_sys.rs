use super::sys::Values;
use super::{Broker, Stats};
use crate::guard::{GuardReport, Refusal};

impl Broker {
    /// Takes note of what `$SYS/broker/protection` is to say from now on.
    pub fn handle_guard_report(&mut self, report: GuardReport) {
        self.sys.guard = Some(report);
    }
}

/// The values below `$SYS/broker/protection/`, with their topics below `$SYS/broker/`.
pub(super) fn values(report: &GuardReport, stats: &Stats) -> Values {
    let counts = [
        ("unauthenticated", report.unauthenticated),
        ("bans/count", report.bans),
        ("bans/total", report.bans_made),
        ("failed_logins", report.failed_logins),
        ("publish/pauses", report.pauses),
        ("publish/too_large_for_rate", report.too_large_for_rate),
        ("publish/refused_for_memory", stats.refused_for_memory),
        ("latency/last_us", report.late_micros),
        ("latency/max_us", report.late_micros_max),
        ("memory/bytes", report.memory_bytes),
        ("memory/max_bytes", report.memory_bytes_max),
        ("memory/short", u64::from(report.is_memory_short)),
    ];
    let refused = Refusal::ALL.into_iter().zip(report.refusals);
    let refused = refused.map(|(refusal, count)| (format!("refused/{}", refusal.name()), count));
    let counts = counts.map(|(name, count)| (name.to_owned(), count));
    let all = counts.into_iter().chain(refused);
    all.map(|(name, count)| (format!("protection/{name}"), count.to_string())).collect()
}

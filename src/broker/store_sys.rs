use super::sys::Values;
use super::{Broker, Stats};
use crate::journal::{Durations, StoreFigures, StoreReport};

impl Broker {
    /// Takes note of what `$SYS/broker/store` is to say from now on.
    pub fn handle_store_report(&mut self, report: StoreReport) {
        self.sys.store = Some(report);
    }
}

/// The values below `$SYS/broker/store/`, with their topics below `$SYS/broker/`.
pub(super) fn values(report: &StoreReport, stats: &Stats) -> Values {
    let mut values = vec![
        ("store/durability".to_owned(), report.durability.to_owned()),
        ("store/state".to_owned(), report.state.name().to_owned()),
    ];
    if let Some(figures) = &report.figures {
        values.push(("store/refused".to_owned(), stats.turned_away.to_string()));
        add_figures(figures, &mut values);
    }
    values
}

fn add_figures(figures: &StoreFigures, values: &mut Values) {
    let counts = [
        ("store/commits/count", Some(figures.commits)),
        ("store/commits/operations", Some(figures.operations)),
        ("store/commits/cancelled", Some(figures.cancelled)),
        ("store/commits/bytes", Some(figures.bytes)),
        ("store/fold/steps", Some(figures.fold_steps)),
        ("store/fold/bytes", Some(figures.fold_bytes)),
        ("store/journal/bytes", Some(figures.journal_bytes)),
        ("store/quarantined", Some(figures.quarantined)),
        ("store/disk/used_bytes", Some(figures.size_bytes)),
        ("store/disk/free_bytes", figures.free_bytes),
    ];
    let known = counts.into_iter().filter_map(|(name, count)| Some((name, count?)));
    values.extend(known.map(|(name, count)| (name.to_owned(), count.to_string())));
    let per_message = format!("{:.1}", figures.bytes_per_message);
    values.push(("store/bytes_per_message".to_owned(), per_message));
    add_durations("store/sync", figures.sync_time, values);
    add_durations("store/fold", figures.fold_time, values);
}

fn add_durations(name: &str, Durations { p50, p99, max }: Durations, values: &mut Values) {
    for (which, micros) in [("p50_us", p50), ("p99_us", p99), ("max_us", max)] {
        values.push((format!("{name}/{which}"), micros.to_string()));
    }
}

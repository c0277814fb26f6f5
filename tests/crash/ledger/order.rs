use std::collections::BTreeSet;

use super::Violation;

/// What is wrong with `got`, of which `1..=sent` must have come: where it matters in order of first
/// arrival, or no more than once.
pub fn faults(
    got: &[u64],
    sent: u64,
    ordered: bool,
    once: bool,
) -> impl Iterator<Item = (Violation, String)> {
    let mut seen = BTreeSet::new();
    let (first, repeated): (Vec<u64>, Vec<u64>) =
        got.iter().partition(|number| seen.insert(**number));
    let lost: Vec<u64> = (1..=sent).filter(|number| !seen.contains(number)).collect();
    let late: Vec<_> = first.windows(2).filter(|pair| ordered && pair[0] > pair[1]).collect();
    let order = (!late.is_empty()).then(|| (Violation::WrongOrder, format!("{late:?}")));
    let loss = || (Violation::MessageLost, format!("{lost:?} of {sent}"));
    let lost = (!lost.is_empty()).then(loss);
    let twice = (once && !repeated.is_empty())
        .then(|| (Violation::MessageRepeated, format!("{repeated:?}")));
    [order, lost, twice].into_iter().flatten()
}

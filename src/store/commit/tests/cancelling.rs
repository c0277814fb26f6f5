use super::super::cancel::{Before, cancel};
use super::scenario::Scenario;
use super::*;
use proptest::prelude::*;

#[test]
fn a_message_that_was_queued_and_settled_leaves_nothing() {
    let m = message("t", b"m");
    assert_cancels(&[queued(1, 5, &m), settled(1, 5)], &[]);
    assert_cancels(&[queued(1, 5, &m), pubrec(1, 5), settled(1, 5)], &[]);
    // The same number in another session is another message.
    assert_cancels(&[queued(1, 5, &m), settled(2, 5)], &[queued(1, 5, &m), settled(2, 5)]);
}

#[test]
fn a_message_of_an_earlier_group_stays_settled() {
    assert_cancels(&[settled(1, 5)], &[settled(1, 5)]);
    assert_cancels(&[pubrec(1, 5), settled(1, 5)], &[settled(1, 5)]);
}

#[test]
fn a_message_past_pubrec_is_not_needed_any_more() {
    assert_cancels(&[queued(1, 5, &message("t", b"m")), pubrec(1, 5)], &[pubrec(1, 5)]);
}

#[test]
fn a_packet_id_that_was_taken_and_released_leaves_nothing() {
    assert_cancels(&[taken(1, 7), released(1, 7)], &[]);
    assert_cancels(&[taken(1, 7), released(1, 7), taken(1, 7)], &[taken(1, 7)]);
    assert_cancels(&[released(1, 7)], &[released(1, 7)]);
    // It is not the same as taken alone, which would cancel out with a later release.
    let anew = [released(1, 7), taken(1, 7)];
    assert_cancels(&anew, &anew);
    // It was taken before this group, so it must be released.
    assert_cancels(&[released(1, 7), taken(1, 7), released(1, 7)], &[released(1, 7)]);
}

#[test]
fn the_last_word_about_a_subscription_or_retained_message_stands() {
    let (a, b) = (retained("a", b"1"), retained("a", b"2"));
    assert_cancels(&[a.clone(), b.clone()], std::slice::from_ref(&b));
    assert_cancels(&[a.clone(), cleared("a")], &[cleared("a")]);
    assert_cancels(&[cleared("a"), b.clone()], &[b]);
    assert_cancels(&[a.clone(), cleared("b")], &[a, cleared("b")]);
    assert_cancels(&[subscribed(1, "a"), unsubscribed(1, "a")], &[unsubscribed(1, "a")]);
    assert_cancels(&[unsubscribed(1, "a"), subscribed(1, "a")], &[subscribed(1, "a")]);
    assert_cancels(&[armed(1), disarmed(1)], &[disarmed(1)]);
    assert_cancels(&[detached(1, 5), resumed(1)], &[resumed(1)]);
}

#[test]
fn a_session_that_was_opened_and_ended_leaves_nothing() {
    let m = message("t", b"m");
    let life = [
        opened(1),
        subscribed(1, "a"),
        taken(1, 7),
        queued(1, 0, &m),
        armed(1),
        detached(1, 5),
        ended(1),
    ];
    assert_cancels(&life, &[]);
    assert_cancels(&life[1..], &[ended(1)]);
}

#[test]
fn what_a_new_session_takes_back_was_never_there() {
    assert_cancels(&[opened(1), subscribed(1, "a"), unsubscribed(1, "a")], &[opened(1)]);
    assert_cancels(&[opened(1), armed(1), disarmed(1)], &[opened(1)]);
}

#[test]
fn from_nothing_there_is_nothing_to_take_back() {
    let changes = [cleared("a"), unsubscribed(1, "a"), settled(1, 5), released(1, 7), ended(1)];
    assert_eq!(cancel(changes, Before::Nothing), []);
}

proptest! {
    /// A list that was cancelled is a list like any other: it may be joined to the next and
    /// cancelled again, as folding does.
    #[test]
    fn cancelling_leaves_the_effect_however_often(
        draws in prop::collection::vec(prop::collection::vec((any::<u8>(), any::<u8>()), 1..6), 3..40),
        cuts in prop::collection::vec(any::<prop::sample::Index>(), 3),
    ) {
        let batches = Scenario::batches(&draws);
        let images = Scenario::images(&batches);
        let mut cuts: Vec<usize> = cuts.iter().map(|cut| cut.index(batches.len())).collect();
        cuts.sort_unstable();
        let changes = |from: usize, to: usize| {
            cancel(batches[from..to].iter().flat_map(|batch| batch.changes.clone()), Before::Unknown)
        };
        let once = changes(cuts[0], cuts[1]).into_iter().chain(changes(cuts[1], cuts[2]));

        let mut image = images[cuts[0]].clone();
        cancel(once, Before::Unknown).into_iter().for_each(|change| image.apply(change));

        prop_assert_eq!(without_counters(image), without_counters(images[cuts[2]].clone()));
    }
}

fn assert_cancels(changes: &[Change], left: &[Change]) {
    assert_eq!(cancel(changes.iter().cloned(), Before::Unknown), left, "of {changes:?}");
}

use super::super::keys;
use super::*;

#[test]
fn folded_records_tell_what_the_groups_told() {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(EAGER);
    let m = message("t", &[7; 200]);
    let groups: &[&[Change]] = &[
        &[opened(1), opened(2), subscribed(1, "a"), subscribed(1, "b"), armed(2)],
        &[queued(1, 0, &m), queued(2, 0, &m), taken(1, 7), retained("a", b"1")],
        &[queued(1, 64, &m), settled(2, 0), unsubscribed(1, "b"), detached(2, 9)],
        &[pubrec(1, 0), retained("b", b"2"), retained("a", b"3")],
    ];
    commit(&mut committer, groups);
    let before = shelf.recover();

    fold_all(&mut committer);

    let after = shelf.recover();
    assert_eq!(shelf.keys(keys::JOURNAL), [[0; 0]; 0]);
    assert_eq!(without_counters(after.image), without_counters(before.image));
    assert_eq!((after.last, after.quarantined), (Lsn(4), 0));
}

#[test]
fn nothing_is_left_of_what_is_over() {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(EAGER);
    let m = message("t", &[7; 200]);
    commit(&mut committer, &[&[opened(1), opened(2), subscribed(1, "a"), retained("a", b"1")]]);
    commit_at(&mut committer, 2, &[queued(1, 0, &m), queued(1, 99, &m), queued(2, 0, &m)]);
    fold_all(&mut committer);
    assert_eq!(shelf.keys(keys::BODY).len(), 1);

    commit_at(&mut committer, 3, &[ended(1), cleared("a")]);
    fold_all(&mut committer);
    assert_eq!(shelf.keys(keys::BODY).len(), 1, "still in a queue");
    assert_eq!(shelf.keys(keys::SUBSCRIPTIONS).len() + shelf.keys(keys::RETAINED).len(), 0);

    commit_at(&mut committer, 4, &[ended(2)]);
    fold_all(&mut committer);
    let left: Vec<u8> = (0..=255).filter(|kind| !shelf.keys(*kind).is_empty()).collect();
    assert_eq!(left, keys::PROGRESS);
}

#[test]
fn a_message_for_many_sessions_is_stored_once() {
    let shelf = Shelf::default();
    let settings = CommitSettings { fold_step_bytes: 1 << 20, ..EAGER };
    let mut committer = shelf.committer(settings);
    let m = message("t", &[7; 10_000]);
    let mut changes: Vec<Change> = (1..=100).map(opened).collect();
    changes.extend((1..=100).map(|session| queued(session, 0, &m)));
    commit(&mut committer, &[&changes]);
    assert!(shelf.size_bytes().expect("memory") < 30_000);

    fold_all(&mut committer);

    assert!(shelf.size_bytes().expect("memory") < 40_000);
    assert_eq!(shelf.recover().image, Image::of(changes));
}

#[test]
fn a_message_that_is_done_with_everywhere_is_gone() {
    for done in [settled, pubrec] {
        let shelf = Shelf::default();
        let settings = CommitSettings { fold_step_bytes: 1 << 20, ..EAGER };
        let mut committer = shelf.committer(settings);
        let m = message("t", &[7; 200]);
        commit(&mut committer, &[&[opened(1), opened(2), queued(1, 0, &m), queued(2, 0, &m)]]);
        fold_all(&mut committer);
        assert_eq!((shelf.keys(keys::BODY).len(), shelf.keys(keys::BODY_COUNT).len()), (1, 1));

        commit_at(&mut committer, 2, &[done(1, 0)]);
        fold_all(&mut committer);
        assert_eq!(shelf.keys(keys::BODY).len(), 1, "still in a queue");
        commit_at(&mut committer, 3, &[done(2, 0)]);
        fold_all(&mut committer);

        assert_eq!((shelf.keys(keys::BODY).len(), shelf.keys(keys::BODY_COUNT).len()), (0, 0));
    }
}

#[test]
fn a_message_larger_than_a_chunk_comes_back() {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(EAGER);
    let large = message("t", &vec![7; 300_000]);
    let changes = [opened(1), queued(1, 0, &large), retained("t", &vec![8; 200_000])];
    commit(&mut committer, &[&changes]);
    assert_eq!(shelf.recover().image, Image::of(changes.clone()));

    fold_all(&mut committer);

    assert_eq!(shelf.recover().image, Image::of(changes));
}

#[test]
fn a_step_takes_no_more_than_it_may() {
    let shelf = Shelf::default();
    let settings = CommitSettings { fold_step_bytes: 4000, ..EAGER };
    let mut committer = shelf.committer(settings);
    commit(&mut committer, &[&[opened(1)]]);
    for number in 0..100 {
        let m = message("t", &[number as u8; 500]);
        commit_at(&mut committer, number + 2, &[queued(1, number, &m)]);
    }
    let mut steps = 0;
    while committer.journal_bytes() > 0 {
        let step = committer.fold().expect("memory");
        // What it takes, what it reads for that, and the rest that it puts back.
        assert!(step.written_bytes < 64 * 600 + 5 * 4000, "{step:?}");
        steps += 1;
    }
    assert!(steps > 10, "{steps} steps");
    assert_eq!(shelf.recover().image.sessions[&SessionNumber(1)].queue.len(), 100);
}

#[test]
fn the_end_of_a_long_session_takes_many_steps_and_is_not_seen_in_part() {
    let shelf = Shelf::default();
    let settings = CommitSettings { fold_step_bytes: 4000, ..EAGER };
    let mut committer = shelf.committer(settings);
    let m = message("t", &[7; 30]);
    let mut changes = vec![opened(1)];
    changes.extend((0..3000).map(|number| queued(1, number, &m)));
    commit(&mut committer, &[&changes]);
    fold_all(&mut committer);

    commit_at(&mut committer, 2, &[ended(1), opened(2)]);
    let mut steps = 0;
    while committer.journal_bytes() > 0 {
        let session = shelf.recover().image.sessions.into_keys().collect::<Vec<_>>();
        assert_eq!(session, [SessionNumber(2)]);
        committer.fold().expect("memory");
        steps += 1;
    }
    assert!(steps > 5, "{steps} steps");
    assert_eq!(shelf.keys(keys::BACKLOG).len(), 0);
}

#[test]
fn what_cancels_out_between_groups_is_never_folded() {
    let shelf = Shelf::default();
    let settings = CommitSettings { fold_step_bytes: 100_000, ..EAGER };
    let mut committer = shelf.committer(settings);
    let m = message("t", &[7; 500]);
    commit(&mut committer, &[&[opened(1)], &[queued(1, 0, &m)], &[settled(1, 0)]]);

    let step = committer.fold().expect("memory");

    assert_eq!((step.folded, step.cancelled), (1, 2));
    assert!(step.written_bytes < 200, "{} bytes", step.written_bytes);
}

#[test]
fn numbers_are_told_even_when_all_is_settled() {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(EAGER);
    let m = message("t", b"m");
    commit(&mut committer, &[&[opened(1)]]);
    for number in 0..3000 {
        commit_at(&mut committer, 2 * number + 2, &[queued(1, number, &m)]);
        commit_at(&mut committer, 2 * number + 3, &[settled(1, number)]);
    }
    fold_all(&mut committer);

    let session = &shelf.recover().image.sessions[&SessionNumber(1)];
    assert!(session.next_number > 3000 - NUMBERS_UNTOLD_MAX, "{}", session.next_number);
}

#[test]
fn texts_of_any_length_have_a_key() {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(EAGER);
    let topic = |len: usize, last: &str| "t".repeat(len - 1) + last;
    let topics = [1, 1023, 1024, 1025, 1026, 65_535].map(|len| topic(len, "a"));
    let mut changes: Vec<Change> = topics.iter().map(|topic| retained(topic, b"1")).collect();
    changes.push(retained(&topic(65_535, "b"), b"2"));
    commit(&mut committer, &[&changes]);

    fold_all(&mut committer);

    assert_eq!(shelf.recover().image, Image::of(changes));
}

fn commit_at(committer: &mut Committer, lsn: u64, changes: &[Change]) {
    let batch = Batch { lsn: Lsn(lsn), changes: changes.to_vec() };
    committer.commit(&committer::Packed::new(vec![batch])).expect("memory");
}

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
    let before = shelf.image();

    fold_all(&mut committer);

    let after = shelf.recover();
    assert_eq!(shelf.keys(keys::JOURNAL), [[0; 0]; 0]);
    assert_eq!(without_counters(shelf.image()), without_counters(before));
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
    assert_eq!(kinds(&shelf), keys::PROGRESS);
}

#[test]
fn a_message_for_many_sessions_is_stored_once() {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(rounds(1 << 20));
    let m = message("t", &[7; 10_000]);
    let mut changes: Vec<Change> = (1..=100).map(opened).collect();
    changes.extend((1..=100).map(|session| queued(session, 0, &m)));
    commit(&mut committer, &[&changes]);
    assert!(shelf.size_bytes().expect("memory") < 30_000);

    fold_all(&mut committer);

    assert!(shelf.size_bytes().expect("memory") < 40_000);
    assert_eq!(shelf.image(), Image::of(changes));
}

#[test]
fn a_message_that_is_done_with_everywhere_is_gone() {
    for done in [settled, pubrec] {
        let shelf = Shelf::default();
        let mut committer = shelf.committer(rounds(1 << 20));
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
    assert_eq!(shelf.image(), Image::of(changes.clone()));

    fold_all(&mut committer);

    assert_eq!(shelf.image(), Image::of(changes));
}

#[test]
fn a_step_takes_no_more_than_it_may() {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(rounds(4000));
    commit(&mut committer, &[&[opened(1)]]);
    for number in 0..300 {
        let m = message("t", &[number as u8; 500]);
        commit_at(&mut committer, number + 2, &[queued(1, number, &m)]);
    }
    let mut steps = 0;
    while committer.journal_bytes() > 0 {
        let step = committer.fold(&mut || false).expect("memory");
        // One part beyond what it may, and the segment that the part is in.
        assert!(step.written_bytes < 4000 + 60 * 1024 + 256 * 20, "{step:?}");
        steps += 1;
    }
    assert!(steps > 20, "{steps} steps");
    assert_eq!(shelf.image().sessions[&SessionNumber(1)].queue.len(), 300);
}

#[test]
fn a_step_that_is_late_looks_for_no_more() {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(rounds(1 << 20));
    let m = message("t", b"m");
    let mut changes: Vec<Change> = (1..=100).map(opened).collect();
    changes.extend((1..=100).map(|session| queued(session, 0, &m)));
    commit(&mut committer, &[&changes]);

    let mut steps = 0;
    while committer.wants_to_fold() || committer.journal_bytes() > 0 {
        committer.fold(&mut || true).expect("memory");
        steps += 1;
    }

    assert!(steps > 200, "a record to a step: {steps} steps");
    assert_eq!(shelf.image(), Image::of(changes));
}

#[test]
fn the_end_of_a_long_session_takes_many_steps_and_is_not_seen_in_part() {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(rounds(4000));
    let m = message("t", &[7; 30]);
    let mut changes = vec![opened(1), subscribed(1, "a")];
    changes.extend((0..10_000).map(|number| queued(1, number, &m)));
    commit(&mut committer, &[&changes]);
    fold_all(&mut committer);

    commit_at(&mut committer, 2, &[ended(1), opened(2)]);
    let mut steps = 0;
    while committer.wants_to_fold() || committer.journal_bytes() > 0 {
        let recovered = shelf.recover();
        let sessions = recovered.image.sessions.into_keys().collect::<Vec<_>>();
        assert_eq!((sessions, recovered.quarantined), (vec![SessionNumber(2)], 0));
        committer.fold(&mut || false).expect("memory");
        steps += 1;
    }
    assert!(steps > 10, "{steps} steps");
    assert_eq!(kinds(&shelf), [keys::PROGRESS[0], keys::HEAD]);
}

#[test]
fn a_number_of_a_session_is_not_given_again() {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(EAGER);
    commit(&mut committer, &[&[opened(7)], &[ended(7)]]);
    fold_all(&mut committer);
    assert_eq!(shelf.recover().image.last_session, Some(SessionNumber(7)));
}

#[test]
fn settling_rewrites_no_message() {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(rounds(1 << 20));
    let mut changes = vec![opened(1)];
    changes.extend((0..256).map(|number| queued(1, number, &message("t", &[number as u8; 1000]))));
    commit(&mut committer, &[&changes]);
    fold_all(&mut committer);
    let parts = shelf.keys(keys::PART);
    assert!(parts.len() > 4, "{} parts", parts.len());

    let mut written = 0;
    for number in 0..256 {
        commit_at(&mut committer, 2 + number, &[settled(1, number)]);
        while committer.journal_bytes() > 0 {
            written += committer.fold(&mut || false).expect("memory").written_bytes;
        }
        let is_last = number == 255;
        assert_eq!(shelf.keys(keys::PART) == parts, !is_last);
    }

    assert!(written < 256 * 2500, "{written} bytes");
    assert_eq!(kinds(&shelf), [keys::PROGRESS[0], keys::HEAD]);
}

#[test]
fn a_round_tells_what_can_be_loaded_when_it_is_over() {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(rounds(100));
    let m = message("t", &[7; 200]);
    commit(&mut committer, &[&[opened(1), opened(2), queued(1, 0, &m), queued(1, 1, &m)]]);
    commit_at(&mut committer, 2, &[queued(2, 5, &m), queued(1, 2, &m), settled(1, 2)]);

    let mut told = Vec::new();
    while committer.journal_bytes() > 0 {
        told.extend(committer.fold(&mut || false).expect("memory").stored);
    }

    let stored = |session, before| Stored { session: SessionNumber(session), before };
    assert_eq!(told, [vec![stored(1, 2), stored(2, 6)]]);
}

#[test]
fn a_round_takes_no_more_groups_than_it_may() {
    let shelf = Shelf::default();
    let settings = CommitSettings { round_bytes_max: 3000, ..rounds(1 << 20) };
    let mut committer = shelf.committer(settings);
    commit(&mut committer, &[&[opened(1)]]);
    let group = |committer: &mut Committer, number: u64| {
        let m = message("t", &[number as u8; 1000]);
        commit_at(committer, number + 2, &[queued(1, number, &m)]);
    };
    (0..9).for_each(|number| group(&mut committer, number));

    let mut told = Vec::new();
    while committer.journal_bytes() > 0 {
        told.extend(committer.fold(&mut || false).expect("memory").stored.into_iter().flatten());
    }

    let before: Vec<u64> = told.iter().map(|stored| stored.before).collect();
    assert_eq!(before, [3, 6, 9]);
}

#[test]
fn what_cancels_out_between_groups_is_never_folded() {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(rounds(100_000));
    let m = message("t", &[7; 500]);
    commit(&mut committer, &[&[opened(1)], &[queued(1, 0, &m)], &[settled(1, 0)]]);

    let (mut folded, mut cancelled, mut written) = (0, 0, 0);
    while committer.journal_bytes() > 0 {
        let step = committer.fold(&mut || false).expect("memory");
        folded += step.folded;
        cancelled += step.cancelled;
        written += step.written_bytes;
    }

    assert_eq!((folded, cancelled), (1, 2));
    assert!(written < 200, "{written} bytes");
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

    assert_eq!(shelf.image(), Image::of(changes));
}

/// Rounds over whatever there is, in steps of so many bytes.
fn rounds(step_bytes: usize) -> CommitSettings {
    CommitSettings {
        fold_step_bytes: step_bytes,
        round_bytes_max: 1 << 30,
        journal_bytes_max: 1 << 31,
        ..EAGER
    }
}

/// What kinds of records there are.
fn kinds(shelf: &Shelf) -> Vec<u8> {
    (0..=255).filter(|kind| !shelf.keys(*kind).is_empty()).collect()
}

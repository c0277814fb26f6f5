use std::collections::BTreeMap;
use std::ops::ControlFlow;

use proptest::prelude::*;

use super::super::contents::{Content, Delivery, Filling, Problem, contents};
use super::super::keys;
use super::scenario::Scenario;
use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    /// However much of it is folded: the contents are the state, and so are those of what they fill.
    #[test]
    fn contents_are_the_state_and_fill_another_store_with_it(
        draws in prop::collection::vec(prop::collection::vec((any::<u8>(), any::<u8>()), 1..6), 1..40),
        folds in prop::collection::vec(0..3_usize, 1..8),
        step_bytes in prop_oneof![Just(1_usize), Just(200), Just(4000)],
        round_bytes_max in prop_oneof![Just(0_u64), Just(500), Just(4000)],
    ) {
        let batches = Scenario::batches(&draws);
        let expected = Scenario::images(&batches).pop().expect("at least the empty one");
        let shelf = Shelf::default();
        let mut committer = shelf.committer(CommitSettings { fold_step_bytes: step_bytes, round_bytes_max, ..EAGER });
        for (batch, folds) in batches.into_iter().zip(folds.iter().cycle()) {
            committer.commit(&committer::Packed::new(vec![batch])).expect("memory");
            for _ in 0..*folds {
                committer.fold(&mut || true).expect("memory");
            }
        }

        let read = Read::of(&shelf);
        prop_assert_eq!(&read.problems, &[]);
        prop_assert_eq!(without_counters(read.image()), without_counters(expected.clone()));

        let copy = refilled(&shelf);
        let read = Read::of(&copy);
        prop_assert_eq!(&read.problems, &[]);
        prop_assert_eq!(without_counters(read.image()), without_counters(expected.clone()));
        prop_assert_eq!(without_counters(copy.image()), without_counters(expected));
        prop_assert_eq!(copy.recover().quarantined, 0);
    }
}

#[test]
fn a_queue_is_told_in_its_order_with_what_the_journal_has_of_it() {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(EAGER);
    let m = message("t", b"m");
    let mut folded = vec![opened(1)];
    folded.extend((0..600).map(|number| queued(1, number, &m)));
    commit(&mut committer, &[&folded]);
    fold_all(&mut committer);
    let mut later = vec![settled(1, 0), pubrec(1, 1), settled(1, 300)];
    later.extend((600..700).map(|number| queued(1, number, &m)));
    commit_at(&mut committer, 2, &later);

    let read = Read::of(&shelf);

    let numbers: Vec<u64> = read.changes.iter().filter_map(unfinished).collect();
    let expected: Vec<u64> = (1..700).filter(|number| *number != 300).collect();
    assert_eq!(numbers, expected);
    let released = |change: &&Change| matches!(change, Change::PubRecSeen { .. });
    assert_eq!(read.changes.iter().filter(released).collect::<Vec<_>>(), [&pubrec(1, 1)]);
}

#[test]
fn a_message_for_many_queues_is_told_once_and_stays_so() {
    let shelf = shared_by(100);

    let copy = refilled(&shelf);

    let read = Read::of(&copy);
    assert_eq!((read.shared.len(), read.deliveries), (1, 100));
    assert_eq!(copy.keys(keys::BODY).len(), 1);
    assert!(copy.size_bytes().expect("memory") < 40_000);
}

#[test]
fn each_damaged_record_is_a_problem_and_the_rest_is_told() {
    for kind in [b'f', b'h', b'u', b's', b'b', b'r', b'm', b'n', b'j'] {
        let shelf = shared_by(2);
        let mut committer = shelf.committer(EAGER);
        commit_at(&mut committer, 2, &[subscribed(1, "a"), retained("a", b"1")]);
        fold_all(&mut committer);
        commit_at(&mut committer, 3, &[retained("b", b"1")]);
        let whole = Read::of(&shelf);
        assert_eq!(whole.problems, []);
        flip(&shelf, kind);

        let read = Read::of(&shelf);

        let name = char::from(kind);
        assert!(!read.problems.is_empty(), "{name}");
        assert!(read.changes.len() <= whole.changes.len(), "{name}");
        let damaged = |problem: &Problem| matches!(problem, Problem::Damaged { .. });
        assert!(read.problems.iter().any(damaged), "{name}: {:?}", read.problems);

        let mended = refilled(&shelf);
        let again = Read::of(&mended);
        assert_eq!(again.problems, [], "{name}");
        assert_eq!(again.image(), read.image(), "{name}");
        assert!(!mended.keys(keys::QUARANTINE).is_empty(), "{name}");
    }
}

#[test]
fn what_belongs_to_nobody_is_told() {
    let shelf = shared_by(2);
    let head = shelf.keys(keys::HEAD).remove(0);
    shelf.clone().apply(vec![Operation::Delete { key: head }]).expect("memory");

    let read = Read::of(&shelf);

    let stray = |problem: &&Problem| matches!(problem, Problem::Stray { .. });
    assert!(read.problems.iter().filter(stray).count() > 0, "{:?}", read.problems);
    assert_eq!(read.image().sessions.len(), 1);
    assert_eq!(Read::of(&refilled(&shelf)).problems, []);
}

#[test]
fn parts_of_a_segment_that_is_not_there_are_told() {
    let shelf = shared_by(2);
    let segment = shelf.keys(keys::SEGMENT).remove(0);
    shelf.clone().apply(vec![Operation::Delete { key: segment }]).expect("memory");

    let read = Read::of(&shelf);

    let stray = |problem: &&Problem| matches!(problem, Problem::Stray { .. });
    assert_eq!(read.problems.iter().filter(stray).count(), 1, "{:?}", read.problems);
    assert_eq!(read.deliveries, 1);
    assert_eq!(Read::of(&refilled(&shelf)).problems, []);
}

#[test]
fn a_message_that_is_missing_is_told_for_each_queue() {
    let shelf = shared_by(2);
    let body = shelf.keys(keys::BODY).remove(0);
    shelf.clone().apply(vec![Operation::Delete { key: body }]).expect("memory");

    let read = Read::of(&shelf);

    let missing = |session: u64| Problem::MessageMissing {
        session: SessionNumber(session),
        number: 0,
        body: Some(0),
    };
    assert_eq!(read.problems, [missing(1), missing(2)]);
}

#[test]
fn a_wrong_count_is_told_and_mended() {
    for places in [1_u64, 3] {
        let shelf = shared_by(2);
        let mut operations = Vec::new();
        blob::Blob::put(&keys::body_count(0), &places.to_be_bytes(), &mut operations);
        shelf.clone().apply(operations).expect("memory");

        let problems = Read::of(&shelf).problems;

        let written = Some(places);
        assert_eq!(problems, [Problem::Miscounted { body: 0, written, places: 2 }]);
        assert_eq!(Read::of(&refilled(&shelf)).problems, []);
    }
}

#[test]
fn of_two_sessions_of_one_client_the_newer_one_is_told() {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(EAGER);
    let client_id = ClientId::new("twice");
    let open = |session: u64| {
        let session = SessionNumber(session);
        Change::SessionOpened { session, client_id: client_id.clone(), expiry_secs: 60 }
    };
    commit(&mut committer, &[&[open(1), subscribed(1, "old")]]);
    fold_all(&mut committer);
    commit_at(&mut committer, 2, &[open(2), subscribed(2, "new")]);

    let read = Read::of(&shelf);

    assert_eq!(read.problems, [Problem::Superseded { session: SessionNumber(1) }]);
    assert_eq!(read.image().sessions.keys().collect::<Vec<_>>(), [&SessionNumber(2)]);
}

#[test]
fn a_record_of_a_later_format_ends_the_reading() {
    let shelf = shared_by(2);
    let key = shelf.keys(keys::HEAD).remove(0);
    let mut value = shelf.get(&key).expect("memory").expect("there");
    value[4] = 9;
    let sum = blob::checksum(&key, &value[4..]);
    value[..4].copy_from_slice(&sum.to_be_bytes());
    shelf.clone().apply(vec![Operation::Put { key, value }]).expect("memory");

    let read = contents(&shelf, &mut |_| ControlFlow::Continue(()));

    assert!(read.expect_err("refused").to_string().contains("format 9"));
}

#[test]
fn a_visitor_that_breaks_is_told_no_more() {
    let mut told = 0;
    let mut visit = |_: Content| {
        told += 1;
        ControlFlow::Break(())
    };
    contents(&shared_by(2), &mut visit).expect("memory");
    assert_eq!(told, 1);
}

/// What contents come to.
#[derive(Default)]
struct Read {
    changes: Vec<Change>,
    shared: BTreeMap<u64, Message>,
    deliveries: usize,
    problems: Vec<Problem>,
}

impl Read {
    fn of(store: &dyn Store) -> Self {
        let mut read = Self::default();
        contents(store, &mut |content| {
            read.take(content);
            ControlFlow::Continue(())
        })
        .expect("memory");
        read
    }

    fn take(&mut self, content: Content) {
        match content {
            Content::Shared { body, message } => {
                assert_eq!(self.shared.insert(body, message), None, "told once");
            }
            Content::Delivery(delivery) => {
                let Delivery { session, number, body, qos, retain, subscription_ids } = delivery;
                let message = self.shared[&body].clone();
                self.deliveries += 1;
                self.changes.push(Change::Queued {
                    session,
                    number,
                    message,
                    qos,
                    retain,
                    subscription_ids,
                });
            }
            Content::Change(change) => self.changes.push(change),
            Content::Problem(problem) => self.problems.push(problem),
            Content::Record { .. } | Content::Quarantined(_) => {}
        }
    }

    fn image(&self) -> Image {
        Image::of(self.changes.clone())
    }
}

/// Another store with the same contents.
fn refilled(shelf: &Shelf) -> Shelf {
    let mut copy = Shelf::default();
    let mut filling = Filling::new(&mut copy);
    contents(shelf, &mut |content| {
        filling.take(content).expect("memory");
        ControlFlow::Continue(())
    })
    .expect("memory");
    filling.finish().expect("memory");
    copy
}

/// One message in the queues of so many sessions, folded.
fn shared_by(sessions: u64) -> Shelf {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(CommitSettings { fold_step_bytes: 1 << 20, ..EAGER });
    let m = message("t", &[7; 10_000]);
    let mut changes: Vec<Change> = (1..=sessions).map(opened).collect();
    changes.extend((1..=sessions).map(|session| queued(session, 0, &m)));
    commit(&mut committer, &[&changes]);
    fold_all(&mut committer);
    shelf
}

fn flip(shelf: &Shelf, kind: u8) {
    let key = shelf.keys(kind).remove(0);
    let mut value = shelf.get(&key).expect("memory").expect("there");
    *value.last_mut().expect("not empty") ^= 1;
    shelf.clone().apply(vec![Operation::Put { key, value }]).expect("memory");
}

fn unfinished(change: &Change) -> Option<u64> {
    match change {
        Change::Queued { number, .. } | Change::PubRecSeen { number, .. } => Some(*number),
        _ => None,
    }
}

use super::super::keys;
use super::super::load::{Loaded, load};
use super::*;
use crate::journal::Page;

#[test]
fn a_backlog_is_loaded_page_by_page_in_order() {
    let shelf = filled(1000);
    let mut numbers = Vec::new();
    let mut from = 0;
    while from < 1000 {
        let page = ask(&shelf, from, 1000, 300, usize::MAX);
        assert!(page.messages.len() <= 300);
        numbers.extend(page.messages.iter().map(|(number, _)| *number));
        from = page.next;
    }
    assert_eq!(numbers, (0..1000).collect::<Vec<_>>());
}

#[test]
fn a_page_ends_with_the_message_that_makes_it_so_many_or_so_long() {
    let shelf = filled(10);
    let len = message("t", &payload(0)).len();
    let numbers = |page: Page| (page.messages.len(), page.next);
    assert_eq!(numbers(ask(&shelf, 0, 10, 3, usize::MAX)), (3, 3));
    assert_eq!(numbers(ask(&shelf, 0, 10, 10, 2 * len)), (2, 2));
    assert_eq!(numbers(ask(&shelf, 0, 10, 10, 2 * len + 1)), (3, 3));
    assert_eq!(numbers(ask(&shelf, 0, 10, 1, 0)), (1, 1));
}

#[test]
fn a_page_has_what_was_asked_for_and_is_unfinished() {
    let shelf = filled(10);
    let mut committer = shelf.committer(ALL);
    commit_at(&mut committer, 9, &[settled(1, 4), pubrec(1, 5)]);
    fold_all(&mut committer);

    let page = ask(&shelf, 3, 8, 100, usize::MAX);

    let found: Vec<_> =
        page.messages.iter().map(|(number, queued)| (*number, &queued.message)).collect();
    let [m3, m6, m7] = [3, 6, 7].map(|number| message("t", &payload(number)));
    assert_eq!(found, [(3, &m3), (6, &m6), (7, &m7)]);
    assert_eq!((page.from, page.next), (3, 8));
}

#[test]
fn nothing_is_loaded_of_a_session_that_does_not_exist() {
    let shelf = filled(10);
    let asked = Load { session: SessionNumber(2), ..load_of(0, 10) };
    let loaded = load(&mut shelf.clone(), &asked).expect("memory");
    assert_eq!((loaded.page.messages, loaded.page.next), (vec![], 10));

    let mut committer = shelf.committer(ALL);
    commit_at(&mut committer, 9, &[ended(1)]);
    while shelf.keys(keys::ENDED).is_empty() {
        committer.fold(&mut || false).expect("memory");
    }
    let page = ask(&shelf, 0, 10, 100, usize::MAX);
    assert_eq!((page.messages, page.next), (vec![], 10));
}

#[test]
fn a_message_that_is_stored_once_is_loaded_for_each() {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(ALL);
    let m = message("t", &[7; 300_000]);
    let changes = [opened(1), opened(2), queued(1, 0, &m), queued(2, 0, &m), queued(2, 1, &m)];
    commit(&mut committer, &[&changes]);
    fold_all(&mut committer);

    assert_eq!(shelf.image(), Image::of(changes));
    assert_eq!(shelf.keys(keys::BODY_COUNT).len(), 1);
}

#[test]
fn a_damaged_part_is_passed_over_and_set_aside() {
    let shelf = filled(1000);
    let bad = shelf.keys(keys::PART)[1].clone();
    damage(&shelf, &bad);

    let first = loaded(&shelf, 0, 1000);

    assert!(first.lost > 0, "{}", first.lost);
    assert_eq!(first.quarantined, 1);
    let numbers: Vec<u64> = first.page.messages.iter().map(|(number, _)| *number).collect();
    assert_eq!(numbers.len() as u64 + first.lost, 1000);
    assert_eq!((numbers.first(), numbers.last(), first.page.next), (Some(&0), Some(&999), 1000));

    let again = loaded(&shelf, 0, 1000);
    assert_eq!((again.lost, again.quarantined), (0, 0));
    assert_eq!(again.page.messages, first.page.messages);
    let backlog = &shelf.recover().image.sessions[&SessionNumber(1)].backlog;
    assert_eq!(backlog.messages, numbers.len() as u64);
}

#[test]
fn a_damaged_segment_and_a_damaged_body_are_set_aside() {
    let shelf = filled(1000);
    damage(&shelf, &shelf.keys(keys::SEGMENT)[1].clone());
    let found = loaded(&shelf, 0, 1000);
    assert_eq!((found.page.messages.len(), found.page.next), (1000 - 256, 1000));
    assert!(found.quarantined > 1, "its parts with it: {}", found.quarantined);

    let shelf = Shelf::default();
    let mut committer = shelf.committer(ALL);
    let m = message("t", &[7; 100]);
    let other = message("t", b"other");
    let changes = [opened(1), queued(1, 0, &m), queued(1, 1, &other), queued(1, 2, &m)];
    commit(&mut committer, &[&changes]);
    fold_all(&mut committer);
    damage(&shelf, &shelf.keys(keys::BODY)[0].clone());
    let found = loaded(&shelf, 0, 3);
    assert_eq!((found.page.messages.len(), found.lost, found.quarantined), (1, 2, 1));
    assert_eq!(shelf.keys(keys::BODY_COUNT).len(), 0, "nobody refers to it any more");
}

#[test]
fn a_part_of_a_later_format_is_refused() {
    let shelf = filled(10);
    let key = shelf.keys(keys::PART)[0].clone();
    let mut value = shelf.get(&key).expect("memory").expect("there");
    value[4] = 9;
    let sum = super::super::blob::checksum(&key, &value[4..]);
    value[..4].copy_from_slice(&sum.to_be_bytes());
    shelf.clone().apply(vec![Operation::Put { key, value }]).expect("memory");

    let error = load(&mut shelf.clone(), &load_of(0, 10)).expect_err("format 9");

    assert!(error.to_string().contains("format 9"), "{error}");
}

#[test]
fn a_restart_counts_what_is_on_disk_and_keeps_what_was_sent_in_memory() {
    let shelf = filled(10);
    let mut committer = shelf.committer(ALL);
    commit_at(&mut committer, 9, &[pubrec(1, 3), settled(1, 1), settled(1, 6)]);
    let m = message("t", b"late");
    commit_at(&mut committer, 10, &[queued(1, 10, &m)]);

    let recovered = shelf.recover();

    let session = &recovered.image.sessions[&SessionNumber(1)];
    assert_eq!(session.queue.keys().copied().collect::<Vec<_>>(), [0, 2, 3, 10]);
    assert_eq!(session.queue[&3], Unfinished::Released);
    let backlog = &session.backlog;
    assert_eq!((backlog.from, backlog.to, backlog.messages), (4, 10, 5));
    assert_eq!(backlog.settled, [6].into());
    assert_eq!((session.next_number, recovered.messages), (11, 9));
    fold_all(&mut committer);
    let folded = shelf.recover();
    assert_eq!(folded.image.sessions[&SessionNumber(1)].backlog.to, 11);
    assert_eq!(
        without_counters(shelf.image()),
        without_counters(whole(&mut shelf.clone(), folded.image))
    );
}

#[test]
fn a_restart_passes_over_groups_that_are_folded_and_not_yet_removed() {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(ALL);
    let changes = [opened(1), queued(1, 0, &message("t", b"m"))];
    commit(&mut committer, &[&changes]);
    while committer.fold(&mut || false).expect("memory").stored.is_none() {}
    assert_eq!(shelf.keys(keys::JOURNAL).len(), 1);

    let session = &shelf.recover().image.sessions[&SessionNumber(1)];
    assert_eq!((session.queue.len(), session.backlog.messages), (0, 1));

    let mut restarted = shelf.committer(ALL);
    assert!(restarted.wants_to_fold());
    fold_all(&mut restarted);
    assert_eq!((shelf.keys(keys::JOURNAL), shelf.image()), (vec![], Image::of(changes)));
}

/// Folds whatever there is, in one step.
const ALL: CommitSettings = CommitSettings {
    fold_step_bytes: 1 << 30,
    round_bytes_max: 1 << 30,
    journal_bytes_max: 1 << 31,
    ..EAGER
};

/// A session with so many messages, all folded.
fn filled(messages: u64) -> Shelf {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(ALL);
    let queue = |number| queued(1, number, &message("t", &payload(number)));
    commit(&mut committer, &[&[opened(1)], &(0..messages).map(queue).collect::<Vec<_>>()]);
    fold_all(&mut committer);
    shelf
}

fn payload(number: u64) -> [u8; 500] {
    [number as u8; 500]
}

fn load_of(from: u64, to: u64) -> Load {
    let session = SessionNumber(1);
    Load { session, from, to, messages_max: usize::MAX, bytes_max: usize::MAX }
}

fn loaded(shelf: &Shelf, from: u64, to: u64) -> Loaded {
    load(&mut shelf.clone(), &load_of(from, to)).expect("memory")
}

fn ask(shelf: &Shelf, from: u64, to: u64, messages_max: usize, bytes_max: usize) -> Page {
    let asked = Load { messages_max, bytes_max, ..load_of(from, to) };
    load(&mut shelf.clone(), &asked).expect("memory").page
}

fn damage(shelf: &Shelf, key: &[u8]) {
    let mut value = shelf.get(key).expect("memory").expect("there");
    *value.last_mut().expect("not empty") ^= 1;
    let put = Operation::Put { key: key.to_vec(), value };
    shelf.clone().apply(vec![put]).expect("memory");
}

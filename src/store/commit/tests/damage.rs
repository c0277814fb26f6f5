use super::super::{blob, keys};
use super::*;

#[test]
fn a_damaged_group_is_set_aside_and_the_others_are_read() {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(EAGER);
    commit(&mut committer, &[&[opened(1)], &[opened(2)], &[opened(3)]]);
    flip(&shelf, keys::JOURNAL, 1);

    let recovered = shelf.recover();

    let sessions: Vec<u64> = recovered.image.sessions.keys().map(|number| number.0).collect();
    assert_eq!(sessions, [1, 3]);
    assert_eq!((recovered.quarantined, recovered.last), (1, Lsn(3)));
    assert_eq!(shelf.keys(keys::QUARANTINE).len(), 1);
    assert_eq!(shelf.recover().quarantined, 0, "it is out of the way");
}

#[test]
fn each_kind_of_record_may_be_damaged() {
    for kind in [b'f', b'h', b'u', b's', b'b', b'r', b'm', b'n'] {
        let shelf = filled();
        flip(&shelf, kind, 0);
        let recovered = shelf.recover();
        let quarantined = match kind {
            // With the session goes what it owns.
            b'h' => 4,
            // With a segment go its parts.
            b's' => 2,
            // Only folding reads it, and these only who loads.
            b'n' | b'b' | b'm' => 0,
            _ => 1,
        };
        assert_eq!(recovered.quarantined, quarantined, "{}", char::from(kind));
        assert_eq!(recovered.lost, 0);
        go_on(&shelf);
    }
}

#[test]
fn damage_that_is_met_while_folding_is_set_aside_too() {
    for kind in [b'h', b'u', b's', b'b', b'r', b'm', b'n', b'j'] {
        let shelf = filled();
        commit_more(&mut shelf.committer(EAGER));
        flip(&shelf, kind, 0);
        fold_all(&mut shelf.committer(EAGER));
        let set_aside = shelf.keys(keys::QUARANTINE).len() as u64 + shelf.recover().quarantined;
        assert!(set_aside > 0 || matches!(kind, b'b' | b'm' | b'n'), "{}", char::from(kind));
    }
}

#[test]
fn a_later_format_is_refused_and_left_alone() {
    let shelf = filled();
    let key = shelf.keys(b'h')[0].clone();
    let mut value = shelf.get(&key).expect("memory").expect("there");
    value[4] = 9;
    let sum = blob::checksum(&key, &value[4..]);
    value[..4].copy_from_slice(&sum.to_be_bytes());
    shelf.clone().apply(vec![Operation::Put { key, value }]).expect("memory");
    let before = shelf.0.lock().clone();

    let error = recover(&mut shelf.clone(), &mut |_| {}).expect_err("format 9");

    assert!(error.to_string().contains("format 9"), "{error}");
    assert_eq!(format!("{:?}", shelf.0.lock()), format!("{before:?}"));
}

#[test]
fn any_bytes_in_place_of_a_record_are_survived() {
    for kind in [b'f', b'h', b'u', b's', b'b', b'r', b'm', b'n', b'j', b'x', b'q'] {
        for key_len in [0, 1, 8, 10, 11, 18, 30] {
            let shelf = filled();
            let key = [&[kind][..], &vec![0; key_len]].concat();
            let put = Operation::Put { key, value: vec![0; 3] };
            shelf.clone().apply(vec![put]).expect("memory");
            shelf.recover();
            go_on(&shelf);
        }
    }
}

/// One record of each kind but groups.
fn filled() -> Shelf {
    let shelf = Shelf::default();
    let mut committer = shelf.committer(EAGER);
    let m = message("t", &[7; 200]);
    let changes =
        [opened(1), subscribed(1, "a"), queued(1, 0, &m), queued(1, 1, &m), retained("a", b"1")];
    let settings = CommitSettings { fold_step_bytes: 1 << 20, round_bytes_max: 1 << 20, ..EAGER };
    commit(&mut committer, &[&changes]);
    fold_all(&mut shelf.committer(settings));
    shelf
}

/// The next broker works with what is left.
fn go_on(shelf: &Shelf) {
    let mut committer = shelf.committer(EAGER);
    commit_more(&mut committer);
    fold_all(&mut committer);
    shelf.recover();
}

fn commit_more(committer: &mut Committer) {
    let changes =
        vec![armed(1), unsubscribed(1, "a"), settled(1, 0), settled(1, 1), retained("a", b"2")];
    let batch = Batch { lsn: Lsn(100), changes };
    committer.commit(&committer::Packed::new(vec![batch])).expect("memory");
}

fn flip(shelf: &Shelf, kind: u8, which: usize) {
    let key = shelf.keys(kind)[which].clone();
    let mut value = shelf.get(&key).expect("memory").expect("there");
    *value.last_mut().expect("not empty") ^= 1;
    shelf.clone().apply(vec![Operation::Put { key, value }]).expect("memory");
}

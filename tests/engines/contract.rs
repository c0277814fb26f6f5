//! What every engine promises while it is open.

use std::ops::ControlFlow;

use fulmar::store::{KEY_BYTES_MAX, Store, StoreError, VALUE_BYTES_MAX};

use crate::engine::{Engine, Home, bytes, delete, entries, put, stories};

stories!(Memory as memory, Sled as sled, Fjall as fjall: {
    what_was_put_is_there_until_it_is_deleted
    the_last_operation_on_a_key_counts
    a_value_is_replaced_whatever_their_lengths
    values_of_all_lengths_come_back
    keys_of_all_lengths_come_back_and_one_more_byte_is_refused
    a_value_that_is_too_long_is_refused
    keys_that_look_like_parts_of_others_keep_apart
    a_scan_keeps_to_its_prefix_and_order_and_starts_where_it_is_told
    a_visitor_that_breaks_sees_no_more
    a_batch_of_nothing_is_applied
    a_refused_batch_changes_nothing
    a_hundred_thousand_records_come_in_order
    its_size_grows
});

fn what_was_put_is_there_until_it_is_deleted(engine: Engine) {
    let home = Home::new(engine);
    let mut store = home.open();

    store.apply(vec![put("a", "1"), put("b", "2"), put("empty", "")]).expect("applied");
    assert_eq!(get(&*store, "a").as_deref(), Some(&b"1"[..]));
    assert_eq!(get(&*store, "empty").as_deref(), Some(&b""[..]));
    assert_eq!(get(&*store, "c"), None);

    store.apply(vec![delete("a"), delete("never there")]).expect("applied");
    assert_eq!(get(&*store, "a"), None);
    assert_eq!(get(&*store, "b").as_deref(), Some(&b"2"[..]));
}

fn the_last_operation_on_a_key_counts(engine: Engine) {
    let home = Home::new(engine);
    let mut store = home.open();
    let long = bytes(1, 70_000);
    store
        .apply(vec![put("gone", "1"), delete("gone"), delete("there"), put("there", "1")])
        .expect("applied");
    store
        .apply(vec![put("there", &long), put("there", "2"), put("gone", &long), delete("gone")])
        .expect("applied");

    assert_eq!(entries(&*store).expect("read"), [(b"there".to_vec(), b"2".to_vec())].into());
}

fn a_value_is_replaced_whatever_their_lengths(engine: Engine) {
    let home = Home::new(engine);
    let mut store = home.open();
    let lengths = [0, 100_000, 10, 5_000, 200_000, 70_000, 4_096, 4_097, 0];
    for (round, length) in lengths.into_iter().enumerate() {
        let value = bytes(round as u64, length);
        store.apply(vec![put("k", &value)]).expect("applied");
        assert_eq!(entries(&*store).expect("read"), [(b"k".to_vec(), value)].into());
    }
    store.apply(vec![put("k", bytes(0, 100_000))]).expect("applied");
    store.apply(vec![delete("k")]).expect("applied");
    assert_eq!(entries(&*store).expect("read"), [].into());
}

fn values_of_all_lengths_come_back(engine: Engine) {
    const KIB: usize = 1024;
    let home = Home::new(engine);
    let mut store = home.open();
    let edges = [4 * KIB, 8 * KIB, 60 * KIB, 64 * KIB, 128 * KIB, 512 * KIB, 1024 * KIB];
    let lengths = edges.into_iter().flat_map(|edge| [edge - 1, edge, edge + 1]);
    for length in [0, 1, 2, 5].into_iter().chain(lengths) {
        store.apply(vec![put(length.to_be_bytes(), bytes(7, length))]).expect("applied");
    }
    for (key, value) in entries(&*store).expect("read") {
        let length = usize::from_be_bytes(key.clone().try_into().expect("ours"));
        assert!(value == bytes(7, length), "{length} bytes by scan");
        assert!(get(&*store, key) == Some(value), "{length} bytes by key");
    }
}

fn keys_of_all_lengths_come_back_and_one_more_byte_is_refused(engine: Engine) {
    let home = Home::new(engine);
    let mut store = home.open();
    let lengths = [0, 1, 2, 3, 127, 128, 255, 256, 4_096, 65_000 - 1, KEY_BYTES_MAX];
    let keys: Vec<_> = lengths.map(|length| vec![b'k'; length]).into();
    store.apply(keys.iter().map(|key| put(key, bytes(3, 9_000))).collect()).expect("applied");

    let found: Vec<_> = entries(&*store).expect("read").into_keys().collect();

    assert!(found == keys);
    assert_refused(store.apply(vec![put(vec![0; KEY_BYTES_MAX + 1], "")]));
    assert_refused(store.apply(vec![delete(vec![0; KEY_BYTES_MAX + 1])]));
    store.apply(vec![put("next", "")]).expect("a refusal is no failure");
}

fn a_value_that_is_too_long_is_refused(engine: Engine) {
    let home = Home::new(engine);
    let mut store = home.open();
    assert_refused(store.apply(vec![put("k", vec![0; VALUE_BYTES_MAX + 1])]));
    assert_eq!(entries(&*store).expect("read"), [].into());
}

fn keys_that_look_like_parts_of_others_keep_apart(engine: Engine) {
    let home = Home::new(engine);
    let mut store = home.open();
    let long = bytes(5, 20_000);
    let keys: [&[u8]; 6] = [b"", b"\0", b"\0\0\0\0", b"\0\0\0\0\0\0\0\0", b"\x01", b"\x02\0\0\0\0"];
    store.apply(keys.map(|key| put(key, &long)).into()).expect("applied");

    store.apply(vec![delete(keys[2])]).expect("applied");

    let found = entries(&*store).expect("read");
    assert_eq!(found.len(), 5);
    assert!(found.values().all(|value| *value == long));
}

fn a_scan_keeps_to_its_prefix_and_order_and_starts_where_it_is_told(engine: Engine) {
    let home = Home::new(engine);
    let mut store = home.open();
    let keys = ["p2", "q", "p1", "o", "p3", "p\u{ff}"];
    store.apply(keys.map(|key| put(key, "")).into()).expect("applied");

    assert_eq!(scanned(&*store, "p", ""), ["p1", "p2", "p3", "p\u{ff}"]);
    assert_eq!(scanned(&*store, "p", "a"), ["p1", "p2", "p3", "p\u{ff}"]);
    assert_eq!(scanned(&*store, "p", "p2"), ["p2", "p3", "p\u{ff}"]);
    assert_eq!(scanned(&*store, "p", "p20"), ["p3", "p\u{ff}"]);
    assert_eq!(scanned(&*store, "p", "q"), [""; 0]);
    assert_eq!(scanned(&*store, "x", ""), [""; 0]);
    assert_eq!(scanned(&*store, "", "p3"), ["p3", "p\u{ff}", "q"]);
}

fn a_visitor_that_breaks_sees_no_more(engine: Engine) {
    let home = Home::new(engine);
    let mut store = home.open();
    store.apply(vec![put("a", ""), put("b", "")]).expect("applied");
    let mut seen = 0;
    let mut visit = |_: &[u8], _: &[u8]| {
        seen += 1;
        ControlFlow::Break(())
    };
    store.scan(b"", b"", &mut visit).expect("read");
    assert_eq!(seen, 1);
}

fn a_batch_of_nothing_is_applied(engine: Engine) {
    let home = Home::new(engine);
    let mut store = home.open();
    store.apply(vec![]).expect("applied");
    store.sync().expect("synced");
    assert_eq!(entries(&*store).expect("read"), [].into());
}

fn a_refused_batch_changes_nothing(engine: Engine) {
    let home = Home::new(engine);
    let mut store = home.open();
    store.apply(vec![put("a", "1")]).expect("applied");
    assert_refused(store.apply(vec![put("b", "2"), delete("a"), put(vec![0; 70_000], "")]));
    assert_eq!(scanned(&*store, "", ""), ["a"]);
}

fn a_hundred_thousand_records_come_in_order(engine: Engine) {
    const RECORDS: u32 = 100_000;
    let home = Home::new(engine);
    let mut store = home.open();
    // Far apart from one another first, so that order is not that of writing.
    let numbers: Vec<u32> = (0..RECORDS).map(|n| (n * 7_919) % RECORDS).collect();
    for group in numbers.chunks(5_000) {
        let batch = group.iter().map(|n| put(n.to_be_bytes(), n.to_le_bytes())).collect();
        store.apply(batch).expect("applied");
    }

    let mut next = 0_u32;
    let mut visit = |key: &[u8], value: &[u8]| {
        assert_eq!((key, value), (&next.to_be_bytes()[..], &next.to_le_bytes()[..]));
        next += 1;
        ControlFlow::Continue(())
    };
    store.scan(b"", b"", &mut visit).expect("read");
    assert_eq!(next, RECORDS);
}

fn its_size_grows(engine: Engine) {
    let home = Home::new(engine);
    let mut store = home.open();
    let before = store.size_bytes().expect("counted");
    store.apply(vec![put("k", bytes(1, 1_000_000))]).expect("applied");
    assert!(store.size_bytes().expect("counted") >= before + 1_000_000);
}

fn assert_refused(result: Result<(), StoreError>) {
    let error = result.expect_err("too long");
    let StoreError::Io(error) = error else { panic!("{error}") };
    assert_eq!(error.kind(), std::io::ErrorKind::InvalidInput);
}

fn get(store: &dyn Store, key: impl AsRef<[u8]>) -> Option<Vec<u8>> {
    store.get(key.as_ref()).expect("read")
}

fn scanned(store: &dyn Store, prefix: &str, from: &str) -> Vec<String> {
    let mut keys = Vec::new();
    let mut visit = |key: &[u8], _: &[u8]| {
        keys.push(String::from_utf8_lossy(key).into_owned());
        ControlFlow::Continue(())
    };
    store.scan(prefix.as_bytes(), from.as_bytes(), &mut visit).expect("read");
    keys
}

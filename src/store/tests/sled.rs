use super::*;

const PIECES: u32 = 3;

#[test]
fn pieces_of_an_entry_that_was_not_put_any_more_are_removed() {
    let dir = tempfile::tempdir().expect("temporary directory");
    cut_off_before_the_entry(dir.path());

    let store = open(dir.path());

    let pieces = (0..PIECES).filter(|number| has_piece(&store, *number)).count();
    assert_eq!(pieces, 0);
    assert_eq!(store.get(b"before").expect("readable"), Some(b"1".into()));
}

#[test]
fn an_entry_that_was_put_keeps_its_pieces_though_the_label_was_not_written() {
    let dir = tempfile::tempdir().expect("temporary directory");
    cut_off_before_the_entry(dir.path());
    let value = vec![7; PIECES as usize * CHUNK_BYTES];
    let store = start(&dir.path().join(NAME), &EngineOptions::default()).expect("opens");
    store.insert(entry_key(b"k"), [&[CHUNKED][..], &PIECES.to_be_bytes()].concat()).expect("put");
    drop(store);

    let mut store = open(dir.path());

    assert_eq!(store.get(b"k").expect("readable"), Some(value.clone()));
    store.apply(vec![put_operation(b"k", &value)]).expect("replaced");
    drop(store);
    assert_eq!(open(dir.path()).get(b"k").expect("readable"), Some(value));
}

#[test]
fn the_longest_value_that_is_put_alone_comes_back_and_so_does_a_longer_one() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut store = open(dir.path());
    let values = [0, 1].map(|more| vec![7; SINGLE_BYTES_MAX + more]);
    store.apply(vec![put_operation(b"first", b"")]).expect("written");
    for (key, value) in [b"a", b"b"].into_iter().zip(&values) {
        store.apply(vec![put_operation(key, value)]).expect("written");
    }
    let noted = store.db.get(NOTE_KEY).expect("readable").expect("there");
    drop(store);

    let store = open(dir.path());

    assert_eq!(read_note(&noted), Some((2, 16, &b"a"[..])));
    assert_eq!([b"a", b"b"].map(|key| store.get(key).expect("readable").expect("there")), values);
}

#[test]
fn a_note_of_more_pieces_than_there_can_be_is_damage() {
    let dir = tempfile::tempdir().expect("temporary directory");
    let mut store = open(dir.path());
    store.apply(vec![put_operation(b"before", b"1")]).expect("written");
    let tree = Tree { db: &store.db, directory: dir.path() };
    tree.note(b"k", 17, 2).expect("written");
    drop(store);

    let opened = SledStore::open(dir.path(), &EngineOptions::default());

    assert!(matches!(opened, Err(StoreError::Damaged { .. })));
}

/// A store with one entry, and of another, `k`, nothing but the note and the pieces.
fn cut_off_before_the_entry(data_directory: &Path) {
    let mut store = open(data_directory);
    store.apply(vec![put_operation(b"before", b"1")]).expect("written");
    let tree = Tree { db: &store.db, directory: data_directory };
    tree.note(b"k", PIECES, store.keeper.count() + 1).expect("written");
    for number in 0..PIECES {
        tree.insert(chunk_key(b"k", number), vec![7; CHUNK_BYTES]).expect("written");
    }
}

fn has_piece(store: &SledStore, number: u32) -> bool {
    store.db.contains_key(chunk_key(b"k", number)).expect("readable")
}

fn put_operation(key: &[u8], value: &[u8]) -> Operation {
    Operation::Put { key: key.into(), value: value.into() }
}

fn open(data_directory: &Path) -> SledStore {
    SledStore::open(data_directory, &EngineOptions::default()).expect("opens")
}

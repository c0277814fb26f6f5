use std::sync::atomic::AtomicU64;
use std::sync::mpsc;

use super::faulty::{Faulty, failed, full};
use super::*;

#[test]
fn what_eight_threads_submit_becomes_durable_in_order() {
    let shelf = Shelf::default();
    let (commits, durable) = start(Box::new(shelf.clone()), settings());
    // As the broker's lock: a batch is numbered and submitted under it.
    let next = Mutex::new(1_u64);
    thread::scope(|scope| {
        for _ in 0..8 {
            scope.spawn(|| {
                for _ in 0..500 {
                    let mut next = next.lock();
                    commits.submit(batch(*next)).expect("memory");
                    *next += 1;
                }
            });
        }
    });
    commits.finish();

    let durable: Vec<u64> = durable.try_iter().map(|lsn| lsn.0).collect();
    assert!(durable.is_sorted_by(|a, b| a < b), "{durable:?}");
    assert_eq!(durable.last(), Some(&4000));
    let recovered = shelf.recover();
    assert_eq!((recovered.last, recovered.image.sessions.len()), (Lsn(4000), 4000));
    let stats = commits.stats();
    assert_eq!((stats.operations, stats.commits), (4000, durable.len() as u64));
    assert_eq!(stats.sync_time.total(), stats.commits);
}

#[test]
fn a_group_that_comes_to_nothing_is_durable_without_a_write() {
    let shelf = Shelf::default();
    let (commits, durable) = start(Box::new(shelf.clone()), settings());
    let m = message("t", b"m");
    let changes = vec![queued(1, 0, &m), settled(1, 0)];
    commits.submit(Batch { lsn: Lsn(1), changes }).expect("memory");

    assert_eq!(durable.recv(), Ok(Lsn(1)));

    assert_eq!(shelf.size_bytes().expect("memory"), 0);
    assert_eq!(commits.durable(), Lsn(1));
    assert_eq!((commits.stats().empty_commits, commits.stats().cancelled), (1, 2));
}

#[test]
fn the_journal_is_folded_while_batches_come() {
    let shelf = Shelf::default();
    let settings = CommitSettings { journal_bytes_max: 10_000, ..settings() };
    let (commits, durable) = start(Box::new(shelf.clone()), settings);
    for lsn in 1..=2000 {
        commits.submit(batch(lsn)).expect("memory");
    }
    assert!(patiently(&durable).any(|lsn| lsn == Lsn(2000)));
    commits.finish();

    let stats = commits.stats();
    assert!(stats.fold_steps > 0 && stats.journal_bytes < 250_000, "{stats:?}");
    assert_eq!(shelf.recover().image.sessions.len(), 2000);
}

#[test]
fn a_store_that_fails_makes_nothing_durable_any_more() {
    let faulty = Faulty::new(failed);
    let (commits, durable) = start(Box::new(faulty.clone()), settings());
    commits.submit(batch(1)).expect("works still");
    assert_eq!(durable.recv(), Ok(Lsn(1)));
    faulty.break_it(true);

    commits.submit(batch(2)).expect("not known yet");

    // The thread ends, and its side of the channel with it.
    assert!(durable.recv().is_err());
    assert!(matches!(commits.state(), CommitState::Failed(_)));
    assert_eq!(commits.durable(), Lsn(1));
    assert!(commits.submit(batch(3)).is_err());
}

#[test]
fn a_full_disk_is_tried_again_until_there_is_room() {
    let faulty = Faulty::new(full);
    faulty.break_it(true);
    let (commits, durable) = start(Box::new(faulty.clone()), settings());
    commits.submit(batch(1)).expect("taken");
    faulty.wait_for_attempts(3);
    assert_eq!((commits.state(), commits.durable()), (CommitState::Full, Lsn::NONE));
    commits.submit(batch(2)).expect("taken");

    faulty.break_it(false);

    assert_eq!((durable.recv(), durable.recv()), (Ok(Lsn(1)), Ok(Lsn(2))));
    assert_eq!((commits.state(), commits.stats().full), (CommitState::Working, 1));
    assert_eq!(faulty.shelf.recover().image.sessions.len(), 2);
}

#[test]
fn a_full_disk_is_told_of_before_what_it_holds_up_and_room_before_what_goes_on() {
    let faulty = Faulty::new(full);
    faulty.break_it(true);
    let (told, heard) = mpsc::channel();
    let on_event = Box::new(move |event| told.send(event).unwrap_or(()));
    let store = Box::new(faulty.clone());
    let commits = Commits::start(store, Lsn::NONE, settings(), Box::new(|| 0), on_event);
    let commits = commits.expect("started");
    commits.submit(batch(1)).expect("taken");
    assert_eq!(heard.recv(), Ok(Event::Full(true)));
    faulty.wait_for_attempts(3);

    faulty.break_it(false);

    assert_eq!(heard.recv(), Ok(Event::Full(false)));
    assert_eq!(heard.recv(), Ok(Event::Durable(Lsn(1))));
}

#[test]
fn the_whole_journal_is_folded_while_the_disk_is_full() {
    let home = tempfile::tempdir().expect("temporary directory");
    let shelf = Shelf::default();
    let room =
        RoomSettings { directory: home.path().into(), free_bytes_min: u64::MAX, ballast_bytes: 0 };
    let (told, durable) = mpsc::channel();
    let on_event = Box::new(move |event| tell(&told, event));
    let store = Box::new(shelf.clone());
    let clock: Micros = Box::new(|| 0);
    let commits = Commits::start_on_disk(room, store, Lsn::NONE, settings(), clock, on_event);
    let commits = commits.expect("started");

    commits.submit(batch(1)).expect("taken");

    assert_eq!((durable.recv(), commits.state()), (Ok(Lsn(1)), CommitState::Full));
    // Folding takes several steps.
    while commits.stats().fold_steps == 0 || commits.stats().journal_bytes > 0 {
        thread::yield_now();
    }
    assert_eq!(commits.stats().full, 1);
}

#[test]
fn what_waits_for_a_full_disk_cancels_out_when_it_is_too_much() {
    let faulty = Faulty::new(full);
    faulty.break_it(true);
    let settings = CommitSettings { waiting_bytes_max: 10_000, ..settings() };
    let (commits, durable) = start(Box::new(faulty.clone()), settings);
    commits.submit(batch(1)).expect("taken");
    faulty.wait_for_attempts(1);
    let m = message("t", &[7; 1000]);
    for number in 0..100 {
        let changes = vec![queued(1, number, &m), settled(1, number)];
        commits.submit(Batch { lsn: Lsn(number + 2), changes }).expect("taken");
    }
    while commits.is_congested() {
        thread::yield_now();
    }

    faulty.break_it(false);

    assert_eq!((durable.recv(), durable.recv()), (Ok(Lsn(1)), Ok(Lsn(101))));
}

#[test]
fn the_end_does_not_wait_for_a_full_disk() {
    let faulty = Faulty::new(full);
    faulty.break_it(true);
    let settings = CommitSettings { retry: Duration::from_secs(3600), ..settings() };
    let (commits, _durable) = start(Box::new(faulty.clone()), settings);
    commits.submit(batch(1)).expect("taken");
    faulty.wait_for_attempts(1);

    commits.finish();

    assert_eq!(commits.durable(), Lsn::NONE);
    assert!(commits.submit(batch(2)).is_err());
}

#[test]
fn congestion_begins_one_byte_past_the_limit_and_ends_with_the_write() {
    let faulty = Faulty::new(full);
    faulty.break_it(true);
    let cost = super::super::fold::cost_of(&batch(2).changes[0]);
    let settings = CommitSettings { waiting_bytes_max: 2 * cost, ..settings() };
    let (commits, durable) = start(Box::new(faulty.clone()), settings);
    commits.submit(batch(1)).expect("taken");
    faulty.wait_for_attempts(1);

    commits.submit(batch(2)).expect("taken");
    commits.submit(batch(3)).expect("taken");
    assert!(!commits.is_congested());
    commits.submit(batch(4)).expect("taken all the same");
    assert!(commits.is_congested());

    faulty.break_it(false);
    assert!(patiently(&durable).any(|lsn| lsn == Lsn(4)));
    assert!(!commits.is_congested());
}

#[test]
fn a_store_that_has_to_be_told_is_synced_when_its_time_has_come_and_at_the_end() {
    let faulty = Faulty::new(failed);
    let time = Arc::new(AtomicU64::new(0));
    let clock = Arc::clone(&time);
    let settings = CommitSettings { sync_interval: Some(Duration::from_millis(1)), ..settings() };
    let (told, durable) = mpsc::channel();
    let commits = Commits::start(
        Box::new(faulty.clone()),
        Lsn::NONE,
        settings,
        Box::new(move || clock.load(Ordering::SeqCst)),
        Box::new(move |event| tell(&told, event)),
    )
    .expect("started");
    // What an earlier process may have left unsynced.
    assert_eq!(faulty.syncs.swap(0, Ordering::SeqCst), 1);
    commits.submit(batch(1)).expect("works");
    assert_eq!(durable.recv(), Ok(Lsn(1)));
    time.store(999, Ordering::SeqCst);
    assert_eq!(faulty.syncs.load(Ordering::SeqCst), 0);

    time.store(1000, Ordering::SeqCst);
    while faulty.syncs.load(Ordering::SeqCst) == 0 {
        thread::yield_now();
    }
    commits.submit(batch(2)).expect("works");
    commits.finish();

    assert_eq!(faulty.syncs.load(Ordering::SeqCst), 2);
}

#[test]
fn what_a_round_has_stored_is_told_and_can_be_loaded() {
    let settings = CommitSettings { journal_bytes_max: 1000, ..settings() };
    let (commits, events) = listen(Box::new(Shelf::default()), settings);
    let m = message("t", &[7; 100]);
    let mut changes = vec![opened(1)];
    changes.extend((0..50).map(|number| queued(1, number, &m)));
    commits.submit(Batch { lsn: Lsn(1), changes }).expect("memory");
    let stored = Stored { session: SessionNumber(1), before: 50 };
    assert!(patiently(&events).any(|event| event == Event::Stored(vec![stored])));

    let asked = load_of(20, 50);
    commits.load(asked);

    let Ok(Event::Loaded(page)) = events.recv() else { panic!("a page is to come") };
    assert_eq!((page.from, page.next, page.messages.len()), (20, 30, 10));
    commits.finish();
    let stats = commits.stats();
    assert_eq!((stats.rounds, stats.loads, stats.loaded), (1, 1, 10));
    assert_eq!(stats.load_time.total(), 1);
}

#[test]
fn a_page_comes_although_the_disk_is_full() {
    let faulty = Faulty::new(full);
    faulty.break_it(true);
    let settings = CommitSettings { retry: Duration::from_secs(3600), ..settings() };
    let (commits, events) = listen(Box::new(faulty.clone()), settings);
    commits.submit(batch(1)).expect("taken");
    faulty.wait_for_attempts(1);

    assert_eq!(events.recv(), Ok(Event::Full(true)));

    commits.load(load_of(0, 7));

    let page = std::iter::repeat_with(|| events.recv()).find_map(|event| match event {
        Ok(Event::Loaded(page)) => Some(page),
        Ok(Event::Full(true)) => None,
        other => panic!("a page is to come, not {other:?}"),
    });
    let page = page.expect("it has come");
    assert_eq!((page.messages, page.next), (vec![], 7));
}

#[test]
fn whoever_is_told_may_be_the_last_owner() {
    let (told, heard) = mpsc::channel();
    let owner: Arc<Mutex<Option<Commits>>> = Arc::default();
    let kept = Arc::clone(&owner);
    let on_event = Box::new(move |_| {
        drop(kept.lock().take());
        told.send(()).expect("heard");
    });
    let store = Box::new(Shelf::default());
    let commits = Commits::start(store, Lsn::NONE, settings(), Box::new(|| 0), on_event);
    let mut slot = owner.lock();
    slot.insert(commits.expect("started")).submit(batch(1)).expect("memory");
    drop(slot);

    assert_eq!(heard.recv(), Ok(()));
}

pub fn start(store: Box<dyn Store>, settings: CommitSettings) -> (Commits, mpsc::Receiver<Lsn>) {
    let (told, heard) = mpsc::channel();
    let on_event = Box::new(move |event| tell(&told, event));
    let commits = Commits::start(store, Lsn::NONE, settings, Box::new(|| 0), on_event);
    (commits.expect("started"), heard)
}

fn listen(store: Box<dyn Store>, settings: CommitSettings) -> (Commits, mpsc::Receiver<Event>) {
    let (told, heard) = mpsc::channel();
    let on_event = Box::new(move |event| told.send(event).unwrap_or(()));
    let commits = Commits::start(store, Lsn::NONE, settings, Box::new(|| 0), on_event);
    (commits.expect("started"), heard)
}

/// What is heard, until nothing has come for too long.
pub fn patiently<T>(heard: &mpsc::Receiver<T>) -> impl Iterator<Item = T> + '_ {
    std::iter::from_fn(|| heard.recv_timeout(Duration::from_secs(30)).ok())
}

/// Ten messages at most.
fn load_of(from: u64, to: u64) -> Load {
    Load { session: SessionNumber(1), from, to, messages_max: 10, bytes_max: 1 << 20 }
}

/// Nobody may listen any more.
fn tell(durable: &mpsc::Sender<Lsn>, event: Event) {
    match event {
        Event::Durable(lsn) => durable.send(lsn).unwrap_or(()),
        Event::Full(_) => {}
        other => panic!("only commits are expected, not {other:?}"),
    }
}

pub fn settings() -> CommitSettings {
    CommitSettings { retry: Duration::from_millis(1), ..CommitSettings::default() }
}

/// Session numbers of one length, so that each batch costs the same.
pub fn batch(lsn: u64) -> Batch {
    let client_id = ClientId::new("c");
    let session = SessionNumber(lsn);
    let changes = vec![Change::SessionOpened { session, client_id, expiry_secs: 60 }];
    Batch { lsn: Lsn(lsn), changes }
}

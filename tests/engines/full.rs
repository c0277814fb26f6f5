//! A disk that fills up, for real: what is committed, what is refused, and how it goes on.

#![allow(clippy::disallowed_methods, reason = "a real disk takes real time")]

use std::sync::mpsc::{Receiver, RecvTimeoutError, channel};
use std::time::{Duration, Instant};

use fulmar::journal::{Batch, Change, SessionNumber};
use fulmar::store::{
    Ballast, CommitSettings, CommitState, Commits, EngineOptions, Event, RoomSettings, recover,
};
use fulmar::types::{ClientId, Lsn, Message, MessageHead};

use crate::engine::{Engine, Opened, bytes, stories};
use crate::small_disk::{SmallDisk, on_a_small_disk};

stories!(Sled as sled, Fjall as fjall: {
    commits_go_on_in_the_reserve_and_stall_below_it_until_there_is_room
    a_disk_that_is_really_full_fails_the_store_and_ballast_lets_it_be_opened_again
});

// Fjall gives room back, but keeps a few hundred megabytes for itself: more than a small disk has.
stories!(Sled as sled_alone: {
    a_disk_that_was_full_of_messages_has_room_when_they_are_gone
});

const MIB: u64 = 1 << 20;
const DISK_BYTES: u64 = 96 * MIB;
const PATIENCE: Duration = Duration::from_secs(30);

fn commits_go_on_in_the_reserve_and_stall_below_it_until_there_is_room(engine: Engine) {
    on_a_small_disk(DISK_BYTES, |disk| {
        let room = room(disk, 16 * MIB, 4 * MIB);
        let ballast = Ballast::of(&disk.directory);
        let store = Running::start(engine, &room);
        store.commit(1);
        wait_until(|| ballast.bytes().expect("known") == 4 * MIB);

        disk.leave_free(12 * MIB);
        store.expect(Event::Full(true));
        store.commit(2);
        disk.leave_free(7 * MIB);
        store.commit(3);
        assert_eq!(ballast.bytes().expect("known"), 0, "given up for it");

        disk.leave_free(5 * MIB);
        store.submit(4);
        store.expect_nothing();
        assert_eq!(store.commits.state(), CommitState::Full);
        disk.leave_free(40 * MIB);
        let mut told = [store.next(), store.next()];
        told.sort_by_key(|event| matches!(event, Event::Durable(_)));
        assert_eq!(told, [Event::Full(false), Event::Durable(Lsn(4))]);
        wait_until(|| ballast.bytes().expect("known") == 4 * MIB);

        assert_eq!(store.sessions_after_restart(engine, &room), 4);
    });
}

/// Sled is the reason for ballast: on a full disk it does not open.
fn a_disk_that_is_really_full_fails_the_store_and_ballast_lets_it_be_opened_again(engine: Engine) {
    on_a_small_disk(DISK_BYTES, |disk| {
        let room = room(disk, 0, 8 * MIB);
        let store = Running::start(engine, &room);
        store.commit(1);
        wait_until(|| Ballast::of(&disk.directory).bytes().expect("known") == 8 * MIB);
        disk.leave_free(0);

        let mut acknowledged = 1;
        while store.try_commit(acknowledged + 1) {
            acknowledged += 1;
        }

        wait_until(|| matches!(store.commits.state(), CommitState::Failed(_)));
        assert_eq!(Ballast::of(&disk.directory).bytes().expect("known"), 0);
        let sessions = store.sessions_after_restart(engine, &room);
        assert!(sessions >= acknowledged, "{acknowledged} were acknowledged, {sessions} are there");
    });
}

/// Sled never makes its file shorter: what is free in it has to count.
fn a_disk_that_was_full_of_messages_has_room_when_they_are_gone(engine: Engine) {
    on_a_small_disk(2 * DISK_BYTES, |disk| {
        let room = room(disk, 32 * MIB, 0);
        let store = Running::start(engine, &room);
        disk.leave_free(96 * MIB);
        let mut lsn = 0;
        while store.commits.state() == CommitState::Working {
            lsn += 1;
            store.retain(lsn);
        }

        for message in 1..=lsn {
            store.clear(lsn + message, message);
        }

        wait_until(|| store.commits.state() == CommitState::Working);
    });
}

/// A store at work in this process.
struct Running {
    commits: Commits,
    told: Receiver<Event>,
}

impl Running {
    fn start(engine: Engine, room: &RoomSettings) -> Self {
        let (tell, told) = channel();
        let began = Instant::now();
        let commits = Commits::start_on_disk(
            room.clone(),
            open(engine, room),
            Lsn::NONE,
            // Folded at once: nothing of what is settled stays in the journal.
            CommitSettings { journal_bytes_max: 0, ..CommitSettings::default() },
            Box::new(move || began.elapsed().as_micros() as u64),
            Box::new(move |event| _ = tell.send(event)),
        );
        Self { commits: commits.expect("started"), told }
    }

    fn submit(&self, lsn: u64) {
        let client_id = ClientId::new(&format!("c{lsn}"));
        let session = SessionNumber(lsn);
        self.put(lsn, Change::SessionOpened { session, client_id, expiry_secs: 60 });
    }

    /// Makes a session of this number durable.
    fn commit(&self, lsn: u64) {
        self.submit(lsn);
        self.expect(Event::Durable(Lsn(lsn)));
    }

    /// The same where the store may fail.
    fn try_commit(&self, lsn: u64) -> bool {
        self.submit(lsn);
        self.told.recv_timeout(PATIENCE) == Ok(Event::Durable(Lsn(lsn)))
    }

    /// Keeps a message.
    fn retain(&self, lsn: u64) {
        let head = MessageHead { retain: true, ..MessageHead::default() };
        let message = Message::new(head, &topic(lsn), &[], &bytes(lsn, MESSAGE_BYTES));
        self.put(lsn, Change::RetainedSet { message });
        self.wait_for(lsn);
    }

    /// Clears the one that was kept as `message`.
    fn clear(&self, lsn: u64, message: u64) {
        self.put(lsn, Change::RetainedCleared { topic: topic(message) });
        self.wait_for(lsn);
    }

    fn put(&self, lsn: u64, change: Change) {
        let batch = Batch { lsn: Lsn(lsn), changes: vec![change] };
        // One that is refused is never heard of again.
        let _ = self.commits.submit(batch);
    }

    fn next(&self) -> Event {
        self.told.recv_timeout(PATIENCE).expect("something happens")
    }

    fn expect(&self, event: Event) {
        assert_eq!(self.next(), event);
    }

    fn expect_nothing(&self) {
        let told = self.told.recv_timeout(Duration::from_millis(500));
        assert_eq!(told, Err(RecvTimeoutError::Timeout));
    }

    /// Whatever is told of room meanwhile.
    fn wait_for(&self, lsn: u64) {
        while self.next() != Event::Durable(Lsn(lsn)) {}
    }

    fn sessions_after_restart(self, engine: Engine, room: &RoomSettings) -> u64 {
        drop(self);
        let recovered = recover(&mut *open(engine, room), &mut |_| {}).expect("readable");
        recovered.image.sessions.len() as u64
    }
}

const MESSAGE_BYTES: usize = 50_000;

fn topic(message: u64) -> String {
    format!("t/{message}")
}

fn room(disk: &SmallDisk, free_bytes_min: u64, ballast_bytes: u64) -> RoomSettings {
    RoomSettings { directory: disk.directory.clone(), free_bytes_min, ballast_bytes }
}

/// As a server opens it.
fn open(engine: Engine, room: &RoomSettings) -> Opened {
    room.make_way();
    let options = EngineOptions { free_bytes_min: room.kept_bytes(), ..Default::default() };
    engine.open(&room.directory, &options).expect("opens")
}

fn wait_until(is_so: impl Fn() -> bool) {
    let began = Instant::now();
    while !is_so() {
        assert!(began.elapsed() < PATIENCE, "it never came about");
        std::thread::sleep(Duration::from_millis(10));
    }
}

//! A disk that is full, under the real binary: a small file system that somebody else fills up.

use std::ops::ControlFlow::{self, Break, Continue};
use std::thread;
use std::time::{Duration, Instant};

use fulmar::types::Protocol::{self, V5, V311};
use fulmar::types::QoS::{AtLeastOnce, ExactlyOnce};

use crate::broker::Broker;
use crate::client::{Client, Habits, Turn};
use crate::ledger::Ledger;
use crate::place::Place;
use crate::run::receiver;
use crate::small_disk::{SmallDisk, on_a_small_disk};

const MIB: u64 = 1 << 20;
const DISK_BYTES: u64 = 128 * MIB;
/// What the broker is told to keep free.
const FREE_BYTES_MIN: u64 = 32 * MIB;
/// Too little, also with what the store can use again, but enough for what is under way to come to
/// its end.
const RESERVE_BYTES: u64 = 20 * MIB;
/// What has not happened by then does not happen.
const PATIENCE: Duration = Duration::from_secs(20);
/// How long nothing comes where nothing is to come.
const SILENCE: Duration = Duration::from_millis(400);

#[test]
fn a_full_disk_refuses_and_keeps_with_sled() {
    on_a_small_disk(DISK_BYTES, |disk| a_full_disk_refuses_and_keeps("sled", disk));
}

#[test]
fn a_full_disk_refuses_and_keeps_with_fjall() {
    on_a_small_disk(DISK_BYTES, |disk| a_full_disk_refuses_and_keeps("fjall", disk));
}

fn a_full_disk_refuses_and_keeps(engine: &str, disk: &SmallDisk) {
    let mut stage = Stage::with_messages_waiting(engine, disk);

    disk.leave_free(RESERVE_BYTES);
    stage.publish_until_refused();
    stage.nobody_is_taken();
    // What waits is delivered all the same, and the end of the broker changes nothing.
    stage.drain_some();
    stage.restart();
    stage.publish_until_refused();
    stage.nobody_is_taken();
    stage.drain();

    disk.leave_free(DISK_BYTES / 2);
    stage.everybody_is_taken_again();
    stage.restart();
    stage.drain();
    stage.ledger.check_deliveries();
    assert!(stage.ledger.violations.is_empty(), "{:?}", stage.ledger.violations);
}

/// A publisher of each version, and a receiver with a session.
struct Stage {
    place: Place,
    broker: Option<Broker>,
    receiver: Client,
    told: Client,
    untold: Client,
    ledger: Ledger,
}

impl Stage {
    /// A few messages of each publisher are on disk for the receiver, who is away.
    fn with_messages_waiting(engine: &str, disk: &SmallDisk) -> Self {
        let place = Place::create_in(&disk.directory, engine, "disk")
            .with("STORE__FREE_BYTES_MIN", &FREE_BYTES_MIN.to_string())
            .with("STORE__BALLAST_BYTES", &(4 * MIB).to_string());
        let mut receiver = Client::new("receiver", receiver("receiver", V5));
        receiver.habits.collects = false;
        receiver.want("m/#", ExactlyOnce);
        let mut ledger = Ledger::default();
        ledger.subscribed("receiver", ExactlyOnce);
        let broker = Some(Broker::start(&place));
        let (told, untold) = (publisher("told", V5), publisher("untold", V311));
        let mut stage = Self { place, broker, receiver, told, untold, ledger };
        stage.connect();
        stage.until("everybody is there", |stage| stage.receiver.is_done());
        stage.receiver.hang_up();
        for _ in 0..20 {
            stage.publish_one_each();
            stage.until("both are acknowledged", Self::nothing_is_under_way);
        }
        stage
    }

    /// Whoever is not connected connects.
    fn connect(&mut self) {
        let address = self.broker.as_ref().expect("it runs").address;
        for client in [&mut self.receiver, &mut self.told, &mut self.untold] {
            if !client.is_connected() {
                client.connect(address, 5, &mut self.ledger);
            }
        }
    }

    fn restart(&mut self) {
        self.broker.take().expect("it runs").kill();
        for client in [&mut self.receiver, &mut self.told, &mut self.untold] {
            client.hang_up();
        }
        self.broker = Some(Broker::start(&self.place));
        self.connect();
    }

    fn publish_one_each(&mut self) {
        let ledger = &mut self.ledger;
        for client in [&mut self.told, &mut self.untold] {
            if !client.is_accepted() || !client.is_done() {
                continue;
            }
            let qos = if ledger.sent().is_multiple_of(3) { ExactlyOnce } else { AtLeastOnce };
            client.publish_to(&format!("m/{}/{}", client.name, qos as u8), qos, ledger);
        }
    }

    /// The broker finds out about the disk in its own time, and takes what comes before.
    fn publish_until_refused(&mut self) {
        let mut unanswered_since = Instant::now();
        self.each_turn("there is no room", |stage| {
            if stage.untold.is_done() || !stage.told.is_refused() {
                unanswered_since = Instant::now();
            }
            stage.publish_one_each();
            if unanswered_since.elapsed() > SILENCE { Break(()) } else { Continue(()) }
        });
    }

    /// Of 5.0 a client is told for every message, before 5.0 there is no answer but to PINGREQ.
    fn nobody_is_taken(&mut self) {
        for _ in 0..3 {
            self.until("an answer of 5.0", |stage| stage.told.is_refused());
            self.told.retry(&mut self.ledger);
        }
        self.until("an answer of 5.0", |stage| stage.told.is_refused());
        let began = Instant::now();
        self.each_turn("silence", |stage| {
            assert!(!stage.untold.is_done(), "it got an acknowledgement");
            assert!(stage.untold.is_connected(), "it was closed");
            if began.elapsed() > SILENCE { Break(()) } else { Continue(()) }
        });
    }

    /// A part of what waits comes.
    fn drain_some(&mut self) {
        self.connect();
        self.until("some are delivered", |stage| stage.ledger.received() >= 10);
    }

    /// All that was acknowledged comes.
    fn drain(&mut self) {
        self.connect();
        self.until("all are delivered", |stage| {
            stage.receiver.is_done() && stage.ledger.has_all_accepted()
        });
    }

    /// With nothing done to the broker. A client of 5.0 tries again, one before 5.0 is closed and
    /// comes back.
    fn everybody_is_taken_again(&mut self) {
        self.each_turn("there is room again", |stage| {
            stage.connect();
            if stage.told.is_refused() {
                stage.told.retry(&mut stage.ledger);
            }
            if stage.nothing_is_under_way() { Break(()) } else { Continue(()) }
        });
        self.publish_one_each();
        self.until("both are acknowledged", Self::nothing_is_under_way);
    }

    fn nothing_is_under_way(&self) -> bool {
        self.told.is_done() && self.untold.is_done()
    }

    fn until(&mut self, what: &str, is_so: impl Fn(&Self) -> bool) {
        self.each_turn(what, |stage| if is_so(stage) { Break(()) } else { Continue(()) });
    }

    /// Everybody does what they owe until `judge` is content.
    fn each_turn(&mut self, what: &str, mut judge: impl FnMut(&mut Self) -> ControlFlow<()>) {
        let began = Instant::now();
        loop {
            for client in [&mut self.receiver, &mut self.told, &mut self.untold] {
                loop {
                    match client.turn(&mut self.ledger) {
                        Turn::Packet(_) => {}
                        Turn::Idle => break,
                        Turn::Closed => client.hang_up(),
                    }
                }
                client.settle(true, &mut self.ledger);
            }
            if judge(self).is_break() {
                return;
            }
            let events = || self.ledger.events().join("\n");
            assert!(began.elapsed() < PATIENCE, "{what}: not so\n{}\n{}", events(), self.log());
            thread::sleep(Duration::from_millis(1));
        }
    }

    fn log(&self) -> String {
        self.place.log_from(0)
    }
}

fn publisher(name: &str, protocol: Protocol) -> Client {
    let habits = receiver(name, protocol);
    Client::new(name, Habits { account: None, collects: false, may_be_refused: true, ..habits })
}

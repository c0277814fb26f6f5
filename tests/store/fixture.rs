//! A data directory with a broker's state in it, written without a broker.

use std::fs;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use fulmar::journal::{Batch, Change, SessionNumber};
use fulmar::request::Will;
use fulmar::store::{
    CommitSettings, Commits, EngineOptions, FjallStore, SledStore, Store, StoreError,
};
use fulmar::types::{
    ClientId, Filter, InboundId, Lsn, Message, MessageHead, PacketId, QoS, SubscriptionIds,
    SubscriptionOptions, Timestamp,
};
use tempfile::TempDir;

pub const ENGINES: [Engine; 2] = [Engine::Sled, Engine::Fjall];

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Engine {
    Sled,
    Fjall,
}

impl Engine {
    pub fn name(self) -> &'static str {
        match self {
            Self::Sled => "sled",
            Self::Fjall => "fjall",
        }
    }

    pub fn open(self, directory: &Path) -> Result<Box<dyn Store>, StoreError> {
        let options = EngineOptions::default();
        Ok(match self {
            Self::Sled => Box::new(SledStore::open(directory, &options)?),
            Self::Fjall => Box::new(FjallStore::open(directory, &options)?),
        })
    }
}

/// A data directory that goes when the test is over.
pub struct Place {
    pub engine: Engine,
    directory: TempDir,
}

/// Sessions that [`Place::filled`] makes.
pub const SESSIONS: u64 = 20;
/// Messages in each of their queues.
pub const MESSAGES: u64 = 300;

impl Place {
    pub fn empty(engine: Engine) -> Self {
        let directory = TempDir::new_in(env!("CARGO_TARGET_TMPDIR")).expect("target/tmp");
        Self { engine, directory }
    }

    /// With some of everything that a broker keeps, most of it folded.
    pub fn filled(engine: Engine) -> Self {
        let place = Self::empty(engine);
        place.commit(state());
        place
    }

    pub fn path(&self) -> &Path {
        self.directory.path()
    }

    pub fn engine_path(&self) -> PathBuf {
        self.path().join(self.engine.name())
    }

    /// A file beside the engine's.
    pub fn file(&self, name: &str) -> PathBuf {
        self.path().join(name)
    }

    pub fn open(&self) -> Result<Box<dyn Store>, StoreError> {
        self.engine.open(self.path())
    }

    /// Commits batches as a broker does, folding on the way.
    pub fn commit(&self, batches: Vec<Vec<Change>>) {
        let settings = CommitSettings { journal_bytes_max: 65_536, ..CommitSettings::default() };
        let store = self.open().expect("opens");
        let quiet = Box::new(|_| {});
        let commits = Commits::start(store, Lsn::NONE, settings, Box::new(|| 0), quiet);
        let commits = commits.expect("started");
        for (number, changes) in batches.into_iter().enumerate() {
            let lsn = Lsn(number as u64 + 1);
            commits.submit(Batch { lsn, changes }).expect("working");
            while commits.durable() < lsn {
                std::thread::sleep(Duration::from_micros(100));
            }
        }
        commits.finish();
    }

    /// `fulmar store …` on this directory and engine.
    pub fn command(&self, arguments: &[&str]) -> Command {
        let mut command = fulmar();
        command.arg("store").args(arguments).arg("--data-dir").arg(self.path());
        command.args(["--engine", self.engine.name()]);
        command
    }

    pub fn run(&self, arguments: &[&str]) -> Ran {
        Ran::of(self.command(arguments).output().expect("the binary is built"))
    }

    /// The same with something on standard input.
    pub fn run_with_input(&self, arguments: &[&str], input: &[u8]) -> Ran {
        let mut command = self.command(arguments);
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().expect("the binary is built");
        // Who refuses the first line reads no further.
        let _ = child.stdin.take().expect("a pipe").write_all(input);
        Ran::of(child.wait_with_output().expect("ended"))
    }

    /// The names in the data directory, in order.
    pub fn names(&self) -> Vec<String> {
        let entries = fs::read_dir(self.path()).expect("listed");
        let mut names: Vec<String> = entries
            .map(|entry| entry.expect("listed").file_name().to_string_lossy().into_owned())
            .collect();
        names.sort();
        names
    }
}

/// The binary, without the settings of whoever runs the tests.
pub fn fulmar() -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_fulmar"));
    for (name, _) in std::env::vars_os() {
        if name.to_string_lossy().starts_with("FULMAR_") {
            command.env_remove(name);
        }
    }
    command.stdin(Stdio::null());
    command
}

/// What a command came to.
#[derive(Debug)]
pub struct Ran {
    pub code: Option<i32>,
    pub stdout: String,
    pub stderr: String,
}

impl Ran {
    fn of(output: Output) -> Self {
        let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
        let (stdout, stderr) = (text(&output.stdout), text(&output.stderr));
        Self { code: output.status.code(), stdout, stderr }
    }

    #[track_caller]
    pub fn expect_code(self, code: i32) -> Self {
        assert_eq!(self.code, Some(code), "{}\n{}", self.stdout, self.stderr);
        self
    }
}

fn state() -> Vec<Vec<Change>> {
    let mut batches: Vec<Vec<Change>> = (1..=SESSIONS).map(session).collect();
    for number in 0..MESSAGES {
        let message = message(&format!("news/{number}"), &[b'n'; 500]);
        batches.push((1..=SESSIONS).map(|session| queued(session, number, &message)).collect());
        batches.push(vec![retained(&format!("state/{number}"), number.to_string().as_bytes())]);
    }
    batches.push((1..=SESSIONS).flat_map(progress).collect());
    batches
}

fn session(number: u64) -> Vec<Change> {
    let session = SessionNumber(number);
    let client_id = ClientId::new(&format!("client {number}"));
    let filter = Filter::parse("news/#", true).expect("a filter");
    let options = SubscriptionOptions { qos: QoS::ExactlyOnce, ..Default::default() };
    let will =
        Will { message: message("gone", &[0xff, 0xfe]), expiry_secs: Some(9), delay_secs: 3_600 };
    let packet_id = PacketId::new(7).expect("not zero");
    vec![
        Change::SessionOpened { session, client_id, expiry_secs: u32::MAX },
        Change::Subscribed { session, filter, options },
        Change::WillArmed { session, will },
        Change::InboundTaken { session, id: InboundId(packet_id) },
    ]
}

/// Some deliveries are done with, one is past PUBREC, half of the clients are gone.
fn progress(number: u64) -> Vec<Change> {
    let session = SessionNumber(number);
    let mut changes: Vec<Change> =
        (0..10).map(|number| Change::Settled { session, number }).collect();
    changes.push(Change::PubRecSeen { session, number: 10 });
    if number.is_multiple_of(2) {
        let at = Timestamp(1_700_000_000_000);
        changes.push(Change::SessionDetached { session, expiry_secs: 3_600, at });
        changes.push(Change::Sent { session, before: 20 });
    }
    changes
}

pub fn queued(session: u64, number: u64, message: &Message) -> Change {
    Change::Queued {
        session: SessionNumber(session),
        number,
        message: message.clone(),
        qos: QoS::ExactlyOnce,
        retain: false,
        subscription_ids: SubscriptionIds::None,
    }
}

fn retained(topic: &str, payload: &[u8]) -> Change {
    let head = MessageHead { qos: QoS::AtLeastOnce, retain: true, expires_at: None };
    Change::RetainedSet { message: Message::new(head, topic, &[], payload) }
}

pub fn message(topic: &str, payload: &[u8]) -> Message {
    let head = MessageHead { qos: QoS::ExactlyOnce, retain: false, expires_at: None };
    Message::new(head, topic, &[], payload)
}

mod cancelling;
mod contents;
mod crash;
mod crash_store;
mod damage;
mod faulty;
mod folding;
mod loading;
mod measure;
mod model;
mod pulse;
mod scenario;
mod threads;
mod turns;

use super::*;
use crate::journal::{Change, Image, SessionNumber, Unfinished};
use crate::store::{MemoryStore, Operation, Visitor};
use crate::types::{
    ClientId, Filter, InboundId, Message, MessageHead, PacketId, QoS, SubscriptionIds,
    SubscriptionOptions, Timestamp,
};

/// Shared with the pipeline that owns the other handle.
#[derive(Clone, Default)]
struct Shelf(Arc<Mutex<MemoryStore>>);

impl Store for Shelf {
    fn apply(&mut self, operations: Vec<Operation>) -> Result<(), StoreError> {
        self.0.lock().apply(operations)
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        self.0.lock().sync()
    }

    fn get(&self, key: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        self.0.lock().get(key)
    }

    fn scan(&self, prefix: &[u8], from: &[u8], visit: &mut Visitor<'_>) -> Result<(), StoreError> {
        self.0.lock().scan(prefix, from, visit)
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        self.0.lock().size_bytes()
    }
}

impl Shelf {
    fn recover(&self) -> Recovered {
        recover(&mut self.clone(), &mut |_| {}).expect("memory")
    }

    /// With all messages of backlogs in its queues.
    fn image(&self) -> Image {
        whole(&mut self.clone(), self.recover().image)
    }

    fn keys(&self, kind: u8) -> Vec<Vec<u8>> {
        let mut keys = Vec::new();
        let mut visit = |key: &[u8], _: &[u8]| {
            keys.push(key.to_vec());
            std::ops::ControlFlow::Continue(())
        };
        self.scan(&[kind], b"", &mut visit).expect("memory");
        keys
    }

    fn committer(&self, settings: CommitSettings) -> Committer {
        Committer::open(Box::new(self.clone()), settings).expect("memory")
    }
}

/// Folds whatever there is, in the smallest steps.
const EAGER: CommitSettings = CommitSettings {
    waiting_bytes_max: 1000,
    journal_bytes_max: 0,
    round_bytes_max: 0,
    fold_step_bytes: 1,
    retry: Duration::from_millis(1),
    sync_interval: None,
};

/// Commits each list as one batch and one group.
fn commit(committer: &mut Committer, lists: &[&[Change]]) {
    for (index, changes) in lists.iter().enumerate() {
        commit_at(committer, index as u64 + 1, changes);
    }
}

/// Commits one batch as one group.
fn commit_at(committer: &mut Committer, lsn: u64, changes: &[Change]) {
    let batch = Batch { lsn: Lsn(lsn), changes: changes.to_vec() };
    committer.commit(&committer::Packed::new(vec![batch])).expect("memory");
}

fn fold_all(committer: &mut Committer) {
    while committer.journal_bytes() > 0 || committer.wants_to_fold() {
        committer.fold(&mut || false).expect("memory");
    }
}

/// The same state with nothing in backlogs: what those have is loaded, page by page.
fn whole(store: &mut dyn Store, mut image: Image) -> Image {
    for (session, image) in &mut image.sessions {
        let backlog = std::mem::take(&mut image.backlog);
        let (mut messages, mut bytes, mut from) = (0, 0, backlog.from);
        while from < backlog.to {
            let asked =
                Load { session: *session, from, to: backlog.to, messages_max: 2, bytes_max: 500 };
            let page = load::load(store, &asked).expect("readable").page;
            assert!(page.next > from && page.messages.len() <= 2, "{page:?}");
            from = page.next;
            for (number, message) in page.messages {
                assert!((asked.from..page.next).contains(&number), "{number} in {asked:?}");
                if backlog.settled.contains(&number) {
                    continue;
                }
                (messages, bytes) = (messages + 1, bytes + message.message.len() as u64);
                let before = image.queue.insert(number, Unfinished::Message(message));
                assert_eq!(before, None, "{number} is in the queue, too");
            }
        }
        assert_eq!((messages, bytes), (backlog.messages, backlog.bytes));
    }
    image
}

/// How far numbers have come may be told late; everything else is to be equal.
fn without_counters(mut image: Image) -> Image {
    image.last_session = None;
    for session in image.sessions.values_mut() {
        session.next_number = 0;
    }
    image
}

fn opened(session: u64) -> Change {
    let client_id = ClientId::new(&format!("client {session}"));
    Change::SessionOpened { session: SessionNumber(session), client_id, expiry_secs: 60 }
}

fn ended(session: u64) -> Change {
    Change::SessionEnded { session: SessionNumber(session) }
}

fn detached(session: u64, at: u64) -> Change {
    let session = SessionNumber(session);
    Change::SessionDetached { session, expiry_secs: 60, at: Timestamp(at) }
}

fn resumed(session: u64) -> Change {
    Change::SessionResumed { session: SessionNumber(session), expiry_secs: 60 }
}

fn queued(session: u64, number: u64, message: &Message) -> Change {
    Change::Queued {
        session: SessionNumber(session),
        number,
        message: message.clone(),
        qos: QoS::ExactlyOnce,
        retain: false,
        subscription_ids: SubscriptionIds::None,
    }
}

fn pubrec(session: u64, number: u64) -> Change {
    Change::PubRecSeen { session: SessionNumber(session), number }
}

fn settled(session: u64, number: u64) -> Change {
    Change::Settled { session: SessionNumber(session), number }
}

fn taken(session: u64, id: u16) -> Change {
    Change::InboundTaken { session: SessionNumber(session), id: inbound(id) }
}

fn released(session: u64, id: u16) -> Change {
    Change::InboundReleased { session: SessionNumber(session), id: inbound(id) }
}

fn inbound(id: u16) -> InboundId {
    InboundId(PacketId::new(id).expect("not zero"))
}

fn subscribed(session: u64, filter: &str) -> Change {
    let filter = Filter::parse(filter, true).expect("valid");
    let options = SubscriptionOptions::default();
    Change::Subscribed { session: SessionNumber(session), filter, options }
}

fn unsubscribed(session: u64, filter: &str) -> Change {
    let filter = Filter::parse(filter, true).expect("valid");
    Change::Unsubscribed { session: SessionNumber(session), filter }
}

fn retained(topic: &str, payload: &[u8]) -> Change {
    Change::RetainedSet { message: message(topic, payload) }
}

fn cleared(topic: &str) -> Change {
    Change::RetainedCleared { topic: topic.into() }
}

fn armed(session: u64) -> Change {
    let message = message("will", b"gone");
    let will = crate::request::Will { message, expiry_secs: None, delay_secs: 5 };
    Change::WillArmed { session: SessionNumber(session), will }
}

fn disarmed(session: u64) -> Change {
    Change::WillCleared { session: SessionNumber(session) }
}

fn message(topic: &str, payload: &[u8]) -> Message {
    Message::new(MessageHead::default(), topic, &[], payload)
}

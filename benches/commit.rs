//! From a group of changes to the moment at which it is durable: packed, written, synced, folded when
//! it is time for that.

use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};
use fulmar::journal::{Batch, Change, SessionNumber};
use fulmar::store::{
    CommitSettings, Committer, EngineOptions, MemoryStore, Packed, SledStore, Store,
};
use fulmar::types::{ClientId, Lsn, Message, MessageHead, QoS, SubscriptionIds};

criterion_main!(benches);
criterion_group!(benches, commits);

const SESSION: SessionNumber = SessionNumber(1);

fn commits(criterion: &mut Criterion) {
    for messages in [1, 100, 2_000] {
        let mut group = criterion.benchmark_group(format!("a commit of {messages} messages"));
        group.throughput(Throughput::Elements(messages));
        group.sample_size(20);
        let directory = tempfile::tempdir().expect("a directory");
        let sled = SledStore::open(directory.path(), &EngineOptions::default());
        let stores: [(&str, Box<dyn Store>); 2] = [
            ("memory", Box::new(MemoryStore::default())),
            ("sled, synced", Box::new(sled.expect("a store"))),
        ];
        for (name, store) in stores {
            let mut queue = Queue::new(store, messages);
            group.bench_function(name, |bencher| {
                let next = |queue: &mut Queue| queue.next_batch();
                let queue = std::cell::RefCell::new(&mut queue);
                bencher.iter_batched(
                    || next(&mut queue.borrow_mut()),
                    |batch| queue.borrow_mut().commit(batch),
                    BatchSize::PerIteration,
                );
            });
        }
    }
}

/// A session's queue, in which as many messages are done with as come.
struct Queue {
    committer: Committer,
    messages: u64,
    lsn: Lsn,
    next: u64,
}

impl Queue {
    fn new(store: Box<dyn Store>, messages: u64) -> Self {
        let committer = Committer::open(store, CommitSettings::default()).expect("empty");
        let mut queue = Self { committer, messages, lsn: Lsn::NONE, next: 0 };
        let client_id = ClientId::new("c");
        let expiry_secs = u32::MAX;
        let change = Change::SessionOpened { session: SESSION, client_id, expiry_secs };
        let opened = queue.batch(vec![change]);
        queue.commit(opened);
        queue
    }

    fn batch(&mut self, changes: Vec<Change>) -> Batch {
        self.lsn = Lsn(self.lsn.0 + 1);
        Batch { lsn: self.lsn, changes }
    }

    fn next_batch(&mut self) -> Batch {
        let (before, first) = (self.next.saturating_sub(self.messages), self.next);
        self.next += self.messages;
        let settled = (before..first).map(|number| Change::Settled { session: SESSION, number });
        let changes = (first..self.next).map(queued).chain(settled).collect();
        self.batch(changes)
    }

    fn commit(&mut self, batch: Batch) {
        self.committer.commit(&Packed::new(vec![batch])).expect("written");
        while self.committer.wants_to_fold() {
            self.committer.fold(&mut || false).expect("folded");
        }
    }
}

fn queued(number: u64) -> Change {
    let qos = QoS::AtLeastOnce;
    let head = MessageHead { qos, ..MessageHead::default() };
    Change::Queued {
        session: SESSION,
        number,
        message: Message::new(head, "site/7/room/12/temperature", &[], &[b'x'; 64]),
        qos,
        retain: false,
        subscription_ids: SubscriptionIds::None,
    }
}

//! How long the broker's lock is held, at most: what is done under it in some workloads, hold by hold.
//!
//! All runs of a workload are alike, and for each hold the least of them counts: what the machine does to a
//! thread meanwhile, it hardly does in all runs to the same hold. Before each of them other memory than the
//! broker's is read, more than a second cache has room for.
#![expect(clippy::disallowed_methods, reason = "time is what is measured")]

use std::collections::VecDeque;
use std::hint::black_box;
use std::io::Write;
use std::time::{Duration, Instant};

use fulmar::broker::{Actions, Broker, Budget};
use fulmar::config::{Config, Durability};
use fulmar::net::{PULL_BYTES_MAX, PULL_MESSAGES_MAX, TURNS_PER_VISIT};
use fulmar::request::{Connect, EXPIRY_NEVER, Identity, Origin, Outgoing, Request};
use fulmar::server::broker_settings;
use fulmar::types::{
    ClientId, ConnId, Filter, InboundId, Message, MessageHead, PacketId, Protocol, QoS, ReasonCode,
    SubscriptionOptions, Timestamp,
};

/// As many as a publisher of `fulmar bench` has under way.
const BURST: u32 = 128;
const RUNS: usize = 7;
/// Bytes.
const OTHER_MEMORY: usize = 2 << 20;

type Workload = fn(&mut Machine);

const WORKLOADS: [(&str, Workload); 7] = [
    ("pairs, QoS 1", |machine| pairs(machine, QoS::AtLeastOnce)),
    ("pairs, QoS 2", |machine| pairs(machine, QoS::ExactlyOnce)),
    ("fan-in, QoS 0", fan_in),
    ("fan-out, QoS 0", |machine| fan_out(machine, QoS::AtMostOnce)),
    ("fan-out, QoS 1", |machine| fan_out(machine, QoS::AtLeastOnce)),
    ("wildcard", wildcard),
    ("retained", retained),
];

fn main() {
    say(format_args!(
        "workload             holds   mean, µs   longest at first, then, µs   longest of all runs, µs"
    ));
    for (name, workload) in WORKLOADS {
        for durability in [Durability::Memory, Durability::Disk] {
            let runs = [(); RUNS].map(|()| {
                let mut machine = Machine::new(durability);
                workload(&mut machine);
                (machine.holds, machine.at_first)
            });
            let at_first = runs[0].1;
            report(name, durability, at_first, &runs.map(|(holds, _)| holds));
        }
    }
}

fn report(name: &str, durability: Durability, at_first: usize, runs: &[Vec<Duration>]) {
    let count = runs[0].len();
    assert!(runs.iter().all(|run| run.len() == count), "{name}: the runs are not alike");
    let least = |at: usize| runs.iter().map(|run| run[at]).min().expect("some runs");
    let holds: Vec<Duration> = (0..count).map(least).collect();
    let micros = |time: Duration| time.as_nanos() as f64 / 1_000.0;
    let mean = micros(holds.iter().sum()) / count as f64;
    let longest = |holds: &[Duration]| micros(*holds.iter().max().expect("some holds"));
    let (first, then) = (longest(&holds[..at_first]), longest(&holds[at_first..]));
    let longest_of_all = micros(*runs.iter().flatten().max().expect("some holds"));
    let level = if durability == Durability::Memory { "" } else { ", disk" };
    let name = format!("{name}{level}");
    say(format_args!(
        "{name:20} {count:6} {mean:10.1} {first:19.1}, {then:6.1} {longest_of_all:25.1}"
    ));
}

fn say(line: std::fmt::Arguments<'_>) {
    // Whoever has gone does not read it.
    let _ = writeln!(std::io::stdout(), "{line}");
}

/// A broker, and what its server does with it under the lock.
struct Machine {
    broker: Broker,
    requests: VecDeque<Request>,
    actions: Actions,
    outgoing: Vec<Outgoing>,
    persistent: bool,
    other_memory: Vec<u64>,
    holds: Vec<Duration>,
    /// Those before all that is needed has been allocated once.
    at_first: usize,
}

impl Machine {
    fn new(durability: Durability) -> Self {
        let mut config = Config::default();
        config.store.durability = durability;
        (config.mqtt.receive_maximum, config.mqtt.inflight_messages_max) = (1_000, 1_000);
        Self {
            broker: Broker::new(broker_settings(&config), 1, NOW),
            requests: VecDeque::new(),
            actions: Actions::default(),
            outgoing: Vec::new(),
            persistent: durability != Durability::Memory,
            other_memory: vec![1; OTHER_MEMORY / 8],
            holds: Vec::new(),
            at_first: 0,
        }
    }

    fn hold<R>(&mut self, what: impl FnOnce(&mut Self) -> R) -> R {
        black_box(self.other_memory.iter().sum::<u64>());
        let start = Instant::now();
        let result = what(self);
        self.holds.push(start.elapsed());
        result
    }

    fn connect(&mut self, name: &str) -> ConnId {
        let connect = Connect {
            protocol: Protocol::V311,
            client_id: ClientId::new(name),
            client_id_assigned: false,
            clean_start: !self.persistent,
            session_expiry_secs: if self.persistent { EXPIRY_NEVER } else { 0 },
            keep_alive_secs: 60,
            receive_maximum: u16::MAX,
            maximum_packet_size: u32::MAX,
            will: None,
            identity: Identity::default(),
            origin: Origin::default(),
            acknowledged_at_once: false,
            authentication_data: None,
        };
        let conn =
            self.hold(|machine| machine.broker.handle_connect(connect, NOW, &mut machine.actions));
        let conn = conn.expect("there is room");
        self.visit(conn);
        self.visit_woken();
        conn
    }

    fn subscribe(&mut self, conn: ConnId, filters: &[String], qos: QoS) {
        let options = SubscriptionOptions { qos, ..SubscriptionOptions::default() };
        let filters =
            filters.iter().map(|text| Ok((Filter::parse(text, true).expect("valid"), options)));
        let filters = filters.collect();
        self.requests.push_back(Request::Subscribe { id: id(0), filters });
        self.visit(conn);
        self.visit_woken();
    }

    fn publish(&mut self, number: u32, topic: &str, qos: QoS, retain: bool) {
        let head = MessageHead { qos, retain, expires_at: None };
        let message = Message::new(head, topic, &[], &[b'x'; 64]);
        let id = (qos > QoS::AtMostOnce).then(|| id(number));
        self.requests.push_back(Request::Publish { id, dup: false, message });
    }

    /// What a connection does when it has something to bring or to fetch, until there is nothing left.
    /// The client answers what it gets in one burst, and so on.
    fn visit(&mut self, conn: ConnId) {
        loop {
            let more = self.visit_once(conn);
            self.commit();
            let answers = self.outgoing.drain(..).filter_map(|outgoing| answer(&outgoing));
            self.requests.extend(answers);
            if !more && self.requests.is_empty() {
                return;
            }
        }
    }

    fn visit_once(&mut self, conn: ConnId) -> bool {
        for turn in 1.. {
            let more = self.hold(|machine| {
                let before = machine.requests.len();
                let requests = &mut machine.requests;
                machine.broker.handle_requests(conn, requests, NOW, &mut machine.actions);
                let left = machine.requests.len();
                let is_last = left == 0 || left == before || turn == TURNS_PER_VISIT;
                is_last.then(|| {
                    let budget = Budget { messages: PULL_MESSAGES_MAX, bytes: PULL_BYTES_MAX };
                    machine.broker.poll_outgoing(conn, budget, NOW, &mut machine.outgoing)
                })
            });
            if let Some(more) = more {
                return more || !self.requests.is_empty();
            }
        }
        unreachable!("turns end")
    }

    /// The store has everything at once.
    fn commit(&mut self) {
        if let Some(batch) = self.broker.take_batch() {
            self.hold(|machine| machine.broker.handle_committed(batch.lsn, &mut machine.actions));
        }
    }

    /// From here on there is nothing that has not been before.
    fn begin_again(&mut self) {
        self.at_first = self.holds.len();
    }

    /// Whoever has something to send fetches it.
    fn visit_woken(&mut self) {
        while !self.actions.wake.is_empty() {
            for conn in std::mem::take(&mut self.actions.wake) {
                self.visit(conn);
            }
        }
    }
}

const NOW: Timestamp = Timestamp(1_000);

fn id(number: u32) -> InboundId {
    let number = u16::try_from(number + 1).expect("a packet id");
    InboundId(PacketId::new(number).expect("not 0"))
}

/// What a client says to a packet.
fn answer(outgoing: &Outgoing) -> Option<Request> {
    let reason = ReasonCode::Success;
    match outgoing {
        Outgoing::Publish(delivery) => {
            let id = delivery.id?;
            Some(match delivery.qos {
                QoS::ExactlyOnce => Request::PubRec { id, reason },
                _ => Request::PubAck { id, reason },
            })
        }
        Outgoing::PubRec { id, .. } => Some(Request::PubRel { id: *id }),
        Outgoing::PubRel { id, .. } => Some(Request::PubComp { id: *id }),
        _ => None,
    }
}

/// Bursts from 100 publishers to a subscriber each.
fn pairs(machine: &mut Machine, qos: QoS) {
    let publishers: Vec<ConnId> = (0..100)
        .map(|n| {
            let subscriber = machine.connect(&format!("subscriber {n}"));
            machine.subscribe(subscriber, &[format!("pair/{n}")], qos);
            machine.connect(&format!("publisher {n}"))
        })
        .collect();
    for round in 0..10 {
        if round == 1 {
            machine.begin_again();
        }
        for (publisher, n) in publishers.iter().zip(0..) {
            (0..BURST).for_each(|number| machine.publish(number, &format!("pair/{n}"), qos, false));
            machine.visit(*publisher);
            machine.visit_woken();
        }
    }
}

/// 100 publishers, then their one subscriber.
fn fan_in(machine: &mut Machine) {
    let subscriber = machine.connect("subscriber");
    machine.subscribe(subscriber, &["all/+".into()], QoS::AtMostOnce);
    let publishers: Vec<ConnId> =
        (0..100).map(|n| machine.connect(&format!("publisher {n}"))).collect();
    for round in 0..10 {
        if round == 1 {
            machine.begin_again();
        }
        for (publisher, n) in publishers.iter().zip(0..) {
            let topic = format!("all/{n}");
            (0..BURST).for_each(|number| machine.publish(number, &topic, QoS::AtMostOnce, false));
            machine.visit(*publisher);
        }
        machine.visit_woken();
    }
}

/// One publisher, 1,000 subscribers.
fn fan_out(machine: &mut Machine, qos: QoS) {
    for n in 0..1_000 {
        let subscriber = machine.connect(&format!("subscriber {n}"));
        machine.subscribe(subscriber, &["all".into()], qos);
    }
    let publisher = machine.connect("publisher");
    for round in 0..3 {
        if round == 1 {
            machine.begin_again();
        }
        (0..BURST).for_each(|number| machine.publish(number, "all", qos, false));
        machine.visit(publisher);
        machine.visit_woken();
    }
}

/// 500 subscribers with 40 filters each, 10,000 topics, each of them twice.
fn wildcard(machine: &mut Machine) {
    for n in 0..500_u32 {
        let taken = (0..40).map(|k| (n / 2 * 40 + k) % 1_000);
        let filters: Vec<String> = match n % 2 {
            0 => taken.map(|at| format!("{}/+/{}", at / 100, at % 100)).collect(),
            _ => taken.map(|at| format!("+/{}/{}", at / 100, at % 100)).collect(),
        };
        let subscriber = machine.connect(&format!("subscriber {n}"));
        machine.subscribe(subscriber, &filters, QoS::AtMostOnce);
    }
    let publisher = machine.connect("publisher");
    for burst in 0..2 * (10_000 / BURST) {
        if burst == 10_000 / BURST {
            machine.begin_again();
        }
        for number in 0..BURST {
            let at = (burst * BURST + number) * 7_919 % 10_000;
            let topic = format!("{}/{}/{}", at / 1_000, at / 100 % 10, at % 100);
            machine.publish(number, &topic, QoS::AtMostOnce, false);
        }
        machine.visit(publisher);
        machine.visit_woken();
    }
}

/// 10,000 retained messages, others in their place, then ten subscribers to all of them.
fn retained(machine: &mut Machine) {
    let publisher = machine.connect("publisher");
    for burst in 0..2 * (10_000 / BURST) {
        if burst == 10_000 / BURST {
            machine.begin_again();
        }
        for number in 0..BURST {
            let topic = format!("hall/{number}/{}", burst % (10_000 / BURST));
            machine.publish(number, &topic, QoS::AtLeastOnce, true);
        }
        machine.visit(publisher);
        machine.visit_woken();
    }
    for n in 0..10 {
        let subscriber = machine.connect(&format!("subscriber {n}"));
        machine.subscribe(subscriber, &["hall/#".into()], QoS::AtLeastOnce);
    }
}

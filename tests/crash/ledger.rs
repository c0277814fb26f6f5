use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::fmt::Display;
use std::fs::File;
use std::io::{BufWriter, Write};

use fulmar::types::QoS;

/// Everything that was said to the broker, everything that came back, and what is wrong with it.
///
/// The messages of a topic carry the numbers 1, 2, 3 and so on. All of a topic have one publisher and
/// one QoS, so to each receiver they must come in that order (`[MQTT-4.6.0-5]`, `[MQTT-4.6.0-6]`).
#[derive(Default)]
pub struct Ledger {
    topics: BTreeMap<String, Topic>,
    wills: BTreeMap<String, Armed>,
    receivers: BTreeMap<String, Receiver>,
    /// The retained messages that the latest new subscription was shown.
    shown: BTreeMap<String, u64>,
    events: VecDeque<String>,
    /// All of them.
    events_file: Option<BufWriter<File>>,
    pub cycle: u64,
    pub violations: BTreeMap<Violation, Vec<String>>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub enum Violation {
    /// Session Present is 0 after a CONNACK that came.
    SessionLost,
    MessageLost,
    MessageRepeated,
    WrongOrder,
    /// It had a SUBACK.
    SubscriptionLost,
    /// It had an UNSUBACK.
    SubscriptionBack,
    /// Older than the last one acknowledged, or none.
    RetainedLost,
    /// The client had its CONNACK and was lost.
    WillLost,
    /// More than once, or in spite of the client's return.
    WillWrong,
    /// A packet that cannot come.
    ProtocolBroken,
}

#[derive(Default)]
struct Topic {
    qos: QoS,
    sent: u64,
    accepted: u64,
}

/// Whether a will's CONNECT was acknowledged: if not, it may be published or not.
#[derive(Clone, Copy, PartialEq)]
enum Armed {
    Perhaps,
    Surely,
}

/// A client with a subscription to all messages and wills.
struct Receiver {
    qos: QoS,
    got: BTreeMap<String, Vec<u64>>,
}

const EVENTS_KEPT: usize = 120;

/// The topic of wills that are never to be published: their clients always come back in time.
pub const NEVER: &str = "w/never";

impl Ledger {
    /// With all events in `file`, too.
    pub fn new(file: File) -> Self {
        Self { events_file: Some(BufWriter::new(file)), ..Self::default() }
    }

    pub fn note(&mut self, event: impl Display) {
        if let Some(file) = &mut self.events_file {
            writeln!(file, "{:>3} {event}", self.cycle).expect("target/tmp can be written");
        }
        if self.events.len() == EVENTS_KEPT {
            self.events.pop_front();
        }
        self.events.push_back(format!("{:>3} {event}", self.cycle));
    }

    pub fn take_events(&mut self) -> Vec<String> {
        std::mem::take(&mut self.events).into()
    }

    pub fn violation(&mut self, violation: Violation, case: impl Display) {
        self.note(format_args!("{violation:?}: {case}"));
        let case = format!("cycle {}: {case}", self.cycle);
        self.violations.entry(violation).or_default().push(case);
    }

    /// The number of the next message of `topic`.
    pub fn next(&mut self, topic: &str, qos: QoS) -> u64 {
        let topic = self.topics.entry(topic.to_owned()).or_default();
        topic.qos = qos;
        topic.sent += 1;
        topic.sent
    }

    /// PUBACK or PUBREC came.
    pub fn accepted(&mut self, topic: &str, number: u64) {
        let topic = self.topics.get_mut(topic).expect("sent before");
        topic.accepted = topic.accepted.max(number);
    }

    pub fn will_sent(&mut self, topic: &str) {
        self.wills.insert(topic.to_owned(), Armed::Perhaps);
    }

    pub fn will_accepted(&mut self, topic: &str) {
        self.wills.insert(topic.to_owned(), Armed::Surely);
    }

    pub fn subscribed(&mut self, client: &str, qos: QoS) {
        self.receivers.insert(client.to_owned(), Receiver { qos, got: BTreeMap::new() });
    }

    pub fn delivered(&mut self, client: &str, topic: &str, number: u64) {
        if topic.starts_with("r/") {
            self.shown.insert(topic.to_owned(), number);
            return;
        }
        let receiver = self.receivers.get_mut(client).expect("subscribed");
        receiver.got.entry(topic.to_owned()).or_default().push(number);
    }

    /// Whether all that must come has come.
    pub fn is_complete(&self) -> bool {
        let sure = |armed: &Armed| *armed == Armed::Surely;
        self.receivers.values().all(|receiver| {
            let messages = self.messages().all(|(name, topic)| receiver.has_all(name, topic.sent));
            let mut wills = self.wills.iter().filter(|(_, armed)| sure(armed));
            messages && wills.all(|(name, _)| receiver.has_all(name, 1))
        })
    }

    /// Those that the receivers subscribe to.
    fn messages(&self) -> impl Iterator<Item = (&String, &Topic)> {
        self.topics.iter().filter(|(name, _)| name.starts_with("m/"))
    }

    /// A new subscription to all retained messages is about to be made.
    pub fn expect_retained(&mut self) {
        self.shown.clear();
    }

    /// What it was shown, against what was acknowledged.
    pub fn check_retained(&mut self) {
        let retained = self.topics.iter().filter(|(name, _)| name.starts_with("r/"));
        let wrong: Vec<String> = retained
            .filter_map(|(name, topic)| {
                let shown = self.shown.get(name).copied().unwrap_or(0);
                let right = (topic.accepted..=topic.sent).contains(&shown);
                let Topic { accepted, sent, .. } = topic;
                (!right).then(|| format!("{name} is {shown}, accepted {accepted}, sent {sent}"))
            })
            .collect();
        wrong.iter().for_each(|case| self.violation(Violation::RetainedLost, case));
    }

    pub fn has_all_retained(&self) -> bool {
        let retained = self.topics.iter().filter(|(name, _)| name.starts_with("r/"));
        retained
            .filter(|(_, topic)| topic.accepted > 0)
            .all(|(name, _)| self.shown.contains_key(name))
    }

    /// After everything was drained: what each receiver got, against all that was sent.
    pub fn check_deliveries(&mut self) {
        let mut found = Vec::new();
        for (client, receiver) in &self.receivers {
            for (name, topic) in self.messages() {
                let once = topic.qos.min(receiver.qos) == QoS::ExactlyOnce;
                let faults = faults(receiver.got(name), topic.sent, once);
                found.extend(
                    faults.map(|(fault, case)| (fault, format!("{client} {name}: {case}"))),
                );
            }
            for (name, armed) in &self.wills {
                let count = receiver.got(name).len();
                let surely = *armed == Armed::Surely;
                let once = receiver.qos == QoS::ExactlyOnce;
                let case = format!("{client} {name}: {count} times, CONNACK came: {surely}");
                if count == 0 && surely {
                    found.push((Violation::WillLost, case));
                } else if count > 1 && once {
                    found.push((Violation::WillWrong, case));
                }
            }
            if !receiver.got(NEVER).is_empty() {
                found.push((Violation::WillWrong, format!("{client} {NEVER}")));
            }
        }
        found.into_iter().for_each(|(violation, case)| self.violation(violation, case));
    }

    /// After a message was published to the `topic` of a subscription that was acknowledged, or whose
    /// end was.
    pub fn check_subscription(&mut self, client: &str, topic: &str, subscribed: bool) {
        let count = self.receivers[client].got(topic).len();
        let case = format!("{client} {topic}: {count} times");
        match (subscribed, count) {
            (true, 0) => self.violation(Violation::SubscriptionLost, case),
            (false, 1..) => self.violation(Violation::SubscriptionBack, case),
            _ => {}
        }
    }

    pub fn summary(&self) -> String {
        let sent: u64 = self.messages().map(|(_, topic)| topic.sent).sum();
        let of_receiver = |receiver: &Receiver| receiver.got.values().map(Vec::len).sum::<usize>();
        let got: usize = self.receivers.values().map(of_receiver).sum();
        format!("{sent} messages, {got} deliveries, {} wills", self.wills.len())
    }
}

impl Receiver {
    fn got(&self, topic: &str) -> &[u64] {
        self.got.get(topic).map_or(&[], Vec::as_slice)
    }

    fn has_all(&self, topic: &str, sent: u64) -> bool {
        // The last is not enough of a sign where something before it was lost; the count may be
        // where something came twice. Together they are, until the final check looks closer.
        let got = self.got(topic);
        got.len() as u64 >= sent && (sent == 0 || got.iter().rev().any(|number| *number == sent))
    }
}

/// What is wrong with `got`, of which `1..=sent` must have come, in order of first arrival.
fn faults(got: &[u64], sent: u64, once: bool) -> impl Iterator<Item = (Violation, String)> {
    let mut seen = BTreeSet::new();
    let (first, repeated): (Vec<u64>, Vec<u64>) =
        got.iter().partition(|number| seen.insert(**number));
    let lost: Vec<u64> = (1..=sent).filter(|number| !seen.contains(number)).collect();
    let late: Vec<_> = first.windows(2).filter(|pair| pair[0] > pair[1]).collect();
    let order = (!late.is_empty()).then(|| (Violation::WrongOrder, format!("{late:?}")));
    let loss = || (Violation::MessageLost, format!("{lost:?} of {sent}"));
    let lost = (!lost.is_empty()).then(loss);
    let twice = (once && !repeated.is_empty())
        .then(|| (Violation::MessageRepeated, format!("{repeated:?}")));
    [order, lost, twice].into_iter().flatten()
}

/// A payload that carries `number`. Most are short; some are longer than what the broker copies,
/// some longer than a piece of a record.
pub fn payload(number: u64) -> Vec<u8> {
    let padding = match number {
        _ if number % 89 == 7 => 70_000,
        _ if number % 13 == 5 => 3_000,
        _ => number as usize % 50,
    };
    let mut payload = format!("{number}:").into_bytes();
    payload.resize(payload.len() + padding, b'.');
    payload
}

/// The number in a payload, of which every byte is as it was sent.
pub fn number_in(bytes: &[u8]) -> Option<u64> {
    let end = bytes.iter().position(|&byte| byte == b':')?;
    let number = std::str::from_utf8(&bytes[..end]).ok()?.parse().ok()?;
    (payload(number) == bytes).then_some(number)
}

#[test]
fn repeats_losses_and_wrong_order_are_told_apart() {
    let found = |got: &[u64], once| {
        let faults = faults(got, 4, once);
        faults.map(|(violation, _)| violation).collect::<Vec<_>>()
    };

    assert_eq!(found(&[1, 2, 3, 4], true), []);
    assert_eq!(found(&[1, 2, 3], true), [Violation::MessageLost]);
    assert_eq!(found(&[1, 3, 2, 4], true), [Violation::WrongOrder]);
    assert_eq!(found(&[1, 2, 1, 2, 3, 4], true), [Violation::MessageRepeated]);
    assert_eq!(found(&[1, 2, 1, 2, 3, 4], false), [], "at least once");
    assert_eq!(found(&[2, 1, 3, 4], false), [Violation::WrongOrder]);
}

#[test]
fn a_will_that_comes_twice_or_in_spite_of_a_return_is_found() {
    let mut ledger = Ledger::default();
    ledger.subscribed("s", QoS::ExactlyOnce);
    ledger.will_sent("w/1");
    ledger.will_accepted("w/1");

    ledger.delivered("s", "w/1", 1);
    ledger.check_deliveries();
    assert!(ledger.violations.is_empty());

    ledger.delivered("s", "w/1", 1);
    ledger.delivered("s", NEVER, 1);
    ledger.check_deliveries();
    assert_eq!(ledger.violations[&Violation::WillWrong].len(), 2);
}

#[test]
fn a_subscription_that_is_gone_or_back_is_found() {
    let mut ledger = Ledger::default();
    ledger.subscribed("s", QoS::ExactlyOnce);
    ledger.delivered("s", "x/1", 1);

    ledger.check_subscription("s", "x/1", true);
    ledger.check_subscription("s", "x/2", false);
    assert!(ledger.violations.is_empty());

    ledger.check_subscription("s", "x/1", false);
    ledger.check_subscription("s", "x/2", true);
    let found: Vec<_> = ledger.violations.keys().collect();
    assert_eq!(found, [&Violation::SubscriptionLost, &Violation::SubscriptionBack]);
}

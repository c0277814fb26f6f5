mod order;
mod payload;
mod retained;
#[cfg(test)]
mod tests;

use std::collections::{BTreeMap, VecDeque};
use std::fmt::Display;
use std::fs::File;
use std::io::{BufWriter, Write};

use fulmar::types::QoS;

use order::faults;
pub use payload::{number_in, payload};

/// Everything that was said to the broker, everything that came back, and what is wrong with it.
///
/// The messages of a topic carry the numbers 1, 2, 3 and so on. All of a topic have one publisher and
/// one QoS, so to each receiver they must come in that order (`[MQTT-4.6.0-5]`, `[MQTT-4.6.0-6]`).
#[derive(Default)]
pub struct Ledger {
    topics: BTreeMap<String, Topic>,
    wills: BTreeMap<String, Will>,
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
    /// It is 1 after the session's time.
    SessionBack,
    MessageLost,
    MessageRepeated,
    WrongOrder,
    /// It had a SUBACK.
    SubscriptionLost,
    /// It had an UNSUBACK.
    SubscriptionBack,
    /// Older than the last one acknowledged, or none, or one where none is retained.
    RetainedWrong,
    /// The client had its CONNACK and was lost.
    WillLost,
    /// More than once, or in spite of the client's return.
    WillWrong,
    /// A packet that cannot come.
    ProtocolBroken,
}

#[derive(Default, Clone)]
struct Topic {
    qos: QoS,
    sent: u64,
    accepted: u64,
}

#[derive(Clone)]
struct Will {
    qos: QoS,
    retain: bool,
    /// Its CONNECT was acknowledged: if not, it may be published or not.
    sure: bool,
}

/// A client, or the members of a shared subscription, with a subscription to all messages.
#[derive(Clone)]
struct Receiver {
    qos: QoS,
    /// Also to all wills, and in order; the members of a group are not.
    alone: bool,
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

    /// As it is now, to go on elsewhere.
    pub fn copy(&self) -> Self {
        Self {
            topics: self.topics.clone(),
            wills: self.wills.clone(),
            receivers: self.receivers.clone(),
            shown: self.shown.clone(),
            events: self.events.clone(),
            events_file: None,
            cycle: self.cycle,
            violations: self.violations.clone(),
        }
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

    /// The last of them.
    pub fn events(&self) -> Vec<String> {
        self.events.iter().cloned().collect()
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

    pub fn will_sent(&mut self, topic: &str, qos: QoS, retain: bool) {
        self.wills.insert(topic.to_owned(), Will { qos, retain, sure: false });
    }

    pub fn will_accepted(&mut self, topic: &str) {
        self.wills.get_mut(topic).expect("sent before").sure = true;
    }

    /// This client subscribes to all messages and all wills.
    pub fn subscribed(&mut self, client: &str, qos: QoS) {
        self.receiver(client, qos, true);
    }

    /// The members of this group subscribe to all messages together.
    pub fn shared(&mut self, group: &str, qos: QoS) {
        self.receiver(group, qos, false);
    }

    fn receiver(&mut self, name: &str, qos: QoS, alone: bool) {
        self.receivers.insert(name.to_owned(), Receiver { qos, alone, got: BTreeMap::new() });
    }

    pub fn delivered(&mut self, account: &str, topic: &str, number: u64) {
        let receiver = self.receivers.get_mut(account).expect("subscribed");
        receiver.got.entry(topic.to_owned()).or_default().push(number);
    }

    /// Whether all that must come has come.
    pub fn is_complete(&self) -> bool {
        self.receivers.values().all(|receiver| {
            let mut messages = self.messages();
            let mut wills = self.wills.iter().filter(|(_, will)| receiver.alone && will.sure);
            messages.all(|(name, topic)| receiver.has_all(name, topic.sent))
                && wills.all(|(name, _)| receiver.has_all(name, 1))
        })
    }

    /// Those that the receivers subscribe to.
    fn messages(&self) -> impl Iterator<Item = (&String, &Topic)> {
        self.topics.iter().filter(|(name, _)| name.starts_with("m/"))
    }

    /// After everything was drained: what each receiver got, against all that was sent.
    pub fn check_deliveries(&mut self) {
        let mut found = Vec::new();
        for (client, receiver) in &self.receivers {
            for (name, topic) in self.messages() {
                let once = topic.qos.min(receiver.qos) == QoS::ExactlyOnce;
                let faults = faults(receiver.got(name), topic.sent, receiver.alone, once);
                found.extend(
                    faults.map(|(fault, case)| (fault, format!("{client} {name}: {case}"))),
                );
            }
            found.extend(self.will_faults(client, receiver));
        }
        found.into_iter().for_each(|(violation, case)| self.violation(violation, case));
    }

    fn will_faults(&self, client: &str, receiver: &Receiver) -> Vec<(Violation, String)> {
        let mut found = Vec::new();
        for (name, will) in self.wills.iter().filter(|_| receiver.alone) {
            let count = receiver.got(name).len();
            let once = will.qos.min(receiver.qos) == QoS::ExactlyOnce;
            let case = format!("{client} {name}: {count} times, CONNACK came: {}", will.sure);
            if count == 0 && will.sure {
                found.push((Violation::WillLost, case));
            } else if count > 1 && once {
                found.push((Violation::WillWrong, case));
            }
        }
        if !receiver.got(NEVER).is_empty() {
            found.push((Violation::WillWrong, format!("{client} {NEVER}")));
        }
        found
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

    /// Whether everybody has all messages that were acknowledged.
    pub fn has_all_accepted(&self) -> bool {
        let has_all = |receiver: &Receiver| {
            self.messages().all(|(name, topic)| receiver.has_all(name, topic.accepted))
        };
        self.receivers.values().all(has_all)
    }

    /// Deliveries to all receivers.
    pub fn received(&self) -> usize {
        let of_receiver = |receiver: &Receiver| receiver.got.values().map(Vec::len).sum::<usize>();
        self.receivers.values().map(of_receiver).sum()
    }

    /// Messages that the receivers are to get.
    pub fn sent(&self) -> u64 {
        self.messages().map(|(_, topic)| topic.sent).sum()
    }

    pub fn summary(&self) -> String {
        let (sent, got) = (self.sent(), self.received());
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

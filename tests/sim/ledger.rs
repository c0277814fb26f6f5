//! What is promised from end to end, held against what the applications at both ends saw.
//!
//! - QoS 0: a receiver sees a message at most once.
//! - QoS 1: a receiver sees no more copies without DUP than the publisher sent PUBLISH packets.
//! - QoS 2: a receiver sees it once at most, copies that a granted QoS of 1 repeats with DUP aside.
//! - Shared subscriptions: all members together see once at most what is delivered with QoS 2
//!   (`[MQTT-4.8.2-5]`); what goes out with QoS 1 may be handed on, and then comes again.
//! - Order: for one publisher, topic, published QoS and delivered QoS a receiver first sees the
//!   messages in the order they were first sent (`[MQTT-4.6.0-5]`). Not for shared subscriptions,
//!   and not for QoS 1 messages that the publisher sent again.
//! - At least once: see [`Ledger::owed`]. Of what was acknowledged to a hasty client a crash may take
//!   what was not durable; nothing else of the above is different for it.
//! - Only what was subscribed to arrives, never at a higher QoS than it was published with or ever
//!   subscribed to with (`[MQTT-3.8.4-8]`), never altered, never when its expiry interval is over.
//! - A copy with RETAIN set is the replay of a retained message and counts nowhere above, except
//!   for the watcher, which asks for RETAIN as published.

use std::collections::{BTreeMap, BTreeSet};

use fulmar::types::{Filter, QoS};

use crate::packets::Key;
use crate::plan::Habits;

/// The client on a perfect link that subscribes to everything before anything happens.
pub const WATCHER: usize = 0;

/// More than any PUBLISH of a run has in front of its padding, in bytes.
const HEAD: usize = 60;

#[derive(Default)]
pub struct Ledger {
    /// Moments of the run in the order of what happens: compared, never subtracted.
    pub clock: u64,
    pub messages: BTreeMap<Key, Sent>,
    readers: Vec<Reader>,
    /// QoS 2 messages that came by a shared subscription.
    shared: BTreeSet<Key>,
    /// What the topics retain, as the watcher saw it.
    pub retained: BTreeMap<String, Key>,
    /// Topics of which a crash has left open what they retain.
    unsure: BTreeSet<String>,
    /// When the server crashed last.
    crashed_at: u64,
    /// Accepted from hasty clients, and perhaps not durable.
    at_risk: BTreeSet<Key>,
    /// Those that a crash may have taken.
    taken: BTreeSet<Key>,
}

/// A message as its publisher sees it.
pub struct Sent {
    pub publisher: usize,
    pub topic: String,
    pub qos: QoS,
    pub retain: bool,
    pub expiry_secs: Option<u32>,
    pub padding: usize,
    /// Its payload is empty, whatever its padding: it clears the retained message of its topic.
    pub clears: bool,
    pub first_sent: u64,
    /// PUBLISH packets sent so far.
    pub sends: u64,
    /// PUBACK or PUBREC came, and was no refusal.
    pub accepted: bool,
}

/// What one client has subscribed to and seen.
#[derive(Default)]
struct Reader {
    /// The largest message owed to it, in bytes: what is larger may not fit its packets.
    takes: usize,
    /// Its own messages are acknowledged at once.
    hasty: bool,
    /// Of the session that the client believes in.
    subscriptions: BTreeMap<String, Subscription>,
    /// All filters it ever sent, each with the highest QoS it asked for.
    ever: BTreeMap<Filter, QoS>,
    seen: BTreeMap<Key, u64>,
    newest: BTreeMap<(usize, String, QoS, QoS), Key>,
    /// What came with RETAIN set, by topic.
    replayed: BTreeMap<String, Key>,
}

struct Subscription {
    filter: Filter,
    qos: QoS,
    /// When the last SUBSCRIBE for it was sent: SUBACK to an earlier one says nothing any more.
    asked_at: u64,
    /// Since when every matching message of QoS 1 and 2 is owed; `None` while that is not certain.
    certain_since: Option<u64>,
}

/// A PUBLISH as its receiver passes it on.
#[derive(Debug, Clone, Copy)]
pub struct Seen<'a> {
    pub key: Key,
    pub topic: &'a str,
    pub qos: QoS,
    pub dup: bool,
    pub retain: bool,
    pub payload_len: usize,
}

impl Ledger {
    /// For clients with these habits.
    pub fn new<'a>(habits: impl Iterator<Item = &'a Habits>) -> Self {
        let reader = |habits: &Habits| {
            let most = habits.maximum_packet_size.filter(|_| habits.protocol.is_v5());
            let bytes = most.map_or(usize::MAX, |bytes| bytes as usize);
            let takes = bytes.saturating_sub(HEAD);
            Reader { takes, hasty: habits.hasty, ..Reader::default() }
        };
        Self { readers: habits.map(reader).collect(), ..Self::default() }
    }

    /// A message that is about to be sent for the first time, or is a will in a CONNECT.
    pub fn announce(&mut self, key: Key, mut sent: Sent) {
        sent.first_sent = self.clock;
        self.messages.insert(key, sent);
    }

    pub fn sent(&mut self, key: Key) {
        if let Some(message) = self.messages.get_mut(&key) {
            message.sends += 1;
        }
    }

    pub fn accepted(&mut self, key: Key) {
        if let Some(message) = self.messages.get_mut(&key) {
            let hasty = self.readers[message.publisher].hasty;
            if hasty && !std::mem::replace(&mut message.accepted, true) {
                self.at_risk.insert(key);
            }
            message.accepted = true;
        }
    }

    /// No crash takes back anything that has happened.
    pub fn all_is_durable(&mut self) {
        self.at_risk.clear();
    }

    /// SUBSCRIBE is about to be sent. A subscription that is replaced stays in force without a
    /// gap, so what is owed on its account is owed on, unless its QoS comes or goes. Returns what
    /// [`Self::subscribed`] is to be told.
    pub fn subscribing(&mut self, client: usize, filter: &str, qos: QoS) -> u64 {
        self.clock += 1;
        let asked_at = self.clock;
        let reader = &mut self.readers[client];
        let parsed = Filter::parse(filter, true).expect("clients send valid filters");
        let highest = reader.ever.entry(parsed.clone()).or_insert(qos);
        *highest = qos.max(*highest);
        let fresh = Subscription { filter: parsed, qos, asked_at, certain_since: None };
        let subscription = reader.subscriptions.entry(filter.to_owned()).or_insert(fresh);
        if subscription.qos.min(qos) == QoS::AtMostOnce {
            subscription.certain_since = None;
        }
        (subscription.qos, subscription.asked_at) = (qos, asked_at);
        asked_at
    }

    /// SUBACK came and granted what was asked for.
    pub fn subscribed(&mut self, client: usize, filter: &str, asked_at: u64) {
        let now = self.clock;
        let subscription = self.readers[client].subscriptions.get_mut(filter);
        if let Some(subscription) = subscription.filter(|s| s.asked_at == asked_at) {
            subscription.certain_since.get_or_insert(now);
        }
    }

    /// UNSUBSCRIBE is about to be sent.
    pub fn unsubscribing(&mut self, client: usize, filter: &str) {
        self.readers[client].subscriptions.remove(filter);
    }

    /// The client has let go of its session, or was told that the server has.
    pub fn session_over(&mut self, client: usize) {
        self.readers[client].subscriptions.clear();
    }

    /// The application at `client` gets a message.
    pub fn seen(&mut self, client: usize, seen: Seen<'_>) {
        if client == WATCHER && seen.retain {
            self.retained.remove(seen.topic);
            if seen.key != Key::CLEARING {
                if self.messages.get(&seen.key).is_some_and(|m| m.first_sent > self.crashed_at) {
                    self.unsure.remove(seen.topic);
                }
                self.retained.insert(seen.topic.to_owned(), seen.key);
            }
        }
        let most = self.readers[client].most(seen.topic);
        assert!(most >= Some(seen.qos), "subscribed to with {most:?}: {seen:?}");
        if seen.key == Key::CLEARING {
            return;
        }
        self.check_unaltered(seen);
        if seen.retain {
            self.readers[client].replayed.insert(seen.topic.to_owned(), seen.key);
        }
        if !seen.retain || client == WATCHER {
            if !self.readers[client].seen.contains_key(&seen.key) {
                self.check_order(client, seen);
            }
            self.check_count(client, seen);
        }
    }

    fn check_unaltered(&self, seen: Seen<'_>) {
        let sent = self.messages.get(&seen.key).expect("somebody sent it");
        assert_eq!(seen.topic, sent.topic, "under another topic: {seen:?}");
        assert!(seen.qos <= sent.qos, "above its QoS: {seen:?}");
        let len = seen.key.payload(sent.padding).len();
        assert_eq!(seen.payload_len, len, "another payload: {seen:?}");
        assert!(sent.retain || !seen.retain, "never to be retained: {seen:?}");
    }

    fn check_count(&mut self, client: usize, seen: Seen<'_>) {
        let sent = &self.messages[&seen.key];
        let copies = self.readers[client].seen.entry(seen.key).or_insert(0);
        if is_shared(seen.topic) && client != WATCHER {
            let again = seen.qos == QoS::ExactlyOnce && !self.shared.insert(seen.key);
            return assert!(!again, "two members got it: {seen:?}");
        }
        if seen.qos == QoS::AtLeastOnce && seen.dup {
            return;
        }
        *copies += 1;
        let most = if sent.qos == QoS::AtLeastOnce { sent.sends } else { 1 };
        assert!(*copies <= most, "copy {copies}, at most {most} may come: {seen:?}");
    }

    fn check_order(&mut self, client: usize, seen: Seen<'_>) {
        let sent = &self.messages[&seen.key];
        if is_shared(seen.topic) && client != WATCHER {
            return;
        }
        // What was sent twice may have been routed twice, and a subscription made in between.
        // One of QoS 2 may have been refused the first time, for want of room to retain it.
        let refusable = sent.qos == QoS::AtLeastOnce || sent.retain;
        let routed_once = !refusable || sent.sends == 1;
        let stream = (sent.publisher, sent.topic.clone(), sent.qos, seen.qos);
        let newest = self.readers[client].newest.entry(stream).or_insert(seen.key);
        assert!(!routed_once || *newest <= seen.key, "after {newest:?}: {seen:?}");
        *newest = (*newest).max(seen.key);
    }

    /// Whether `client` must have seen the message by the time that everything has drained: its
    /// publisher was told that it is accepted, and the client's subscription was in force, with a
    /// QoS above 0, from before the first PUBLISH to the end, in one session.
    pub fn owed(&self, key: Key, client: usize) -> bool {
        let sent = &self.messages[&key];
        let in_force = |subscription: &Subscription| {
            subscription.qos > QoS::AtMostOnce
                && subscription.filter.matches(&sent.topic)
                && subscription.certain_since.is_some_and(|since| since < sent.first_sent)
        };
        let reader = &self.readers[client];
        let lasts = sent.expiry_secs.is_none() && !sent.clears;
        let fits = sent.padding <= reader.takes;
        let kept = sent.accepted && !self.taken.contains(&key);
        kept && lasts && fits && reader.subscriptions.values().any(in_force)
    }

    /// When everything has drained: nothing owed is missing.
    pub fn check_owed(&self) {
        for (&key, sent) in self.messages.iter().filter(|(_, sent)| sent.qos > QoS::AtMostOnce) {
            let owed = |client: &usize| self.owed(key, *client);
            let got = |client: &usize| self.readers[*client].seen.contains_key(&key);
            let all = 0..self.readers.len();
            if !is_shared(&sent.topic) {
                let missing: Vec<usize> = all.filter(|c| owed(c) && !got(c)).collect();
                assert!(missing.is_empty(), "{key:?} to {} lost for {missing:?}", sent.topic);
                continue;
            }
            assert!(!owed(&WATCHER) || got(&WATCHER), "{key:?} to {} lost", sent.topic);
            let members: Vec<usize> = all
                .filter(|&c| c != WATCHER && self.readers[c].most(&sent.topic).is_some())
                .collect();
            let lasting = !members.is_empty() && members.iter().all(owed);
            assert!(!lasting || members.iter().any(got), "{key:?} lost for its group {members:?}");
        }
    }

    /// Whether retained messages may ever have been replayed to `client`.
    pub fn had_replays(&self, client: usize) -> bool {
        self.readers[client].ever.keys().any(|filter| filter.as_str() == "r/#")
    }

    /// A client without a past: nothing has been replayed to it.
    pub fn forget_replays(&mut self, client: usize) {
        self.readers[client].replayed.clear();
    }

    /// When the watcher has seen all: what a new subscriber to `r/#` got is the last write to each
    /// topic (`[MQTT-3.3.1-5]` to `[MQTT-3.3.1-9]`).
    pub fn check_retained(&self, fresh: usize) {
        let sure = |(topic, _): &(&String, &Key)| !self.unsure.contains(*topic);
        let replayed: Vec<_> = self.readers[fresh].replayed.iter().filter(sure).collect();
        let written: Vec<_> = self.retained.iter().filter(sure).collect();
        assert_eq!(replayed, written, "retained, and the last writes");
    }

    /// The server dies: the watcher misses messages of QoS 0 while it is away, and if the crash is
    /// not `lossless` it may have seen others that are retained no more.
    pub fn crashed(&mut self, lossless: bool) {
        self.clock += 1;
        self.crashed_at = self.clock;
        let at_risk = std::mem::take(&mut self.at_risk);
        if !lossless {
            self.taken.extend(at_risk);
        }
        let retained = self.messages.values().filter(|sent| sent.retain);
        let unsure = retained.filter(|sent| !lossless || sent.qos == QoS::AtMostOnce);
        self.unsure.extend(unsure.map(|sent| sent.topic.clone()));
    }

    /// Whether the watcher saw a message.
    pub fn watched(&self, key: Key) -> bool {
        self.readers[WATCHER].seen.contains_key(&key)
    }
}

impl Reader {
    /// The highest QoS that it ever asked for messages to `topic` with.
    fn most(&self, topic: &str) -> Option<QoS> {
        self.ever.iter().filter(|(filter, _)| filter.matches(topic)).map(|(_, qos)| *qos).max()
    }
}

impl Sent {
    pub fn new(publisher: usize, topic: String, qos: QoS) -> Self {
        Self {
            publisher,
            topic,
            qos,
            retain: false,
            expiry_secs: None,
            padding: 0,
            clears: false,
            first_sent: 0,
            sends: 0,
            accepted: false,
        }
    }
}

/// Topics that clients, the watcher apart, subscribe to in the one group only.
pub fn is_shared(topic: &str) -> bool {
    topic.starts_with("s/")
}

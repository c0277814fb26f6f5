//! Changes as a broker makes them, by chance: only what is there is settled, released or ended.

use std::collections::{BTreeMap, BTreeSet};

use super::*;

/// What the changes so far have left, as far as the next ones depend on it.
#[derive(Default)]
pub struct Scenario {
    sessions: BTreeMap<u64, Client>,
    next_session: u64,
}

#[derive(Default)]
struct Client {
    next_number: u64,
    unfinished: BTreeSet<u64>,
    inbound: BTreeSet<u16>,
    sent: u64,
}

const SESSIONS_MAX: usize = 4;
const IDS: u16 = 3;
const RESERVED: u64 = 5;

impl Scenario {
    /// The batches that these draws come to: each pair says what happens and to whom.
    pub fn batches(draws: &[Vec<(u8, u8)>]) -> Vec<Batch> {
        let mut scenario = Self::default();
        let batch = |(index, draws): (usize, &Vec<(u8, u8)>)| {
            let changes = draws.iter().flat_map(|(what, whom)| scenario.change(*what, *whom));
            Batch { lsn: Lsn(index as u64 + 1), changes: changes.collect() }
        };
        draws.iter().enumerate().map(batch).collect()
    }

    /// The state after each of the batches, before all of them first.
    pub fn images(batches: &[Batch]) -> Vec<Image> {
        let mut images = vec![Image::default()];
        for batch in batches {
            let mut image = images[images.len() - 1].clone();
            batch.changes.iter().cloned().for_each(|change| image.apply(change));
            images.push(image);
        }
        images
    }

    fn change(&mut self, what: u8, whom: u8) -> Vec<Change> {
        if self.sessions.is_empty()
            || (what.is_multiple_of(16) && self.sessions.len() < SESSIONS_MAX)
        {
            self.next_session += 1;
            self.sessions.insert(self.next_session, Client::default());
            return vec![opened(self.next_session)];
        }
        let session =
            *self.sessions.keys().nth(usize::from(whom) % self.sessions.len()).expect("one");
        let topic = format!("t/{}", whom % 3);
        match what % 16 {
            0 => self.resume(session),
            1 => {
                self.sessions.remove(&session);
                vec![ended(session)]
            }
            2 => self.detach(session, u64::from(whom)),
            3 => vec![subscribed(session, &topic)],
            4 => vec![unsubscribed(session, &topic)],
            5 => vec![retained(&topic, &[whom])],
            6 => vec![cleared(&topic)],
            7 => vec![armed(session)],
            8 => vec![disarmed(session)],
            9 => self.exchange(session, u16::from(whom) % IDS + 1),
            10 => self.publish(&message(&topic, &[whom; 100])),
            11..=13 => self.queue(session, &message(&topic, &[whom])),
            14 => self.finish(session, whom, pubrec),
            _ => self.finish(session, whom, settled),
        }
    }

    fn client(&mut self, session: u64) -> &mut Client {
        self.sessions.get_mut(&session).expect("it is there")
    }

    /// Some numbers are reserved, of which the end of the connection gives back what is left.
    fn resume(&mut self, session: u64) -> Vec<Change> {
        let client = self.client(session);
        let before = client.next_number + RESERVED;
        vec![resumed(session), Change::Sent { session: SessionNumber(session), before }]
    }

    fn detach(&mut self, session: u64, at: u64) -> Vec<Change> {
        let client = self.client(session);
        client.sent = client.next_number;
        let sent = Change::Sent { session: SessionNumber(session), before: client.sent };
        vec![detached(session, at), sent]
    }

    fn exchange(&mut self, session: u64, id: u16) -> Vec<Change> {
        let inbound = &mut self.client(session).inbound;
        match inbound.remove(&id) {
            true => vec![released(session, id)],
            false => {
                inbound.insert(id);
                vec![taken(session, id)]
            }
        }
    }

    /// To everyone.
    fn publish(&mut self, message: &Message) -> Vec<Change> {
        let sessions: Vec<u64> = self.sessions.keys().copied().collect();
        sessions.into_iter().flat_map(|session| self.queue(session, message)).collect()
    }

    fn queue(&mut self, session: u64, message: &Message) -> Vec<Change> {
        let client = self.client(session);
        let number = client.next_number;
        client.next_number += 1;
        client.unfinished.insert(number);
        vec![queued(session, number, message)]
    }

    fn finish(&mut self, session: u64, which: u8, how: fn(u64, u64) -> Change) -> Vec<Change> {
        let unfinished = &mut self.client(session).unfinished;
        let Some(number) = unfinished.iter().copied().nth(usize::from(which) % 4) else {
            return Vec::new();
        };
        let change = how(session, number);
        if matches!(change, Change::Settled { .. }) {
            unfinished.remove(&number);
        }
        vec![change]
    }
}

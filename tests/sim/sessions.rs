//! What is promised of sessions and wills, decided where CONNECT, DISCONNECT and the end of a link
//! reach the server.
//!
//! - Session Present is 1 exactly if the client asked for no clean start and its last session has
//!   not ended: by a clean start, by the end of its connection where the expiry interval is 0, or
//!   that interval after the end of the connection (`[MQTT-3.1.2-4]`, `[MQTT-3.1.2-5]`,
//!   `[MQTT-3.1.2-6]` of 3.1.1, `[MQTT-3.1.2-23]`).
//! - A will is published once if its connection ends without DISCONNECT or with reason 0x04: when
//!   its delay is over or the session ends, whichever is first, and not earlier
//!   (`[MQTT-3.1.2-8]`, `[MQTT-3.1.3-9]`); never if the client comes back to the session before
//!   that, nor after any other DISCONNECT (`[MQTT-3.1.2-10]`).
//! - The server ends no connection but for a takeover, a DISCONNECT, or silence of one and a half
//!   times the keep alive (`[MQTT-3.1.2-22]`).
//!
//! - A crash ends every connection, and changes nothing else that a client has been told of: a
//!   session that CONNACK spoke of is there, with its will. Where it takes back what nobody was told
//!   of, both outcomes are right: if that is the end of a connection, the delay of its will begins
//!   with the crash, and the client may be back before it is over. A will of QoS 0, or of a session
//!   that ends with its connection, may go down with the server.
//!
//! At the very moment of an expiry both outcomes are right.

use std::collections::BTreeMap;

use fulmar::codec::{ConnAck, Connect};
use fulmar::request::EXPIRY_NEVER;
use fulmar::types::{QoS, Timestamp};

use crate::common::LinkId;
use crate::packets::Key;

pub struct Sessions {
    clients: Vec<Session>,
    wills: BTreeMap<Key, Fate>,
    /// Those that a crash cannot take away before they are published: whose, and their delay.
    durable_wills: BTreeMap<Key, (usize, u32)>,
    cut_by_us: Option<LinkId>,
}

#[derive(Default)]
struct Session {
    /// The connection that the server takes for the client's.
    connection: Option<Connection>,
    /// When what the last connection left behind ends; `None` if nothing is left.
    ends_at: Option<Timestamp>,
    /// The will of the last connection while it waits for its delay.
    delayed: Option<(Key, Timestamp)>,
    /// Wills that were due before a crash, and whose delay may begin anew with it.
    delayed_again: Vec<(Key, Timestamp)>,
    /// Whether the server read the last DISCONNECT cannot be known, and so when the session ends.
    doubtful: bool,
    /// CONNACK has spoken of it.
    told: bool,
    /// It never ends by itself, whichever of its connections was the last that is durable.
    lasting: bool,
}

struct Connection {
    link: LinkId,
    expiry_secs: u32,
    keep_alive_secs: u16,
    last_heard: Timestamp,
    will: Option<ArmedWill>,
    goodbye: Option<Goodbye>,
    answered: bool,
    session_present: Expected,
}

#[derive(Clone, Copy)]
struct ArmedWill {
    key: Key,
    delay_secs: u32,
    qos: QoS,
}

/// What a DISCONNECT says.
#[derive(Debug, Clone, Copy)]
pub struct Goodbye {
    pub will: bool,
    pub expiry_secs: Option<u32>,
}

#[derive(Debug, Clone, Copy, PartialEq)]
enum Expected {
    Present,
    Absent,
    Either,
}

/// What becomes of a will.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Fate {
    /// Its connection lives.
    Armed,
    /// To be published at this moment.
    Due(Timestamp),
    Never,
    /// Either is right.
    Either,
}

impl Sessions {
    pub fn new(clients: usize) -> Self {
        let clients = (0..clients).map(|_| Session::default()).collect();
        let (wills, durable_wills) = (BTreeMap::new(), BTreeMap::new());
        Self { clients, wills, durable_wills, cut_by_us: None }
    }

    /// A CONNECT reaches the server, which decides about it at once.
    pub fn connecting(
        &mut self,
        client: usize,
        link: LinkId,
        connect: &Connect<'_>,
        now: Timestamp,
    ) {
        let clean = connect.clean_start;
        let will = connect.will.as_ref().map(|will| ArmedWill {
            key: Key::of(will.payload),
            delay_secs: will.delay_secs.unwrap_or(0),
            qos: will.qos,
        });
        self.take_over(client, clean, now);
        let session = &mut self.clients[client];
        let expected = session.expected(clean, now);
        if let Some((key, due)) = session.delayed.take() {
            let fate = match expected {
                Expected::Absent => Fate::Due(due.min(now)),
                _ if now < due => Fate::Never,
                _ => Fate::Due(due),
            };
            // A crash may have taken it away when it was due.
            let lost = self.wills.get(&key) == Some(&Fate::Either);
            let unsure = lost || now == due || session.doubtful;
            self.wills.insert(key, if unsure { Fate::Either } else { fate });
        }
        for (key, _) in session.delayed_again.drain(..).filter(|(_, until)| now <= *until) {
            self.wills.insert(key, Fate::Either);
        }
        let expiry_secs = requested_expiry(connect);
        let goes_on = expected == Expected::Present;
        session.told &= goes_on;
        session.lasting = (session.lasting || !goes_on) && expiry_secs == EXPIRY_NEVER;
        session.doubtful = false;
        session.ends_at = None;
        session.connection = Some(Connection {
            link,
            expiry_secs,
            keep_alive_secs: connect.keep_alive_secs,
            last_heard: now,
            will,
            goodbye: None,
            answered: false,
            session_present: expected,
        });
        self.wills.extend(will.map(|will| (will.key, Fate::Armed)));
    }

    /// Another connection of the client is open: it ends here, in favour of the new one.
    fn take_over(&mut self, client: usize, clean: bool, now: Timestamp) {
        let session = &mut self.clients[client];
        let Some(old) = session.connection.take() else { return };
        let expiry = old.final_expiry();
        session.ends_at = Some(if expiry == 0 { Timestamp(0) } else { Timestamp::NEVER });
        session.doubtful |= old.changes_expiry();
        let Some(ArmedWill { key, delay_secs, .. }) = old.will else { return };
        let at_once = clean || delay_secs == 0 || expiry == 0;
        let fate = match old.goodbye {
            Some(_) => Fate::Either,
            None if at_once => Fate::Due(now),
            None => Fate::Never,
        };
        self.wills.insert(key, fate);
    }

    /// CONNACK: what the client is `told` of its session must be what was decided. Returns whether
    /// the session goes on, if that can be known.
    pub fn connected(
        &mut self,
        client: usize,
        link: LinkId,
        connack: &ConnAck<'_>,
        told: Option<bool>,
    ) -> Option<bool> {
        let connection = self.clients[client].connection.as_mut().filter(|c| c.link == link);
        let Some(connection) = connection else { return told.or(Some(true)) };
        let present = match connection.session_present {
            Expected::Either => told,
            expected => Some(expected == Expected::Present),
        };
        assert!(told.is_none() || told == present, "client {client} was told {told:?}");
        connection.expiry_secs = connack.session_expiry_secs.unwrap_or(connection.expiry_secs);
        connection.keep_alive_secs =
            connack.server_keep_alive_secs.unwrap_or(connection.keep_alive_secs);
        connection.answered = true;
        let will = connection.will.filter(|will| will.qos > QoS::AtMostOnce);
        let outlives = connection.expiry_secs > 0;
        let durable = will.filter(|_| outlives).map(|will| (will.key, (client, will.delay_secs)));
        self.durable_wills.extend(durable);
        let lasting = connection.expiry_secs == EXPIRY_NEVER;
        let session = &mut self.clients[client];
        (session.told, session.lasting) = (true, lasting);
        present
    }

    pub fn sign_of_life(&mut self, link: LinkId, now: Timestamp) {
        for session in &mut self.clients {
            if let Some(connection) = session.connection.as_mut().filter(|c| c.link == link) {
                connection.last_heard = now;
            }
        }
    }

    /// DISCONNECT reaches the server.
    pub fn goodbye(&mut self, client: usize, link: LinkId, goodbye: Goodbye) {
        let session = &mut self.clients[client];
        if let Some(connection) = session.connection.as_mut().filter(|c| c.link == link) {
            connection.goodbye = Some(goodbye);
            session.lasting &= goodbye.expiry_secs.is_none_or(|secs| secs == EXPIRY_NEVER);
        }
    }

    /// The run is about to cut this link: that it ends needs no other explanation.
    pub fn cutting(&mut self, link: LinkId) {
        self.cut_by_us = Some(link);
    }

    /// The server knows that the link is over.
    pub fn ended(&mut self, client: usize, link: LinkId, now: Timestamp, all_read: bool) {
        let session = &mut self.clients[client];
        let Some(connection) = session.connection.take_if(|c| c.link == link) else { return };
        if self.cut_by_us.take() != Some(link) && connection.goodbye.is_none() {
            let silence = now.since(connection.last_heard).as_millis() as u64;
            let allowed = u64::from(connection.keep_alive_secs) * 1_500;
            assert!(allowed > 0 && silence >= allowed, "client {client} was cut off without cause");
        }
        session.lose(&connection, now, all_read, &mut self.wills);
    }

    /// The server dies and comes back at once. `lossless`: everything that it had decided survives.
    pub fn crashed(&mut self, now: Timestamp, lossless: bool) {
        for (key, fate) in self.wills.iter_mut().filter(|(_, fate)| **fate != Fate::Armed) {
            let durable = self.durable_wills.contains_key(key);
            let published = matches!(fate, Fate::Due(at) if *at <= now);
            let certain = if published { durable } else { lossless };
            if !certain {
                *fate = Fate::Either;
            } else if let Some((client, delay_secs)) =
                self.durable_wills.get(key).filter(|_| !lossless)
            {
                // The end of its connection may be lost, and so be at this moment.
                let again = now.plus_secs(u64::from(*delay_secs));
                self.clients[*client].delayed_again.push((*key, again));
            }
        }
        for session in &mut self.clients {
            session.crash(now, lossless, &mut self.wills, &self.durable_wills);
        }
    }

    /// The watcher sees a message: if it is a will, its time must have come.
    pub fn watched(&self, key: Key, now: Timestamp) {
        match self.wills.get(&key) {
            Some(Fate::Armed) => panic!("the will {key:?} of a living connection"),
            Some(Fate::Never) => panic!("the will {key:?}, which was deleted"),
            Some(Fate::Due(at)) => assert!(*at <= now, "the will {key:?} before {at:?}"),
            Some(Fate::Either) | None => {}
        }
    }

    /// When everything has drained: each will that is due has come.
    pub fn check_wills(&self, now: Timestamp, watched: impl Fn(Key) -> bool) {
        for (&key, &fate) in &self.wills {
            let due = matches!(fate, Fate::Due(at) if at <= now);
            assert!(!due || watched(key), "the will {key:?} never came: {fate:?}");
        }
    }
}

impl Session {
    /// The connection is over: what it leaves behind, and when its will is due.
    fn lose(
        &mut self,
        connection: &Connection,
        now: Timestamp,
        all_read: bool,
        wills: &mut BTreeMap<Key, Fate>,
    ) {
        self.doubtful = connection.changes_expiry() && !all_read;
        let expiry = connection.final_expiry();
        self.ends_at = match expiry {
            0 => None,
            EXPIRY_NEVER => Some(Timestamp::NEVER),
            secs => Some(now.plus_secs(u64::from(secs))),
        };
        let Some(ArmedWill { key, delay_secs, .. }) = connection.will else { return };
        let due = now.plus_secs(u64::from(delay_secs.min(expiry)));
        let fate = match connection.goodbye {
            Some(_) if !all_read => Fate::Either,
            Some(goodbye) if !goodbye.will => Fate::Never,
            _ => Fate::Due(due),
        };
        wills.insert(key, fate);
        if matches!(fate, Fate::Due(_)) && due > now {
            self.delayed = Some((key, due));
        }
    }

    fn crash(
        &mut self,
        now: Timestamp,
        lossless: bool,
        wills: &mut BTreeMap<Key, Fate>,
        durable_wills: &BTreeMap<Key, (usize, u32)>,
    ) {
        let stays = self.told && self.lasting;
        let Some(connection) = self.connection.take() else {
            if !lossless {
                self.doubtful |= !stays;
                wills.extend(self.delayed.take().map(|(key, _)| (key, Fate::Either)));
            }
            return;
        };
        let is_known = lossless || (self.told && connection.answered);
        let certain = is_known && connection.goodbye.is_none();
        if certain {
            self.lose(&connection, now, true, wills);
        } else {
            self.doubtful = !stays;
            self.ends_at = Some(Timestamp::NEVER);
        }
        let open =
            connection.will.filter(|will| !certain || !durable_wills.contains_key(&will.key));
        if let Some(ArmedWill { key, .. }) = open {
            self.delayed = None;
            wills.insert(key, Fate::Either);
        }
    }

    fn expected(&self, clean: bool, now: Timestamp) -> Expected {
        match self.ends_at {
            _ if clean => Expected::Absent,
            _ if self.doubtful => Expected::Either,
            Some(at) if at == now => Expected::Either,
            Some(at) if now < at => Expected::Present,
            _ => Expected::Absent,
        }
    }
}

impl Connection {
    fn changes_expiry(&self) -> bool {
        self.goodbye.is_some_and(|goodbye| goodbye.expiry_secs.is_some())
    }

    /// The expiry interval that counts from the end of the connection.
    fn final_expiry(&self) -> u32 {
        self.goodbye.and_then(|goodbye| goodbye.expiry_secs).unwrap_or(self.expiry_secs)
    }
}

fn requested_expiry(connect: &Connect<'_>) -> u32 {
    match connect.session_expiry_secs {
        Some(secs) if connect.protocol.is_v5() => secs,
        None if !connect.protocol.is_v5() && !connect.clean_start => EXPIRY_NEVER,
        _ => 0,
    }
}

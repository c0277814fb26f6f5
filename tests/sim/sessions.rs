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
//! At the very moment of an expiry both outcomes are right.

use std::collections::BTreeMap;

use fulmar::codec::{ConnAck, Connect};
use fulmar::request::EXPIRY_NEVER;
use fulmar::types::Timestamp;

use crate::common::LinkId;
use crate::packets::Key;

pub struct Sessions {
    clients: Vec<Session>,
    wills: BTreeMap<Key, Fate>,
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
    /// Whether the server read the last DISCONNECT cannot be known, and so when the session ends.
    doubtful: bool,
}

struct Connection {
    link: LinkId,
    expiry_secs: u32,
    keep_alive_secs: u16,
    last_heard: Timestamp,
    will: Option<(Key, u32)>,
    goodbye: Option<Goodbye>,
    session_present: Expected,
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
        Self { clients, wills: BTreeMap::new(), cut_by_us: None }
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
        let will =
            connect.will.as_ref().map(|will| (Key::of(will.payload), will.delay_secs.unwrap_or(0)));
        self.take_over(client, clean, now);
        let session = &mut self.clients[client];
        let expected = session.expected(clean, now);
        if let Some((key, due)) = session.delayed.take() {
            let fate = match expected {
                Expected::Absent => Fate::Due(due.min(now)),
                _ if now < due => Fate::Never,
                _ => Fate::Due(due),
            };
            self.wills
                .insert(key, if now == due || session.doubtful { Fate::Either } else { fate });
        }
        session.doubtful = false;
        session.ends_at = None;
        session.connection = Some(Connection {
            link,
            expiry_secs: requested_expiry(connect),
            keep_alive_secs: connect.keep_alive_secs,
            last_heard: now,
            will,
            goodbye: None,
            session_present: expected,
        });
        self.wills.extend(will.map(|(key, _)| (key, Fate::Armed)));
    }

    /// Another connection of the client is open: it ends here, in favour of the new one.
    fn take_over(&mut self, client: usize, clean: bool, now: Timestamp) {
        let session = &mut self.clients[client];
        let Some(old) = session.connection.take() else { return };
        let expiry = old.final_expiry();
        session.ends_at = Some(if expiry == 0 { Timestamp(0) } else { Timestamp::NEVER });
        session.doubtful |= old.changes_expiry();
        let Some((key, delay)) = old.will else { return };
        let at_once = clean || delay == 0 || expiry == 0;
        let fate = match old.goodbye {
            Some(_) => Fate::Either,
            None if at_once => Fate::Due(now),
            None => Fate::Never,
        };
        self.wills.insert(key, fate);
    }

    /// CONNACK: what the client is `told` of its session must be what was decided. Returns whether
    /// the session goes on.
    pub fn connected(
        &mut self,
        client: usize,
        link: LinkId,
        connack: &ConnAck<'_>,
        told: Option<bool>,
    ) -> bool {
        let connection = self.clients[client].connection.as_mut().filter(|c| c.link == link);
        let Some(connection) = connection else { return told.unwrap_or(true) };
        let present = told.unwrap_or(connection.session_present != Expected::Absent);
        match connection.session_present {
            Expected::Present => assert!(present, "client {client} lost its session"),
            Expected::Absent => assert!(!present, "client {client} found a session"),
            Expected::Either => {}
        }
        connection.expiry_secs = connack.session_expiry_secs.unwrap_or(connection.expiry_secs);
        connection.keep_alive_secs =
            connack.server_keep_alive_secs.unwrap_or(connection.keep_alive_secs);
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
        if let Some(connection) =
            self.clients[client].connection.as_mut().filter(|c| c.link == link)
        {
            connection.goodbye = Some(goodbye);
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
        session.doubtful = connection.changes_expiry() && !all_read;
        let expiry = connection.final_expiry();
        session.ends_at = match expiry {
            0 => None,
            EXPIRY_NEVER => Some(Timestamp::NEVER),
            secs => Some(now.plus_secs(u64::from(secs))),
        };
        let Some((key, delay)) = connection.will else { return };
        let due = now.plus_secs(u64::from(delay.min(expiry)));
        let fate = match connection.goodbye {
            Some(_) if !all_read => Fate::Either,
            Some(goodbye) if !goodbye.will => Fate::Never,
            _ => Fate::Due(due),
        };
        self.wills.insert(key, fate);
        if matches!(fate, Fate::Due(_)) && due > now {
            session.delayed = Some((key, due));
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
    pub fn check_wills(&self, now: Timestamp, watched: impl Fn(Key) -> u64) {
        for (&key, &fate) in &self.wills {
            let due = matches!(fate, Fate::Due(at) if at <= now);
            assert!(!due || watched(key) > 0, "the will {key:?} never came: {fate:?}");
        }
    }
}

impl Session {
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

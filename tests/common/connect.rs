use std::borrow::Cow;

use fulmar::codec::{ConnAck, Connect, LastWill, Packet};
use fulmar::types::{Protocol, QoS, ReasonCode};

use super::client::{Client, kept, kept_str};

/// A CONNECT being put together. Clean start, no keep alive, no will, unless told otherwise.
pub struct Connecting {
    client: Client,
    packet: Connect<'static>,
}

impl Connecting {
    pub(super) fn new(client: Client, protocol: Protocol, id: &str) -> Self {
        let packet = Connect::new(protocol, kept_str(id));
        Self { client, packet }
    }

    /// Clean Start (5.0), Clean Session (3.1.1).
    pub fn clean(self, clean: bool) -> Self {
        self.with(|packet| packet.clean_start = clean)
    }

    /// Session expiry interval in seconds.
    pub fn expiry(self, secs: u32) -> Self {
        self.with(|packet| packet.session_expiry_secs = Some(secs))
    }

    /// A session that outlives every connection, in the words of either version.
    pub fn persistent(self) -> Self {
        let expiry = self.packet.protocol.is_v5().then_some(u32::MAX);
        self.clean(false).with(|packet| packet.session_expiry_secs = expiry)
    }

    /// In seconds.
    pub fn keep_alive(self, secs: u16) -> Self {
        self.with(|packet| packet.keep_alive_secs = secs)
    }

    /// How many unacknowledged PUBLISH packets the client takes.
    pub fn receive_maximum(self, count: u16) -> Self {
        self.with(|packet| packet.receive_maximum = Some(count))
    }

    /// In bytes.
    pub fn maximum_packet_size(self, bytes: u32) -> Self {
        self.with(|packet| packet.maximum_packet_size = Some(bytes))
    }

    /// How many aliases the client takes.
    pub fn topic_alias_maximum(self, count: u16) -> Self {
        self.with(|packet| packet.topic_alias_maximum = Some(count))
    }

    /// See [`will`].
    pub fn will(self, will: LastWill<'static>) -> Self {
        self.with(|packet| packet.will = Some(will))
    }

    /// User name and password.
    pub fn credentials(self, username: &str, password: &str) -> Self {
        self.with(|packet| {
            packet.username = Some(kept_str(username));
            packet.password = Some(kept(password.as_bytes()));
        })
    }

    /// Anything else.
    pub fn with(mut self, change: impl FnOnce(&mut Connect<'static>)) -> Self {
        change(&mut self.packet);
        self
    }

    /// Sends CONNECT and waits for nothing.
    pub fn send(self) -> Client {
        let mut client = self.client;
        client.send(Packet::Connect(Box::new(self.packet)));
        client
    }

    /// Sends CONNECT, which succeeds. [`Client::connack`] has the answer.
    pub fn open(self) -> Client {
        let mut client = self.send();
        let connack = client.expect_connack();
        assert_eq!(connack.reason, ReasonCode::Success);
        client.connack = connack;
        client
    }

    /// Sends CONNECT, which is refused: the answer, after which the link is closed.
    pub fn refused(self) -> ConnAck<'static> {
        let mut client = self.send();
        let connack = client.expect_connack();
        assert_ne!(connack.reason, ReasonCode::Success);
        assert!(!connack.session_present, "a refusal has no session [MQTT-3.2.2-6]");
        client.expect_closed();
        connack
    }
}

/// A will without delay, expiry and properties. `LastWill { delay_secs: Some(5), ..will(…) }`
/// makes another one of it.
pub fn will(topic: &str, payload: impl AsRef<[u8]>, qos: QoS) -> LastWill<'static> {
    LastWill {
        qos,
        retain: false,
        topic: kept_str(topic),
        payload: kept(payload.as_ref()),
        delay_secs: None,
        message_expiry_secs: None,
        passed_on: Cow::Borrowed(&[]),
    }
}

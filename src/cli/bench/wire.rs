//! The packets of a generator: templates on the way out, no more than the needed fields on the way in.

use crate::codec::{
    Connect, DecodeError, Frame, Packet, PublishHead, Subscribe, SubscribeFilter, decode, encode,
};
use crate::types::{PacketId, Protocol, QoS, ReasonCode, SubscriptionIds, SubscriptionOptions};

use super::stamp::{STAMP_LEN, Stamp};

/// What came, as far as a generator cares.
#[derive(Debug, PartialEq)]
pub enum Incoming<'a> {
    Publish { qos: QoS, id: Option<PacketId>, payload: &'a [u8] },
    PubAck { id: PacketId, refused: bool },
    PubRec { id: PacketId, refused: bool },
    PubRel { id: PacketId },
    PubComp { id: PacketId },
    Other(Packet<'a>),
}

/// Reads a frame. The packets that come once for each message are read by hand: their topic, which
/// nobody asks for, is passed over.
pub fn read<'a>(frame: Frame<'a>, protocol: Protocol) -> Result<Incoming<'a>, DecodeError> {
    let short = || DecodeError {
        reason: ReasonCode::MalformedPacket,
        what: "a packet ends before its fields do",
    };
    let read = match frame.first >> 4 {
        3 => read_publish(frame, protocol),
        4 => read_answer(frame.body).map(|(id, refused)| Incoming::PubAck { id, refused }),
        5 => read_answer(frame.body).map(|(id, refused)| Incoming::PubRec { id, refused }),
        6 => read_answer(frame.body).map(|(id, _)| Incoming::PubRel { id }),
        7 => read_answer(frame.body).map(|(id, _)| Incoming::PubComp { id }),
        _ => return decode(frame, protocol).map(Incoming::Other),
    };
    read.ok_or_else(short)
}

fn read_publish(frame: Frame<'_>, protocol: Protocol) -> Option<Incoming<'_>> {
    let qos = QoS::from_bits(frame.first >> 1 & 0b11)?;
    let (topic_len, rest) = frame.body.split_first_chunk()?;
    let mut rest = rest.get(usize::from(u16::from_be_bytes(*topic_len))..)?;
    let id = match qos {
        QoS::AtMostOnce => None,
        _ => {
            let (id, after) = rest.split_first_chunk()?;
            rest = after;
            Some(PacketId::new(u16::from_be_bytes(*id))?)
        }
    };
    if protocol.is_v5() {
        rest = behind_properties(rest)?;
    }
    Some(Incoming::Publish { qos, id, payload: rest })
}

fn behind_properties(bytes: &[u8]) -> Option<&[u8]> {
    let mut len = 0_usize;
    for (at, &byte) in bytes.iter().take(4).enumerate() {
        len |= usize::from(byte & 0x7f) << (7 * at);
        if byte & 0x80 == 0 {
            return bytes.get(at + 1 + len..);
        }
    }
    None
}

fn read_answer(body: &[u8]) -> Option<(PacketId, bool)> {
    let (id, rest) = body.split_first_chunk()?;
    let refused = rest.first().is_some_and(|reason| *reason >= 0x80);
    Some((PacketId::new(u16::from_be_bytes(*id))?, refused))
}

/// PUBACK, PUBREC, PUBREL or PUBCOMP, by its first byte: the short form of every version.
pub fn put_answer(first: u8, id: PacketId, out: &mut Vec<u8>) {
    let [high, low] = id.get().to_be_bytes();
    out.extend_from_slice(&[first, 2, high, low]);
}

pub const PUBACK: u8 = 0x40;
pub const PUBREC: u8 = 0x50;
pub const PUBREL: u8 = 0x62;
pub const PUBCOMP: u8 = 0x70;
/// As old as MQTT: goes for all versions.
pub const DISCONNECT: [u8; 2] = [0xe0, 0];
/// Answered when all before it has been handled.
pub const PINGREQ: [u8; 2] = [0xc0, 0];

/// A whole PUBLISH, in which packet id and stamp are put in place.
#[derive(Debug, Clone)]
pub struct Template {
    bytes: Box<[u8]>,
    /// Where the packet id stands, in QoS 1 and 2.
    id_at: Option<usize>,
    /// Where the stamp stands, unless the payload is too short for one.
    stamp_at: Option<usize>,
}

impl Template {
    pub fn new(topic: &str, qos: QoS, retain: bool, payload_len: usize, version: Protocol) -> Self {
        let mut bytes = Vec::new();
        PublishHead {
            dup: false,
            qos,
            retain,
            topic: topic.as_bytes(),
            packet_id: Some(PacketId::MAX),
            message_expiry_secs: None,
            topic_alias: None,
            subscription_ids: &SubscriptionIds::None,
            passed_on: &[],
            payload_len,
        }
        .encode(version, &mut bytes);
        let head_len = bytes.len();
        bytes.resize(head_len + payload_len, b'.');
        let behind_id = 2 + usize::from(version.is_v5());
        Self {
            bytes: bytes.into(),
            id_at: (qos != QoS::AtMostOnce).then(|| head_len - behind_id),
            stamp_at: (payload_len >= STAMP_LEN).then_some(head_len),
        }
    }

    /// Appends the PUBLISH of one message.
    pub fn put(&self, id: PacketId, stamp: Stamp, out: &mut Vec<u8>) {
        let start = out.len();
        out.extend_from_slice(&self.bytes);
        let packet = &mut out[start..];
        if let Some(at) = self.id_at {
            packet[at..at + 2].copy_from_slice(&id.get().to_be_bytes());
        }
        if let Some(at) = self.stamp_at {
            packet[at..at + STAMP_LEN].copy_from_slice(&stamp.bytes());
        }
    }
}

/// Who connects, and for how long the session is to be kept.
#[derive(Debug, Clone, Copy)]
pub struct Hello<'a> {
    pub version: Protocol,
    pub client_id: &'a str,
    pub clean_start: bool,
    pub session_expiry_secs: Option<u32>,
    pub username: Option<&'a str>,
    pub password: Option<&'a str>,
}

pub fn put_connect(hello: Hello<'_>, out: &mut Vec<u8>) {
    let connect = Connect {
        clean_start: hello.clean_start,
        session_expiry_secs: hello.session_expiry_secs.filter(|_| hello.version.is_v5()),
        username: hello.username,
        password: hello.password.map(str::as_bytes),
        ..Connect::new(hello.version, hello.client_id)
    };
    encode(&Packet::Connect(connect.into()), hello.version, out);
}

/// One SUBSCRIBE for all `filters`, of which there is at least one.
pub fn put_subscribe(filters: &[String], qos: QoS, version: Protocol, out: &mut Vec<u8>) {
    let options = SubscriptionOptions { qos, ..SubscriptionOptions::default() };
    let subscribe = Subscribe {
        packet_id: PacketId::MIN,
        filters: filters.iter().map(|filter| SubscribeFilter { filter, options }).collect(),
        user_properties: Vec::new(),
    };
    encode(&Packet::Subscribe(subscribe), version, out);
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::codec::{Ack, Publish, frame};

    #[test]
    fn a_template_is_the_publish_that_the_codec_reads() {
        let id = PacketId::new(258).expect("not zero");
        let stamp = Stamp { stream: 3, number: 9, sent_nanos: 77 };
        for version in [Protocol::V311, Protocol::V5] {
            for qos in [QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce] {
                for payload_len in [0, STAMP_LEN, 300] {
                    let template = Template::new("a/b", qos, true, payload_len, version);
                    let mut out = vec![0xc0, 0];
                    template.put(id, stamp, &mut out);
                    let publish = parse(&out[2..], version);
                    assert_eq!((publish.qos, publish.topic), (qos, "a/b"));
                    assert_eq!(publish.packet_id, Some(id).filter(|_| qos != QoS::AtMostOnce));
                    assert_eq!(publish.payload.len(), payload_len);
                    assert_eq!(Stamp::read(publish.payload).is_some(), payload_len > 0);
                    assert!(Stamp::read(publish.payload).is_none_or(|read| read == stamp));
                }
            }
        }
    }

    #[test]
    fn what_the_codec_writes_is_read() {
        let id = PacketId::new(7).expect("not zero");
        let refusal = Ack::new(id, ReasonCode::QuotaExceeded);
        for (packet, expected) in [
            (Packet::PubAck(refusal.clone()), Incoming::PubAck { id, refused: true }),
            (Packet::PubRec(refusal), Incoming::PubRec { id, refused: true }),
            (Packet::PubRel(success(id)), Incoming::PubRel { id }),
            (Packet::PubComp(success(id)), Incoming::PubComp { id }),
            (Packet::PingResp, Incoming::Other(Packet::PingResp)),
        ] {
            let bytes = encoded(&packet, Protocol::V5);
            let frame = frame(&bytes, 100).expect("legal").expect("whole");
            assert_eq!(read(frame, Protocol::V5), Ok(expected));
        }
    }

    #[test]
    fn properties_are_passed_over() {
        let mut publish = parse(&[0x30, 5, 0, 1, b'a', 0, b'x'], Protocol::V5);
        publish.properties.message_expiry_secs = Some(5);
        let bytes = encoded(&Packet::Publish(publish), Protocol::V5);
        let frame = frame(&bytes, 100).expect("legal").expect("whole");
        let expected = Incoming::Publish { qos: QoS::AtMostOnce, id: None, payload: b"x" };
        assert_eq!(read(frame, Protocol::V5), Ok(expected));
    }

    #[test]
    fn no_cut_makes_reading_panic() {
        for body in [&[][..], &[0], &[0, 9, b'a'], &[0, 1, b'a'], &[0, 1, b'a', 0, 1, 0x80]] {
            for first in [0x32, 0x40] {
                let frame = Frame { first, body, len: 2 + body.len() };
                assert!(read(frame, Protocol::V5).is_err() || body.len() >= 2);
            }
        }
    }

    fn parse(bytes: &[u8], version: Protocol) -> Publish<'_> {
        let frame = frame(bytes, 1000).expect("legal").expect("whole");
        match decode(frame, version) {
            Ok(Packet::Publish(publish)) => publish,
            other => panic!("{other:?}"),
        }
    }

    fn success(id: PacketId) -> Ack<'static> {
        Ack::new(id, ReasonCode::Success)
    }

    fn encoded(packet: &Packet<'_>, version: Protocol) -> Vec<u8> {
        let mut out = Vec::new();
        encode(packet, version, &mut out);
        out
    }
}

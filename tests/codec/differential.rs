//! Two codecs, one standard: what both accept they read alike. mqttbytes refuses some legal packets
//! and accepts many illegal ones, so what only one of the two accepts proves nothing.

use bytes::BytesMut;
use fulmar::codec::Packet;
use fulmar::types::Protocol;
use mqttbytes::{v4, v5};
use proptest::prelude::*;

use super::mqttbytes_reading::{v4_reading, v5_reading};
use super::packets::packet;
use super::reading::{Reading, reading};
use super::robustness::mutations;
use super::{encoded, parsed};

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn packets_of_3_1_1_are_read_alike(packet in packet(Protocol::V311)) {
        let bytes = encoded(&packet, Protocol::V311);
        assert_alike(&bytes, Protocol::V311)?;
        assert_alike(&rewritten_v4(&bytes), Protocol::V311)?;
    }

    #[test]
    fn packets_of_5_0_are_read_alike(packet in packet(Protocol::V5)) {
        let bytes = encoded(&packet, Protocol::V5);
        assert_alike(&bytes, Protocol::V5)?;
        assert_alike(&rewritten_v5(&bytes), Protocol::V5)?;
    }

    #[test]
    fn changed_packets_of_3_1_1_are_read_alike(
        packet in packet(Protocol::V311),
        change in mutations(),
    ) {
        assert_alike(&change.apply(&encoded(&packet, Protocol::V311)), Protocol::V311)?;
    }

    #[test]
    fn changed_packets_of_5_0_are_read_alike(
        packet in packet(Protocol::V5),
        change in mutations(),
    ) {
        assert_alike(&change.apply(&encoded(&packet, Protocol::V5)), Protocol::V5)?;
    }
}

fn assert_alike(bytes: &[u8], protocol: Protocol) -> Result<(), TestCaseError> {
    let Ok(Some(ours)) = parsed(bytes, protocol) else { return Ok(()) };
    if matches!(&ours, Packet::Connect(connect) if connect.protocol != protocol) {
        return Ok(());
    }
    let theirs = if protocol.is_v5() { theirs_v5(bytes) } else { theirs_v4(bytes) };
    let Some(theirs) = theirs else { return Ok(()) };
    prop_assert_eq!(reading(&ours, protocol), theirs);
    Ok(())
}

fn theirs_v4(bytes: &[u8]) -> Option<Reading> {
    v4::read(&mut BytesMut::from(bytes), usize::MAX).ok().map(|packet| v4_reading(&packet))
}

fn theirs_v5(bytes: &[u8]) -> Option<Reading> {
    let packet = v5::read(&mut BytesMut::from(bytes), usize::MAX).ok()?;
    (!loses_count(&packet)).then(|| v5_reading(&packet))
}

/// mqttbytes counts one byte too many for each subscription identifier of a PUBLISH, and with
/// several of them takes what follows for payload.
fn loses_count(packet: &v5::Packet) -> bool {
    let v5::Packet::Publish(publish) = packet else { return false };
    publish
        .properties
        .as_ref()
        .is_some_and(|properties| properties.subscription_identifiers.len() > 1)
}

/// The packet as mqttbytes writes what it has read; nothing where it cannot.
fn rewritten_v4(bytes: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    let Ok(packet) = v4::read(&mut BytesMut::from(bytes), usize::MAX) else { return Vec::new() };
    let _ = match packet {
        v4::Packet::Connect(packet) => packet.write(&mut out),
        v4::Packet::ConnAck(packet) => packet.write(&mut out),
        v4::Packet::Publish(packet) => packet.write(&mut out),
        v4::Packet::PubAck(packet) => packet.write(&mut out),
        v4::Packet::PubRec(packet) => packet.write(&mut out),
        v4::Packet::PubRel(packet) => packet.write(&mut out),
        v4::Packet::PubComp(packet) => packet.write(&mut out),
        v4::Packet::Subscribe(packet) => packet.write(&mut out),
        v4::Packet::SubAck(packet) => packet.write(&mut out),
        v4::Packet::Unsubscribe(packet) => packet.write(&mut out),
        v4::Packet::UnsubAck(packet) => packet.write(&mut out),
        v4::Packet::PingReq => v4::PingReq.write(&mut out),
        v4::Packet::PingResp => v4::PingResp.write(&mut out),
        v4::Packet::Disconnect => v4::Disconnect.write(&mut out),
    };
    out.to_vec()
}

fn rewritten_v5(bytes: &[u8]) -> Vec<u8> {
    let mut out = BytesMut::new();
    let Ok(packet) = v5::read(&mut BytesMut::from(bytes), usize::MAX) else { return Vec::new() };
    let _ = match packet {
        v5::Packet::Connect(packet) => packet.write(&mut out),
        v5::Packet::ConnAck(packet) => packet.write(&mut out),
        v5::Packet::Publish(packet) => packet.write(&mut out),
        v5::Packet::PubAck(packet) => packet.write(&mut out),
        v5::Packet::PubRec(packet) => packet.write(&mut out),
        v5::Packet::PubRel(packet) => packet.write(&mut out),
        v5::Packet::PubComp(packet) => packet.write(&mut out),
        v5::Packet::Subscribe(packet) => packet.write(&mut out),
        v5::Packet::SubAck(packet) => packet.write(&mut out),
        v5::Packet::Unsubscribe(packet) => packet.write(&mut out),
        v5::Packet::UnsubAck(packet) => packet.write(&mut out),
        v5::Packet::PingReq => v5::PingReq.write(&mut out),
        v5::Packet::PingResp => v5::PingResp.write(&mut out),
        v5::Packet::Disconnect(packet) => packet.write(&mut out),
    };
    out.to_vec()
}

use super::*;
use crate::connection::ALIASES_OUT_MAX;

// [MQTT-3.3.2-12]
#[test]
fn a_topic_is_published_under_the_alias_that_was_set_for_it() {
    let mut rig = Rig::v5(Limits { topic_alias_maximum: 2, ..unlimited() }, b"");
    assert_eq!(topic(rig.request(b"\x30\x07\0\x01a\x03\x23\0\x02")), "a");
    assert_eq!(topic(rig.request(b"\x30\x06\0\0\x03\x23\0\x02")), "a");
    assert_eq!(topic(rig.request(b"\x30\x07\0\x01b\x03\x23\0\x02")), "b");
    assert_eq!(topic(rig.request(b"\x30\x06\0\0\x03\x23\0\x02")), "b");
}

// [MQTT-3.2.2-17] [MQTT-3.3.2-8] [MQTT-3.3.2-9]
#[test]
fn an_alias_is_one_of_those_announced() {
    let limits = || Limits { topic_alias_maximum: 2, ..unlimited() };
    for alias in [0, 3] {
        let publish = [0x30, 7, 0, 1, b'a', 3, 0x23, 0, alias];
        let (reason, sent) = Rig::v5(limits(), QUIET).fault(&publish);
        assert_eq!((reason, &sent[..]), (ReasonCode::TopicAliasInvalid, &b"\xe0\x01\x94"[..]));
    }
}

// [MQTT-3.2.2-18]
#[test]
fn no_alias_is_taken_where_none_is_announced() {
    let (reason, _) = Rig::v5(unlimited(), QUIET).fault(b"\x30\x07\0\x01a\x03\x23\0\x01");
    assert_eq!(reason, ReasonCode::TopicAliasInvalid);
}

// [MQTT-3.3.2-7]
#[test]
fn without_a_topic_there_has_to_be_an_alias_that_is_known() {
    let limits = || Limits { topic_alias_maximum: 2, ..unlimited() };
    for publish in [&b"\x30\x03\0\0\0"[..], b"\x30\x06\0\0\x03\x23\0\x01"] {
        let (reason, sent) = Rig::v5(limits(), QUIET).fault(publish);
        assert_eq!((reason, &sent[..]), (ReasonCode::ProtocolError, &b"\xe0\x01\x82"[..]));
    }
}

// [MQTT-3.1.2-26] [MQTT-3.3.2-11]
#[test]
fn topics_to_the_client_get_as_many_aliases_as_it_takes() {
    let mut rig = Rig::v5(unlimited(), b"\x22\0\x01");
    assert_eq!(publish(&mut rig, "topic"), b"\x30\x0c\0\x05topic\x03\x23\0\x01x");
    assert_eq!(publish(&mut rig, "topic"), b"\x30\x07\0\0\x03\x23\0\x01x");
    assert_eq!(publish(&mut rig, "other"), b"\x30\x0c\0\x05other\x03\x23\0\x01x");
    assert_eq!(publish(&mut rig, "topic"), b"\x30\x0c\0\x05topic\x03\x23\0\x01x");
}

// [MQTT-3.1.2-27]
#[test]
fn a_client_that_takes_no_alias_gets_none() {
    let mut rig = Rig::v5(unlimited(), b"");
    for _ in 0..2 {
        assert_eq!(publish(&mut rig, "topic"), b"\x30\x09\0\x05topic\0x");
    }
    let mut rig = Rig::v311(unlimited());
    assert_eq!(publish(&mut rig, "topic"), b"\x30\x08\0\x05topicx");
}

#[test]
fn the_server_sets_no_more_aliases_than_it_wants_to() {
    let limits = Limits { topic_alias_maximum_out: 1, ..unlimited() };
    let mut rig = Rig::v5(limits, b"\x22\xff\xff");
    for name in ["topic", "other"] {
        assert_eq!(publish(&mut rig, name)[9..13], [3, 0x23, 0, 1]);
    }
}

#[test]
fn however_many_aliases_are_allowed_the_search_for_one_stays_short() {
    let limits = Limits { topic_alias_maximum_out: u16::MAX, ..unlimited() };
    let mut rig = Rig::v5(limits, b"\x22\xff\xff");
    let mut last_byte_of_alias = |n: u16| publish(&mut rig, &format!("topic{n:03}"))[15];
    for n in 1..=ALIASES_OUT_MAX {
        assert_eq!(u16::from(last_byte_of_alias(n)), n);
    }
    assert_eq!(last_byte_of_alias(ALIASES_OUT_MAX + 1), 1);
}

#[test]
fn a_topic_that_is_no_longer_than_an_alias_gets_none() {
    let mut rig = Rig::v5(unlimited(), b"\x22\0\x01");
    assert_eq!(publish(&mut rig, "a/b"), b"\x30\x07\0\x03a/b\0x");
    assert_eq!(publish(&mut rig, "a/bc"), b"\x30\x0b\0\x04a/bc\x03\x23\0\x01x");
}

// [MQTT-3.1.2-24]
#[test]
fn an_alias_is_not_set_where_that_makes_the_packet_too_large() {
    let mut rig = Rig::v5(unlimited(), b"\x22\0\x01\x27\0\0\0\x0d");
    for _ in 0..2 {
        assert_eq!(publish(&mut rig, "topic"), b"\x30\x09\0\x05topic\0x");
    }
    let mut rig = Rig::v5(unlimited(), b"\x22\0\x01\x27\0\0\0\x0e");
    assert_eq!(publish(&mut rig, "topic").len(), 14);
    assert_eq!(publish(&mut rig, "topic"), b"\x30\x07\0\0\x03\x23\0\x01x");
}

fn publish(rig: &mut Rig, topic: &str) -> Vec<u8> {
    rig.encode(delivery(message(topic, b"x")))
}

fn topic(request: Request) -> String {
    match request {
        Request::Publish { message, .. } => message.topic().to_owned(),
        other => panic!("no PUBLISH but {other:?}"),
    }
}

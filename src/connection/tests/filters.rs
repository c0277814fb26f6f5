use super::*;
use crate::types::{Filter, RetainHandling, SubscriptionId, SubscriptionOptions};

#[test]
fn a_subscribe_of_3_1_1_asks_for_a_qos_per_filter() {
    let mut rig = Rig::v311(unlimited());
    let request = rig.request(b"\x82\x0c\0\x0a\0\x03a/#\x01\0\x01+\x02");
    let filters = vec![
        Ok((filter("a/#"), options(QoS::AtLeastOnce))),
        Ok((filter("+"), options(QoS::ExactlyOnce))),
    ];
    assert_eq!(request, Request::Subscribe { id: inbound(10), filters });
}

#[test]
fn a_subscribe_of_5_0_has_options_and_an_identifier() {
    let mut rig = Rig::v5(unlimited(), b"");
    let request = rig.request(b"\x82\x09\0\x0a\x02\x0b\x07\0\x01a\x1d");
    let options = SubscriptionOptions {
        qos: QoS::AtLeastOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::SendIfNew,
        id: SubscriptionId::new(7),
    };
    let filters = vec![Ok((filter("a"), options))];
    assert_eq!(request, Request::Subscribe { id: inbound(10), filters });
}

#[test]
fn shared_subscriptions_are_for_every_version() {
    let text = string(b"$share/g/a");
    let mut rig = Rig::v311(unlimited());
    let request = rig.request(&packet(0x82, &[b"\0\x0a", &text, b"\0"]));
    let Request::Subscribe { filters, .. } = request else { panic!("a SUBSCRIBE") };
    let (filter, _) = filters[0].as_ref().expect("taken");
    assert_eq!((filter.share_name(), filter.topic_filter()), (Some("g"), "a"));
}

// [MQTT-4.7.1-1] [MQTT-4.7.1-2] [MQTT-4.7.3-1], 3.1.1: [MQTT-4.7.1-2] [MQTT-4.7.1-3]
#[test]
fn a_malformed_filter_ends_the_connection() {
    for text in ["", "a#", "#/a", "a+/b", "a/b+"] {
        let subscribe = packet(0x82, &[b"\0\x0a\0", &string(text.as_bytes()), b"\0"]);
        let (_, sent) = Rig::v5(unlimited(), QUIET).fault(&subscribe);
        assert_eq!(sent, b"\xe0\x01\x81", "{text}");
        let unsubscribe = packet(0xa2, &[b"\0\x0a\0", &string(text.as_bytes())]);
        let (_, sent) = Rig::v5(unlimited(), QUIET).fault(&unsubscribe);
        assert_eq!(sent, b"\xe0\x01\x81", "{text}");
        let subscribe = packet(0x82, &[b"\0\x0a", &string(text.as_bytes()), b"\0"]);
        assert_eq!(Rig::v311(unlimited()).fault(&subscribe).1, b"");
    }
}

// [MQTT-4.8.2-1] [MQTT-4.8.2-2]
#[test]
fn a_shared_subscription_without_name_or_filter_ends_the_connection() {
    for text in ["$share/", "$share/g", "$share/g/", "$share//a", "$share/+/a", "$share/#/a"] {
        let subscribe = packet(0x82, &[b"\0\x0a\0", &string(text.as_bytes()), b"\0"]);
        let (_, sent) = Rig::v5(unlimited(), QUIET).fault(&subscribe);
        assert_eq!(sent, b"\xe0\x01\x82", "{text}");
    }
}

// [MQTT-3.8.3-4]
#[test]
fn no_local_on_a_shared_subscription_ends_the_connection() {
    let subscribe = packet(0x82, &[b"\0\x0a\0", &string(b"$share/g/a"), b"\x04"]);
    let (reason, _) = Rig::v5(unlimited(), QUIET).fault(&subscribe);
    assert_eq!(reason, ReasonCode::ProtocolError);
}

#[test]
fn what_is_switched_off_and_announced_so_ends_a_connection_of_5_0() {
    let limits = || Limits {
        shared_subscriptions: false,
        wildcard_subscriptions: false,
        subscription_identifiers: false,
        ..unlimited()
    };
    for (properties, text, reason) in [
        (&b"\x02\x0b\x01"[..], "a", ReasonCode::SubscriptionIdentifiersNotSupported),
        (b"\0", "$share/g/a", ReasonCode::SharedSubscriptionsNotSupported),
        (b"\0", "a/+", ReasonCode::WildcardSubscriptionsNotSupported),
    ] {
        let subscribe = packet(0x82, &[b"\0\x0a", properties, &string(text.as_bytes()), b"\0"]);
        let (found, sent) = Rig::v5(limits(), QUIET).fault(&subscribe);
        assert_eq!((found, sent), (reason, vec![0xe0, 1, reason.byte()]));
    }
}

#[test]
fn what_is_switched_off_fails_one_by_one_in_3_1_1_which_cannot_know() {
    let limits =
        Limits { shared_subscriptions: false, wildcard_subscriptions: false, ..unlimited() };
    let texts = [&string(b"a")[..], b"\0", &string(b"#"), b"\0", &string(b"$share/g/a"), b"\0"];
    let request = Rig::v311(limits).request(&packet(0x82, &[b"\0\x0a", &texts.concat()]));
    let filters = vec![
        Ok((filter("a"), options(QoS::AtMostOnce))),
        Err(ReasonCode::WildcardSubscriptionsNotSupported),
        Err(ReasonCode::SharedSubscriptionsNotSupported),
    ];
    assert_eq!(request, Request::Subscribe { id: inbound(10), filters });
}

#[test]
fn a_filter_may_have_as_many_levels_as_the_limit_and_no_more() {
    let limits = || Limits { topic_levels_max: 3, ..unlimited() };
    let bytes = packet(0x82, &[b"\0\x0a", &string(b"a/b/c"), b"\0", &string(b"a///"), b"\0"]);
    let filters =
        vec![Ok((filter("a/b/c"), options(QoS::AtMostOnce))), Err(ReasonCode::TopicFilterInvalid)];
    let request = Rig::v311(limits()).request(&bytes);
    assert_eq!(request, Request::Subscribe { id: inbound(10), filters });

    let bytes = packet(0xa2, &[b"\0\x0b", &string(b"a/b/c"), &string(b"a///")]);
    let filters = vec![Ok(filter("a/b/c")), Err(ReasonCode::TopicFilterInvalid)];
    let request = Rig::v311(limits()).request(&bytes);
    assert_eq!(request, Request::Unsubscribe { id: inbound(11), filters });
}

fn filter(text: &str) -> Filter {
    Filter::parse(text, true).expect("a filter")
}

fn options(qos: QoS) -> SubscriptionOptions {
    SubscriptionOptions { qos, ..SubscriptionOptions::default() }
}

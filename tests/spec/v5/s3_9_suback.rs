use crate::common::*;
use fulmar::types::ReasonCode::{self, GrantedQoS1, GrantedQoS2, QuotaExceeded, Success};
use fulmar::types::SubscriptionOptions;

// [MQTT-3.9.2-1] [MQTT-3.9.2-2]
#[test]
fn a_suback_to_a_client_without_room_for_properties_has_none() {
    let world = World::with(|settings, _| settings.subscriptions_max = 1);
    let mut client = world.connect(V5, "client").maximum_packet_size(8).open();

    client.send_bytes(b"\x82\x0b\0\x01\0\0\x01t\x02\0\x01u\x02");

    assert_eq!(client.expect_bytes(), b"\x90\x05\0\x01\0\x02\x97");
}

// [MQTT-3.8.4-1] [MQTT-3.8.4-6] [MQTT-3.9.3-2]
#[test]
fn a_client_that_does_not_take_the_suback_it_is_owed_is_disconnected() {
    let mut client = World::new().connect(V5, "client").maximum_packet_size(8).open();
    client.subscribe_all(&[("t", options(AtMostOnce)); 3]);

    client.send_bytes(&packet(0x82, &[b"\0\x09\0", &b"\0\x01t\0".repeat(4)]));

    client.expect_disconnect(ReasonCode::PacketTooLarge);
}

// [MQTT-3.9.3-1]
#[test]
fn the_reason_codes_stand_in_the_order_of_the_topic_filters() {
    let world = World::with(|settings, limits| {
        settings.subscriptions_max = 3;
        limits.topic_levels_max = 2;
    });
    let mut client = world.connect(V5, "client").open();

    let reasons = client.subscribe_all(&[
        ("z", options(ExactlyOnce)),
        ("a/b/c", options(ExactlyOnce)),
        ("y", options(AtMostOnce)),
        ("a", options(AtLeastOnce)),
        ("b", options(AtLeastOnce)),
    ]);

    let too_deep = ReasonCode::TopicFilterInvalid;
    assert_eq!(reasons, [GrantedQoS2, too_deep, Success, GrantedQoS1, QuotaExceeded]);
}

// [MQTT-3.9.3-2]
#[test]
fn a_reason_code_of_a_suback_is_one_of_its_own() {
    let world = World::with(|settings, limits| {
        settings.subscriptions_max = 3;
        limits.topic_levels_max = 2;
    });
    let subscribe = packet(
        0x82,
        &[
            b"\0\x01\0",
            b"\0\x01a\0",
            b"\0\x01b\x01",
            b"\0\x01c\x02",
            b"\0\x01d\x02",
            b"\0\x05a/b/c\x02",
        ],
    );
    let mut client = world.connect(V5, "client").open();

    client.send_bytes(&subscribe);

    assert_eq!(client.expect_bytes(), b"\x90\x08\0\x01\0\x00\x01\x02\x97\x8f");
}

fn options(qos: QoS) -> SubscriptionOptions {
    SubscriptionOptions { qos, ..SubscriptionOptions::default() }
}

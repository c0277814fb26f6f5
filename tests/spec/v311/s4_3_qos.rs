use super::{EVERY_QOS, subscribe_bytes};
use crate::common::{AtLeastOnce, Client, ExactlyOnce, V311, World};

// [MQTT-4.3.1-1]
#[test]
fn a_message_of_qos_0_is_sent_once_with_qos_0_and_without_dup() {
    for published in EVERY_QOS {
        let (world, mut receiver) = world_with_receiver(0);
        world.connect(V311, "publisher").open().publish("t", "x", published);

        assert_eq!(receiver.expect_bytes(), b"\x30\x04\0\x01tx");
        receiver.drop_link();

        world.connect(V311, "receiver").clean(false).open().expect_nothing();
    }
}

// [MQTT-4.3.2-1]
#[test]
fn a_message_of_qos_1_is_sent_with_an_unused_packet_identifier_and_without_dup() {
    let (world, mut receiver) = world_with_receiver(1);
    let mut publisher = world.connect(V311, "publisher").open();

    publisher.publish("t", "x", AtLeastOnce);
    publisher.publish("t", "y", ExactlyOnce);

    assert_eq!(receiver.expect_bytes(), b"\x32\x06\0\x01t\0\x01x\x32\x06\0\x01t\0\x02y");
}

// [MQTT-4.3.2-1]
#[test]
fn a_message_of_qos_1_is_unacknowledged_until_puback_with_its_packet_identifier() {
    let (world, mut receiver) = world_with_receiver(1);
    let mut publisher = world.connect(V311, "publisher").open();
    publisher.publish("t", "x", AtLeastOnce);
    publisher.publish("t", "y", AtLeastOnce);
    receiver.expect_bytes();
    receiver.send_bytes(b"\x40\x02\0\x02\x40\x02\x12\x34");
    receiver.drop_link();

    let mut receiver = world.connect(V311, "receiver").clean(false).open();
    assert_eq!(receiver.expect_bytes(), b"\x3a\x06\0\x01t\0\x01x");
    receiver.send_bytes(b"\x40\x02\0\x01");
    receiver.drop_link();

    world.connect(V311, "receiver").clean(false).open().expect_nothing();
}

// [MQTT-4.3.2-2]
#[test]
fn a_publish_of_qos_1_is_answered_with_puback_once_the_message_is_taken() {
    let (world, _receiver) = {
        let world = World::new().with_delayed_commits();
        let mut receiver = world.connect(V311, "receiver").clean(false).send();
        world.commit();
        receiver.send_bytes(&subscribe_bytes("t", 1));
        world.commit();
        (world, receiver)
    };
    let mut publisher = world.connect(V311, "publisher").open();

    publisher.send_bytes(b"\x32\x05\0\x01t\0\x01");
    publisher.expect_nothing();
    world.commit();

    assert_eq!(publisher.expect_bytes(), b"\x40\x02\0\x01");
}

// [MQTT-4.3.2-2]
#[test]
fn after_puback_the_same_packet_identifier_is_a_new_message_whatever_dup_says() {
    let (world, mut receiver) = world_with_receiver(0);
    let mut publisher = world.connect(V311, "publisher").open();

    publisher.send_bytes(b"\x32\x06\0\x01t\0\x01x");
    assert_eq!(publisher.expect_bytes(), b"\x40\x02\0\x01");
    publisher.send_bytes(b"\x3a\x06\0\x01t\0\x01y");

    assert_eq!(publisher.expect_bytes(), b"\x40\x02\0\x01");
    assert_eq!(receiver.texts(), ["x", "y"]);
}

// [MQTT-4.3.3-1]
#[test]
fn a_message_of_qos_2_is_sent_released_and_completed_under_one_packet_identifier() {
    let (world, mut receiver) = world_with_receiver(2);
    world.connect(V311, "publisher").open().publish("t", "x", ExactlyOnce);

    assert_eq!(receiver.expect_bytes(), b"\x34\x06\0\x01t\0\x01x");
    receiver.send_bytes(b"\x50\x02\0\x01");
    assert_eq!(receiver.expect_bytes(), b"\x62\x02\0\x01");
    receiver.send_bytes(b"\x70\x02\0\x01");
    receiver.expect_nothing();
    receiver.drop_link();

    world.connect(V311, "receiver").clean(false).open().expect_nothing();
}

// [MQTT-4.3.3-1]
#[test]
fn a_message_of_qos_2_is_unacknowledged_until_pubrec() {
    let (world, mut receiver) = world_with_receiver(2);
    world.connect(V311, "publisher").open().publish("t", "x", ExactlyOnce);
    receiver.expect_bytes();
    receiver.drop_link();

    let mut receiver = world.connect(V311, "receiver").clean(false).open();

    assert_eq!(receiver.expect_bytes(), b"\x3c\x06\0\x01t\0\x01x");
}

// [MQTT-4.3.3-1]
#[test]
fn after_pubrel_the_message_is_not_sent_again_but_pubrel_is_until_pubcomp() {
    let (world, mut receiver) = world_with_receiver(2);
    world.connect(V311, "publisher").open().publish("t", "x", ExactlyOnce);
    receiver.expect_bytes();
    receiver.send_bytes(b"\x50\x02\0\x01");
    assert_eq!(receiver.expect_bytes(), b"\x62\x02\0\x01");
    receiver.send_bytes(b"\x50\x02\0\x01");
    assert_eq!(receiver.expect_bytes(), b"\x62\x02\0\x01");

    for _ in 0..2 {
        receiver.drop_link();
        receiver = world.connect(V311, "receiver").clean(false).open();
        assert_eq!(receiver.expect_bytes(), b"\x62\x02\0\x01");
    }
}

// [MQTT-4.3.3-2]
#[test]
fn a_publish_of_qos_2_is_answered_step_by_step_and_delivered_once() {
    let (world, mut receiver) = world_with_receiver(0);
    let mut publisher = world.connect(V311, "publisher").open();

    publisher.send_bytes(b"\x34\x06\0\x01t\0\x01x");
    assert_eq!(publisher.expect_bytes(), b"\x50\x02\0\x01");
    publisher.send_bytes(b"\x62\x02\0\x01");
    assert_eq!(publisher.expect_bytes(), b"\x70\x02\0\x01");

    assert_eq!(receiver.texts(), ["x"]);
}

// [MQTT-4.3.3-2]
#[test]
fn until_pubrel_the_same_packet_identifier_is_no_new_message() {
    let (world, mut receiver) = world_with_receiver(0);
    let mut publisher = world.connect(V311, "publisher").open();

    for publish in [b"\x34\x06\0\x01t\0\x01x", b"\x3c\x06\0\x01t\0\x01x", b"\x34\x06\0\x01t\0\x01y"]
    {
        publisher.send_bytes(publish);
        assert_eq!(publisher.expect_bytes(), b"\x50\x02\0\x01");
    }

    assert_eq!(receiver.texts(), ["x"]);
}

// [MQTT-4.3.3-2]
#[test]
fn until_pubrel_the_same_packet_identifier_is_no_new_message_after_a_lost_link() {
    let (world, mut receiver) = world_with_receiver(0);
    let mut publisher = world.connect(V311, "publisher").clean(false).open();
    publisher.send_bytes(b"\x34\x06\0\x01t\0\x01x");
    publisher.drop_link();

    let mut publisher = world.connect(V311, "publisher").clean(false).open();
    publisher.send_bytes(b"\x3c\x06\0\x01t\0\x01x\x34\x06\0\x01t\0\x02y");

    assert_eq!(publisher.expect_bytes(), b"\x50\x02\0\x01\x50\x02\0\x02");
    assert_eq!(receiver.texts(), ["x", "y"]);
}

// [MQTT-4.3.3-2]
#[test]
fn after_pubcomp_the_same_packet_identifier_is_a_new_message() {
    let (world, mut receiver) = world_with_receiver(0);
    let mut publisher = world.connect(V311, "publisher").open();
    publisher.send_bytes(b"\x34\x06\0\x01t\0\x01x\x62\x02\0\x01");
    assert_eq!(publisher.expect_bytes(), b"\x50\x02\0\x01\x70\x02\0\x01");

    publisher.send_bytes(b"\x3c\x06\0\x01t\0\x01y");

    assert_eq!(publisher.expect_bytes(), b"\x50\x02\0\x01");
    assert_eq!(receiver.texts(), ["x", "y"]);
}

// [MQTT-4.3.3-2]
#[test]
fn each_pubrel_is_answered_with_pubcomp() {
    let (world, _receiver) = world_with_receiver(0);
    let mut publisher = world.connect(V311, "publisher").open();
    publisher.publish("t", "x", ExactlyOnce);

    publisher.send_bytes(b"\x62\x02\0\x01\x62\x02\x12\x34");

    assert_eq!(publisher.expect_bytes(), b"\x70\x02\0\x01\x70\x02\x12\x34");
}

// [MQTT-4.3.3-2]
#[test]
fn a_publish_of_qos_2_is_answered_with_pubrec_once_the_message_is_taken() {
    let world = World::new().with_delayed_commits();
    let mut publisher = world.connect(V311, "publisher").clean(false).send();
    world.commit();
    publisher.expect_connack();

    publisher.send_bytes(b"\x34\x05\0\x01t\0\x01");
    publisher.expect_nothing();
    world.commit();
    assert_eq!(publisher.expect_bytes(), b"\x50\x02\0\x01");

    publisher.send_bytes(b"\x62\x02\0\x01");
    publisher.expect_nothing();
    world.commit();
    assert_eq!(publisher.expect_bytes(), b"\x70\x02\0\x01");
}

// [MQTT-4.3.2-1] [MQTT-4.3.3-1]
#[test]
fn acknowledgements_of_the_other_qos_do_not_end_an_exchange() {
    for (qos, wrong) in [(AtLeastOnce, b"\x50\x02\0\x01"), (ExactlyOnce, b"\x40\x02\0\x01")] {
        let (world, mut receiver) = world_with_receiver(qos.bits());
        world.connect(V311, "publisher").open().publish("t", "x", qos);
        receiver.expect_bytes();

        receiver.send_bytes(wrong);

        receiver.expect_closed();
        let mut receiver = world.connect(V311, "receiver").clean(false).open();
        assert_eq!(receiver.expect_message().payload, b"x");
    }
}

fn world_with_receiver(qos: u8) -> (World, Client) {
    let world = World::new();
    let mut receiver = world.connect(V311, "receiver").clean(false).open();
    receiver.send_bytes(&subscribe_bytes("t", qos));
    assert_eq!(receiver.expect_bytes(), [0x90, 3, 0, 1, qos]);
    (world, receiver)
}

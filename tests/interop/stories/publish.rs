//! What is published arrives, whole and where it was asked for.

use super::{both_versions, with_stage};
use crate::stage::Stage;

both_versions![
    each_qos_arrives,
    the_lower_qos_counts,
    an_empty_payload_arrives,
    every_byte_arrives,
    a_mebibyte_arrives,
    wildcards_match,
    many_topics_in_one_client,
    an_unsubscribed_topic_is_silent,
];

fn each_qos_arrives(stage: &Stage, protocol: &str) {
    let subscriber = stage.subscribe_as("%t %p %q", &format!("-V {protocol} -q 2 -t qos/#"));

    for qos in 0..=2 {
        stage.publish(&format!("-V {protocol} -t qos/{qos} -m hello -q {qos}"));
    }

    let mut messages = subscriber.await_messages(3);
    messages.sort();
    assert_eq!(messages, ["qos/0 hello 0", "qos/1 hello 1", "qos/2 hello 2"]);
}

fn the_lower_qos_counts(stage: &Stage, protocol: &str) {
    let subscriber = stage.subscribe_as("%t %q", &format!("-V {protocol} -q 1 -t low/#"));

    stage.publish(&format!("-V {protocol} -t low/two -m x -q 2"));
    stage.publish(&format!("-V {protocol} -t low/zero -m x -q 0"));

    let mut messages = subscriber.await_messages(2);
    messages.sort();
    assert_eq!(messages, ["low/two 1", "low/zero 0"]);
}

fn an_empty_payload_arrives(stage: &Stage, protocol: &str) {
    let subscriber = stage.subscribe_as("%t %l bytes", &format!("-V {protocol} -q 2 -t empty"));

    stage.publish(&format!("-V {protocol} -t empty -n -q 2"));

    assert_eq!(subscriber.await_messages(1), ["empty 0 bytes"]);
}

fn every_byte_arrives(stage: &Stage, protocol: &str) {
    let bytes: Vec<u8> = (0..=255).collect();
    let subscriber = stage.subscribe_as("%x", &format!("-V {protocol} -q 1 -t binary"));

    stage.publish_input(&format!("-V {protocol} -t binary -s -q 1"), &bytes);

    assert_eq!(subscriber.await_messages(1), [hex(&bytes)]);
}

fn a_mebibyte_arrives(stage: &Stage, protocol: &str) {
    let bytes: Vec<u8> = (0..1_048_576_u32).map(|n| (n % 251) as u8).collect();
    let subscriber = stage.subscribe_as("%x", &format!("-V {protocol} -q 2 -t big"));

    stage.publish_input(&format!("-V {protocol} -t big -s -q 2"), &bytes);

    assert!(subscriber.await_messages(1) == [hex(&bytes)], "the payload has changed on its way");
}

fn wildcards_match(stage: &Stage, protocol: &str) {
    let plus = stage.subscribe(&format!("-V {protocol} -t house/+/temp"));
    let hash = stage.subscribe(&format!("-V {protocol} -t house/#"));
    let everything = stage.subscribe(&format!("-V {protocol} -t #"));

    for topic in ["house/hall/temp", "house/hall/light", "house", "house/a/b/temp", "end"] {
        stage.publish(&format!("-V {protocol} -t {topic} -m x"));
    }
    stage.publish(&format!("-V {protocol} -t house/end/temp -m x"));

    assert_eq!(
        plus.await_messages_until("house/end/temp x"),
        ["house/hall/temp x", "house/end/temp x"]
    );
    assert_eq!(
        hash.await_messages_until("house/end/temp x"),
        [
            "house/hall/temp x",
            "house/hall/light x",
            "house x",
            "house/a/b/temp x",
            "house/end/temp x"
        ]
    );
    // Six publishes and nothing of $SYS.
    assert_eq!(everything.await_messages_until("house/end/temp x").len(), 6);
}

fn many_topics_in_one_client(stage: &Stage, protocol: &str) {
    let filters: String = (0..50).map(|n| format!(" -t many/{n}")).collect();
    let subscriber = stage.subscribe(&format!("-V {protocol} -q 1{filters}"));

    for n in [0, 27, 49] {
        stage.publish(&format!("-V {protocol} -t many/{n} -m x -q 1"));
    }

    assert_eq!(subscriber.await_messages(3), ["many/0 x", "many/27 x", "many/49 x"]);
}

fn an_unsubscribed_topic_is_silent(stage: &Stage, protocol: &str) {
    let both = format!("-V {protocol} -i reader -c -q 1 -t gone -t kept -E");
    stage.mosquitto("mosquitto_sub", &both, b"").await_success();
    let subscriber = stage.subscribe(&format!("-V {protocol} -i reader -c -q 1 -t kept -U gone"));
    subscriber.await_line("received UNSUBACK");

    stage.publish(&format!("-V {protocol} -t gone -m x -q 1"));
    stage.publish(&format!("-V {protocol} -t kept -m x -q 1"));

    assert_eq!(subscriber.await_messages_until("kept x"), ["kept x"]);
}

/// Devices of ten years ago speak MQTT 3.1 ("MQIsdp").
#[test]
fn mqtt_3_1_is_spoken() {
    with_stage(|stage| {
        let subscriber = stage.subscribe("-V mqttv31 -q 2 -t old/#");

        stage.publish("-V mqttv31 -t old/device -m hello -q 2");

        assert_eq!(subscriber.await_messages(1), ["old/device hello"]);
    });
}

#[test]
fn the_versions_talk_to_each_other() {
    with_stage(|stage| {
        let old = stage.subscribe("-V mqttv311 -q 2 -t mixed/#");
        let new = stage.subscribe("-V mqttv5 -q 2 -t mixed/#");

        stage.publish("-V mqttv311 -t mixed/a -m old -q 2");
        stage.publish("-V mqttv5 -t mixed/b -m new -q 2 -D publish content-type text/plain");

        for subscriber in [old, new] {
            assert_eq!(subscriber.await_messages(2), ["mixed/a old", "mixed/b new"]);
        }
    });
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

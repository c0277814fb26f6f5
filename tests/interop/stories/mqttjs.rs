//! MQTT.js; each story is a function of scripts/mqttjs_stories.cjs.

use super::{both_versions, with_stage};
use crate::stage::Stage;

both_versions![
    each_qos_makes_the_round_trip,
    a_session_survives_a_reconnect,
    a_lost_client_leaves_its_will,
    a_second_client_takes_over,
    pings_keep_the_connection,
    a_burst_arrives_in_order,
    a_burst_above_the_receive_maximum_is_taken_at_qos_1,
];

fn each_qos_makes_the_round_trip(stage: &Stage, protocol: &str) {
    stage.mqttjs("each_qos_makes_the_round_trip", protocol);
}

fn a_session_survives_a_reconnect(stage: &Stage, protocol: &str) {
    stage.mqttjs("a_session_survives_a_reconnect", protocol);
}

fn a_lost_client_leaves_its_will(stage: &Stage, protocol: &str) {
    stage.mqttjs("a_lost_client_leaves_its_will", protocol);
}

fn a_second_client_takes_over(stage: &Stage, protocol: &str) {
    stage.mqttjs("a_second_client_takes_over", protocol);
}

fn pings_keep_the_connection(stage: &Stage, protocol: &str) {
    stage.mqttjs("pings_keep_the_connection", protocol);
}

fn a_burst_arrives_in_order(stage: &Stage, protocol: &str) {
    stage.mqttjs("a_burst_arrives_in_order", protocol);
}

fn a_burst_above_the_receive_maximum_is_taken_at_qos_1(stage: &Stage, protocol: &str) {
    stage.mqttjs("a_burst_above_the_receive_maximum_is_taken_at_qos_1", protocol);
}

#[test]
fn topic_aliases_work_in_both_directions() {
    with_stage(|stage| stage.mqttjs("topic_aliases_work_in_both_directions", "mqttv5"));
}

#[test]
fn the_properties_of_a_message_arrive() {
    with_stage(|stage| stage.mqttjs("the_properties_of_a_message_arrive", "mqttv5"));
}

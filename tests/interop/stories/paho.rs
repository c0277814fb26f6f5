//! Python's paho-mqtt; each story is a function of scripts/paho_stories.py.

use super::{both_versions, with_stage};
use crate::stage::Stage;

both_versions![
    each_qos_makes_the_round_trip,
    a_session_is_present_after_a_disconnect,
    the_loop_reconnects_after_a_cut,
    a_second_client_takes_over,
    a_lost_client_leaves_its_will,
    an_unsubscribed_topic_is_silent,
    a_burst_arrives_in_order,
];

fn each_qos_makes_the_round_trip(stage: &Stage, protocol: &str) {
    stage.paho("each_qos_makes_the_round_trip", protocol);
}

fn a_session_is_present_after_a_disconnect(stage: &Stage, protocol: &str) {
    stage.paho("a_session_is_present_after_a_disconnect", protocol);
}

fn the_loop_reconnects_after_a_cut(stage: &Stage, protocol: &str) {
    stage.paho("the_loop_reconnects_after_a_cut", protocol);
}

fn a_second_client_takes_over(stage: &Stage, protocol: &str) {
    stage.paho("a_second_client_takes_over", protocol);
}

fn a_lost_client_leaves_its_will(stage: &Stage, protocol: &str) {
    stage.paho("a_lost_client_leaves_its_will", protocol);
}

fn an_unsubscribed_topic_is_silent(stage: &Stage, protocol: &str) {
    stage.paho("an_unsubscribed_topic_is_silent", protocol);
}

fn a_burst_arrives_in_order(stage: &Stage, protocol: &str) {
    stage.paho("a_burst_arrives_in_order", protocol);
}

#[test]
fn the_properties_of_a_message_arrive() {
    with_stage(|stage| stage.paho("the_properties_of_a_message_arrive", "mqttv5"));
}

#[test]
fn no_local_keeps_a_client_from_hearing_itself() {
    with_stage(|stage| stage.paho("no_local_keeps_a_client_from_hearing_itself", "mqttv5"));
}

#[test]
fn retain_as_published_keeps_the_flag() {
    with_stage(|stage| stage.paho("retain_as_published_keeps_the_flag", "mqttv5"));
}

#[test]
fn retain_handling_says_what_is_replayed() {
    with_stage(|stage| stage.paho("retain_handling_says_what_is_replayed", "mqttv5"));
}

#[test]
fn a_client_without_a_name_gets_one() {
    with_stage(|stage| stage.paho("a_client_without_a_name_gets_one", "mqttv5"));
}

#[test]
fn the_reasons_tell_what_happened() {
    with_stage(|stage| stage.paho("the_reasons_tell_what_happened", "mqttv5"));
}

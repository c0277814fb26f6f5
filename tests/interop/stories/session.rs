//! Sessions that outlive their connections.

use super::{both_versions, with_stage};
use crate::setup::{BrokerKind, broker_kind};
use crate::stage::Stage;

both_versions![
    qos_1_waits_for_an_absent_client,
    qos_2_waits_for_an_absent_client,
    a_killed_client_misses_nothing,
    a_clean_session_forgets,
];

fn qos_1_waits_for_an_absent_client(stage: &Stage, protocol: &str) {
    messages_wait_in_order(stage, protocol, 1);
}

fn qos_2_waits_for_an_absent_client(stage: &Stage, protocol: &str) {
    messages_wait_in_order(stage, protocol, 2);
}

fn messages_wait_in_order(stage: &Stage, protocol: &str, qos: u8) {
    let session = format!("-V {protocol} -c -i sleeper -q {qos} -t queue");
    let mut first = stage.subscribe(&session);
    first.terminate();
    first.await_exit();

    let waiting = numbered(waiting_max());
    stage.publish_input(&format!("-V {protocol} -t queue -q {qos} -l"), waiting.as_bytes());

    let second = stage.subscribe_as("%p", &session);
    stage.publish(&format!("-V {protocol} -t queue -m end -q {qos}"));
    let messages = second.await_messages_until("end");
    assert_eq!(messages.join("\n"), format!("{waiting}end"));
}

/// Mosquitto 2.0.11 sends a resumed session of version 5 more than its receive maximum of 20.
fn waiting_max() -> usize {
    match broker_kind() {
        BrokerKind::Fulmar => 100,
        BrokerKind::Mosquitto => 15,
    }
}

fn a_killed_client_misses_nothing(stage: &Stage, protocol: &str) {
    let session = format!("-V {protocol} -c -i sleeper -q 2 -t queue");
    stage.subscribe(&session).kill();

    stage.publish_input(&format!("-V {protocol} -t queue -q 2 -l"), numbered(10).as_bytes());

    let second = stage.subscribe_as("%p", &session);
    assert_eq!(second.await_messages(10).join("\n") + "\n", numbered(10));
}

fn a_clean_session_forgets(stage: &Stage, protocol: &str) {
    let mut first = stage.subscribe(&format!("-V {protocol} -c -i sleeper -q 1 -t queue"));
    first.terminate();
    first.await_exit();
    stage.publish(&format!("-V {protocol} -t queue -m lost -q 1"));

    let clean = stage.subscribe(&format!("-V {protocol} -i sleeper -q 1 -t other"));
    stage.publish(&format!("-V {protocol} -t queue -m lost -q 1"));
    stage.publish(&format!("-V {protocol} -t other -m end -q 1"));

    assert_eq!(clean.await_messages_until("other end"), ["other end"]);
}

/// The same promise as `-c`, in the words of version 5.
#[test]
fn a_session_lives_for_its_expiry_interval() {
    with_stage(|stage| {
        let mut first = stage.subscribe("-V mqttv5 -c -x 3600 -i sleeper -q 1 -t queue");
        first.terminate();
        first.await_exit();
        stage.publish("-V mqttv5 -t queue -m kept -q 1");

        let second = stage.subscribe("-V mqttv5 -c -x 3600 -i sleeper -q 1 -t queue");

        assert_eq!(second.await_messages(1), ["queue kept"]);
    });
}

#[test]
fn a_session_without_expiry_interval_ends_with_its_connection() {
    with_stage(|stage| {
        let mut first = stage.subscribe("-V mqttv5 -c -x 0 -i sleeper -q 1 -t queue");
        first.terminate();
        first.await_exit();
        stage.publish("-V mqttv5 -t queue -m lost -q 1");

        let second = stage.subscribe("-V mqttv5 -c -x 0 -i sleeper -q 1 -t queue");
        stage.publish("-V mqttv5 -t queue -m end -q 1");

        assert_eq!(second.await_messages_until("queue end"), ["queue end"]);
    });
}

/// The lines `1` to `last`.
fn numbered(last: usize) -> String {
    (1..=last).map(|n| format!("{n}\n")).collect()
}

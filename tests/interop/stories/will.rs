//! Wills: published when a client is lost, and only then.

use super::{both_versions, with_stage};
use crate::stage::Stage;

both_versions![
    a_killed_client_leaves_its_will,
    a_clean_disconnect_leaves_none,
    a_will_can_be_retained,
];

fn a_killed_client_leaves_its_will(stage: &Stage, protocol: &str) {
    let watcher = stage.subscribe_as("%t %p %q", &format!("-V {protocol} -q 2 -t will/#"));
    let mut client = stage.subscribe(&format!(
        "-V {protocol} -t any --will-topic will/client --will-payload lost --will-qos 2"
    ));

    client.kill();

    assert_eq!(watcher.await_messages(1), ["will/client lost 2"]);
}

fn a_clean_disconnect_leaves_none(stage: &Stage, protocol: &str) {
    let watcher = stage.subscribe(&format!("-V {protocol} -q 1 -t will/#"));
    let mut client = stage.subscribe(&format!(
        "-V {protocol} -t bye -C 1 --will-topic will/client --will-payload lost --will-qos 1"
    ));

    stage.publish(&format!("-V {protocol} -t bye -m x -q 1"));
    client.await_success();
    stage.publish(&format!("-V {protocol} -t will/end -m x -q 1"));

    assert_eq!(watcher.await_messages_until("will/end x"), ["will/end x"]);
}

fn a_will_can_be_retained(stage: &Stage, protocol: &str) {
    let watcher = stage.subscribe(&format!("-V {protocol} -q 1 -t will/#"));
    let mut client = stage.subscribe(&format!(
        "-V {protocol} -t any --will-topic will/client --will-payload lost --will-qos 1 --will-retain"
    ));

    client.kill();
    watcher.await_messages(1);

    let late = stage.subscribe_as("%t %p r%r", &format!("-V {protocol} -q 1 -t will/#"));
    assert_eq!(late.await_messages(1), ["will/client lost r1"]);
}

/// mosquitto_sub answers SIGTERM with DISCONNECT 0x04 in version 5.
#[test]
fn a_client_can_ask_for_its_will() {
    with_stage(|stage| {
        let watcher = stage.subscribe("-V mqttv5 -q 1 -t will/#");
        let client = stage
            .subscribe("-V mqttv5 -t any --will-topic will/client --will-payload bye --will-qos 1");

        client.terminate();

        assert_eq!(watcher.await_messages(1), ["will/client bye"]);
    });
}

#[test]
fn a_will_carries_its_properties() {
    with_stage(|stage| {
        let watcher = stage.subscribe_as("%t %p %C %P", "-V mqttv5 -q 1 -t will/#");
        let mut client = stage.subscribe(
            "-V mqttv5 -t any --will-topic will/client --will-payload lost --will-qos 1 \
             -D will content-type text/plain -D will user-property place cellar",
        );

        client.kill();

        assert_eq!(watcher.await_messages(1), ["will/client lost text/plain place:cellar"]);
    });
}

#[test]
fn a_delayed_will_comes_at_last() {
    with_stage(|stage| {
        let watcher = stage.subscribe("-V mqttv5 -q 1 -t will/#");
        let mut client = stage.subscribe(
            "-V mqttv5 -i client -x 60 -t any --will-topic will/client --will-payload lost \
             --will-qos 1 -D will will-delay-interval 1",
        );

        client.kill();

        assert_eq!(watcher.await_messages(1), ["will/client lost"]);
    });
}

#[test]
fn a_delayed_will_comes_when_the_session_ends() {
    with_stage(|stage| {
        let watcher = stage.subscribe("-V mqttv5 -q 1 -t will/#");
        let mut client = stage.subscribe(
            "-V mqttv5 -i client -x 1 -t any --will-topic will/client --will-payload lost \
             --will-qos 1 -D will will-delay-interval 3600",
        );

        client.kill();

        assert_eq!(watcher.await_messages(1), ["will/client lost"]);
    });
}

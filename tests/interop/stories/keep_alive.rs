//! Clients that have nothing to say.

use super::{both_versions, with_stage};
use crate::stage::Stage;

both_versions![an_idle_client_stays];

/// Five seconds are the shortest keep alive that mosquitto_sub takes.
fn an_idle_client_stays(stage: &Stage, protocol: &str) {
    let idle = stage.subscribe(&format!("-V {protocol} -k 5 -q 1 -t news"));
    idle.await_lines("received PINGRESP", 2);

    stage.publish(&format!("-V {protocol} -t news -m x -q 1"));

    assert_eq!(idle.await_messages(1), ["news x"]);
    assert_eq!(idle.count_lines("sending CONNECT"), 1, "the client had to connect again");
}

#[test]
fn a_client_that_falls_silent_is_given_up() {
    with_stage(|stage| {
        let watcher = stage.subscribe("-V mqttv5 -q 1 -t will/#");
        let client = stage.subscribe(
            "-V mqttv5 -k 5 -t any --will-topic will/client --will-payload silent --will-qos 1",
        );

        client.freeze();

        assert_eq!(watcher.await_messages(1), ["will/client silent"]);
    });
}

//! The end of the broker.

use super::{both_versions, with_stage};
use crate::setup::{BrokerKind, broker_kind, say_skipped};
use crate::stage::Stage;

both_versions![sigterm_ends_the_broker_in_order];

fn sigterm_ends_the_broker_in_order(stage: &mut Stage, protocol: &str) {
    let _subscriber = stage.subscribe(&format!("-V {protocol} -q 1 -t news"));

    let status = stage.shut_down_broker();

    assert_eq!(status.code(), Some(0), "{status}");
}

#[test]
fn clients_are_told_of_the_shutdown() {
    if broker_kind() == BrokerKind::Mosquitto {
        say_skipped("Mosquitto 2.0.11 closes its connections without DISCONNECT");
        return;
    }
    with_stage(|stage| {
        let subscriber = stage.subscribe("-V mqttv5 -q 1 -t news");

        stage.shut_down_broker();

        subscriber.await_line("Received DISCONNECT (139)");
    });
}

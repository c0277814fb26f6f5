//! What the broker tells of itself under $SYS, in Mosquitto's names.

use super::{both_versions, with_stage};
use crate::stage::Stage;

both_versions![the_broker_tells_of_itself];

fn the_broker_tells_of_itself(stage: &Stage, protocol: &str) {
    let subscriber = stage.subscribe_as(
        "%t|%p",
        &format!(
            "-V {protocol} -t $SYS/broker/version -t $SYS/broker/uptime \
             -t $SYS/broker/clients/connected"
        ),
    );

    let value = |topic: &str| {
        let prefix = format!("$SYS/broker/{topic}|");
        stage.poll(&prefix, || {
            let messages = subscriber.messages();
            messages.iter().find_map(|message| message.strip_prefix(&prefix).map(str::to_owned))
        })
    };
    assert!(!value("version").is_empty());
    let uptime = value("uptime");
    assert!(uptime.trim_end_matches(" seconds").parse::<u64>().is_ok(), "uptime {uptime:?}");
    let connected = value("clients/connected");
    assert!(connected.parse::<u32>().is_ok(), "clients/connected {connected:?}");
}

/// A monitor that comes late finds the values without waiting for the next round.
#[test]
fn the_values_are_retained() {
    with_stage(|stage| {
        stage.subscribe("-t $SYS/broker/version").await_messages(1);

        let late = stage.subscribe_as("r%r", "-t $SYS/broker/version");

        assert_eq!(late.await_messages(1), ["r1"]);
    });
}

//! Retained messages: set, replaced, cleared.

use super::both_versions;
use crate::stage::Stage;

both_versions![
    a_late_subscriber_gets_the_last_value,
    an_empty_payload_clears,
    only_old_news_is_marked_retained,
    retained_only_shows_what_was_there_before,
    stale_messages_can_be_left_out,
    a_client_can_clear_what_it_finds,
];

fn a_late_subscriber_gets_the_last_value(stage: &Stage, protocol: &str) {
    for payload in ["first", "second"] {
        stage.publish(&format!("-V {protocol} -t state/door -m {payload} -r -q 1"));
    }

    let subscriber = stage.subscribe_as("%t %p r%r", &format!("-V {protocol} -q 1 -t state/+"));
    stage.publish(&format!("-V {protocol} -t state/end -m x -q 1"));

    let messages = subscriber.await_messages_until("state/end x r0");
    assert_eq!(messages, ["state/door second r1", "state/end x r0"]);
}

fn an_empty_payload_clears(stage: &Stage, protocol: &str) {
    stage.publish(&format!("-V {protocol} -t state/door -m open -r -q 1"));
    stage.publish(&format!("-V {protocol} -t state/door -n -r -q 1"));

    let subscriber = stage.subscribe(&format!("-V {protocol} -q 1 -t state/#"));
    stage.publish(&format!("-V {protocol} -t state/end -m x -q 1"));

    assert_eq!(subscriber.await_messages_until("state/end x"), ["state/end x"]);
}

fn only_old_news_is_marked_retained(stage: &Stage, protocol: &str) {
    let subscriber = stage.subscribe_as("%t %p r%r", &format!("-V {protocol} -q 1 -t state/#"));

    stage.publish(&format!("-V {protocol} -t state/door -m open -r -q 1"));

    assert_eq!(subscriber.await_messages(1), ["state/door open r0"]);
}

fn retained_only_shows_what_was_there_before(stage: &Stage, protocol: &str) {
    stage.publish(&format!("-V {protocol} -t state/a -m one -r -q 1"));
    stage.publish(&format!("-V {protocol} -t state/b -m two -r -q 1"));
    let mut subscriber = stage.subscribe(&format!("-V {protocol} -q 1 -t state/# --retained-only"));

    stage.publish(&format!("-V {protocol} -t state/c -m live -q 1"));

    subscriber.await_success();
    let mut messages = subscriber.messages();
    messages.sort();
    assert_eq!(messages, ["state/a one", "state/b two"]);
}

fn stale_messages_can_be_left_out(stage: &Stage, protocol: &str) {
    stage.publish(&format!("-V {protocol} -t state/a -m old -r -q 1"));
    let subscriber = stage.subscribe(&format!("-V {protocol} -q 1 -t state/# -R"));

    stage.publish(&format!("-V {protocol} -t state/a -m new -r -q 1"));

    assert_eq!(subscriber.await_messages(1), ["state/a new"]);
}

fn a_client_can_clear_what_it_finds(stage: &Stage, protocol: &str) {
    stage.publish(&format!("-V {protocol} -t state/a -m old -r -q 1"));
    let cleaner = stage.subscribe(&format!("-V {protocol} -q 1 -t state/# --remove-retained"));
    cleaner.await_line("received PUBACK");

    let subscriber = stage.subscribe(&format!("-V {protocol} -q 1 -t state/#"));
    stage.publish(&format!("-V {protocol} -t state/end -m x -q 1"));

    assert_eq!(subscriber.await_messages_until("state/end x"), ["state/end x"]);
}

//! What version 5 adds to a message, and what the Mosquitto clients can show of it.

use super::with_stage;

#[test]
fn a_request_gets_its_response() {
    with_stage(|stage| {
        let service = stage.subscribe_as("%R %D %p", "-V mqttv5 -q 1 -t requests");
        let mut requester = stage.mosquitto(
            "mosquitto_rr",
            "-V mqttv5 -q 1 -t requests -e responses/7 -m question -D publish correlation-data c7",
            b"",
        );

        assert_eq!(service.await_messages(1), ["responses/7 c7 question"]);
        stage.publish("-V mqttv5 -q 1 -t responses/7 -m answer -D publish correlation-data c7");

        requester.await_success();
        requester.await_line("answer");
    });
}

#[test]
fn the_properties_of_a_message_arrive_in_order() {
    with_stage(|stage| {
        let subscriber = stage.subscribe_as("%C|%R|%D|%F|%P", "-V mqttv5 -q 1 -t full");

        stage.publish(
            "-V mqttv5 -t full -m x -q 1 -D publish content-type text/plain \
             -D publish response-topic answers -D publish correlation-data abc \
             -D publish payload-format-indicator 1 -D publish user-property b one \
             -D publish user-property a two -D publish user-property b three",
        );

        let messages = subscriber.await_messages(1);
        assert_eq!(messages, ["text/plain|answers|abc|1|b:one a:two b:three"]);
    });
}

#[test]
fn a_retained_message_keeps_its_properties() {
    with_stage(|stage| {
        stage.publish("-V mqttv5 -t full -m x -q 1 -r -D publish content-type text/plain");

        let subscriber = stage.subscribe_as("%C r%r", "-V mqttv5 -q 1 -t full");

        assert_eq!(subscriber.await_messages(1), ["text/plain r1"]);
    });
}

#[test]
fn a_message_tells_how_long_it_has_to_live() {
    with_stage(|stage| {
        stage.publish("-V mqttv5 -t note -m x -q 1 -r -D publish message-expiry-interval 1000");

        let subscriber = stage.subscribe_as("%E", "-V mqttv5 -q 1 -t note");

        let left: u32 = subscriber.await_messages(1)[0].parse().expect("%E is a number");
        assert!((1..=1000).contains(&left), "{left} s left of 1000 s");
    });
}

#[test]
fn an_expired_message_is_not_delivered() {
    with_stage(|stage| {
        stage.publish("-V mqttv5 -t note/a -m short -q 1 -r -D publish message-expiry-interval 1");

        stage.poll("the end of a message that lives for 1 s", || {
            let look = stage.subscribe("-V mqttv5 -q 1 -t note/#");
            stage.publish("-V mqttv5 -t note/end -m x -q 1");
            (look.await_messages_until("note/end x") == ["note/end x"]).then_some(())
        });
    });
}

#[test]
fn a_subscription_identifier_comes_with_each_message() {
    with_stage(|stage| {
        let subscriber = stage.subscribe_as(
            "%t %S",
            "-V mqttv5 -q 1 -t named/# -D subscribe subscription-identifier 268435455",
        );

        stage.publish("-V mqttv5 -t named/a -m x -q 1");

        assert_eq!(subscriber.await_messages(1), ["named/a 268435455"]);
    });
}

#[test]
fn a_topic_alias_stands_for_its_topic() {
    with_stage(|stage| {
        let subscriber = stage.subscribe("-V mqttv5 -q 1 -t long/name");

        stage.publish_input(
            "-V mqttv5 -q 1 -t long/name -D publish topic-alias 3 -l",
            b"one\ntwo\nthree\n",
        );

        let messages = subscriber.await_messages(3);
        assert_eq!(messages, ["long/name one", "long/name two", "long/name three"]);
    });
}

//! Every place at which rules are asked, in both versions.

use fulmar::codec::{LastWill, Packet, Publish};
use fulmar::request::{AuthAnswer, AuthRequest, Grants, Identity};
use fulmar::types::ReasonCode::{GrantedQoS1, NotAuthorized, Success};
use fulmar::types::{Protocol, SubscriptionOptions};

use crate::common::{AtLeastOnce, AtMostOnce, Client, ExactlyOnce, V5, V311, World, message, will};
use crate::reload::{set_rules, world};

const BOTH: [Protocol; 2] = [V5, V311];

#[test]
fn without_rules_everything_is_allowed() {
    let world = World::new();
    let mut client = world.connect(V5, "c").open();

    assert_eq!(client.subscribe("#", AtLeastOnce), GrantedQoS1);
    assert_eq!(client.publish("t", "x", ExactlyOnce), Success);
    client.expect_text("t", "x");
}

#[test]
fn what_may_not_be_published_is_refused_or_dropped() {
    let world = world(&["allow write ann mine/#", "allow read,subscribe * #"]);
    for version in BOTH {
        let mut reader = world.connect(version, "reader").open();
        reader.subscribe("#", ExactlyOnce);
        let mut ann = user(&world, version, "ann");

        // 3.1.1 has no word for it: acknowledged and dropped ([MQTT-3.3.5-2]).
        let refused = if version == V5 { NotAuthorized } else { Success };
        for qos in [AtLeastOnce, ExactlyOnce] {
            assert_eq!(ann.publish("theirs", "x", qos), refused, "{version} {qos:?}");
        }
        ann.publish("theirs", "x", AtMostOnce);
        ann.retain("theirs", "x", AtMostOnce);
        ann.ping();
        reader.expect_nothing();

        ann.publish("mine/t", "y", ExactlyOnce);
        reader.expect_text("mine/t", "y");
        assert_eq!(world.shell().borrow().broker.retained().len(), 0);
        ann.disconnect();
        reader.disconnect();
    }
    assert_eq!(world.stats().denied, 8);
}

#[test]
fn a_refused_publish_of_3_1_1_is_a_whole_exchange() {
    let world = world(&["allow read * #"]);
    let mut client = world.connect(V311, "c").open();
    let id = client.next_id();
    let publish = Publish { packet_id: Some(id), ..message("t", b"x", ExactlyOnce) };

    client.send(Packet::Publish(publish.clone()));
    client.expect_pubrec(id);
    client.send(Packet::Publish(Publish { dup: true, ..publish }));
    client.expect_pubrec(id);
    client.send(Packet::PubRel(crate::common::ack(id)));
    client.expect_pubcomp(id);
}

#[test]
fn each_filter_is_checked_as_a_filter() {
    let world = world(&["deny subscribe * open/no", "allow subscribe * open/#"]);
    for version in BOTH {
        let mut client = world.connect(version, "c").open();
        let options = SubscriptionOptions { qos: AtLeastOnce, ..Default::default() };
        let refused = if version == V5 { 0x87 } else { 0x80 };

        let filters = ["open/+", "open/no", "#", "+/yes", "closed", "$share/g/open/#"];
        let reasons = client.subscribe_all(&filters.map(|filter| (filter, options)));

        let bytes: Vec<u8> = reasons.iter().map(|reason| reason.byte()).collect();
        assert_eq!(bytes, [1, refused, refused, refused, refused, 1], "{version}");
        client.disconnect();
    }
}

#[test]
fn only_topics_that_may_be_read_are_delivered() {
    let world = world(&["deny read ann secret/#", "allow read,write,subscribe * #"]);
    for version in BOTH {
        let mut ann = user(&world, version, "ann");
        let mut bob = user(&world, version, "bob");
        ann.subscribe("#", AtMostOnce);
        bob.subscribe("#", AtMostOnce);

        for topic in ["secret/t", "open"] {
            bob.publish(topic, "x", AtMostOnce);
        }

        assert_eq!(topics(&mut bob), ["secret/t", "open"], "{version}");
        assert_eq!(topics(&mut ann), ["open"], "{version}");
        ann.disconnect();
        bob.disconnect();
    }
    assert_eq!(world.stats().dropped.denied, 2);
}

#[test]
fn a_receiver_that_may_not_read_counts_as_subscribed() {
    let world = world(&["deny read * t", "allow read,write,subscribe * #"]);
    let mut client = world.connect(V5, "c").open();
    client.subscribe("t", AtLeastOnce);

    assert_eq!(client.publish("t", "x", AtLeastOnce), Success);
    client.expect_nothing();
}

#[test]
fn retained_messages_are_shown_to_those_who_may_read_them() {
    let world = world(&["deny read ann secret/#", "allow read,write,subscribe * #"]);
    let mut bob = user(&world, V5, "bob");
    for topic in ["a", "secret/t", "z"] {
        bob.retain(topic, "x", AtLeastOnce);
    }
    for version in BOTH {
        let mut ann = user(&world, version, "ann");
        ann.subscribe("#", AtLeastOnce);
        assert_eq!(topics(&mut ann), ["a", "z"], "{version}");
        ann.disconnect();
    }
}

#[test]
fn a_shared_message_goes_to_a_member_who_may_read_it() {
    let world = world(&["deny read ann secret", "allow read,write,subscribe * #"]);
    let mut ann = user(&world, V5, "ann");
    let mut bob = user(&world, V5, "bob");
    for client in [&mut ann, &mut bob] {
        client.subscribe("$share/g/#", AtMostOnce);
    }
    let mut publisher = world.connect(V5, "publisher").open();

    for _ in 0..3 {
        publisher.publish("secret", "x", AtMostOnce);
    }
    assert_eq!(bob.messages().len(), 3);

    bob.disconnect();
    publisher.publish("secret", "x", AtMostOnce);
    ann.expect_nothing();
}

#[test]
fn a_will_that_may_not_be_published_is_refused_with_its_connection() {
    let world = world(&["deny write * gone/ann", "allow read,write,subscribe * #"]);
    for (version, reason) in [(V5, 0x87), (V311, 5)] {
        let connecting = world.connect(version, "c").will(will("gone/ann", "x", AtMostOnce));
        let mut client = connecting.send();
        let bytes = client.expect_bytes();
        assert_eq!((bytes[0], bytes[3]), (0x20, reason), "{version}");

        world.connect(version, "c").will(will("gone/bob", "x", AtMostOnce)).open();
    }
}

#[test]
fn a_will_is_checked_again_when_it_is_published() {
    let world = world(&["allow read,write,subscribe * #"]);
    let mut reader = world.connect(V5, "reader").open();
    reader.subscribe("gone", AtMostOnce);
    let delayed = LastWill { delay_secs: Some(5), ..will("gone", "x", AtMostOnce) };
    let now = world.connect(V5, "now").will(will("gone", "x", AtMostOnce)).open();
    let later = world.connect(V5, "later").expiry(60).will(delayed).open();

    later.drop_link();
    set_rules(&world, &["deny write * gone", "allow read,write,subscribe * #"]);
    now.drop_link();
    world.advance_secs(10);

    reader.expect_nothing();
}

#[test]
fn grants_stand_behind_the_rules_and_hold_without_any() {
    let world = World::new().authenticated_by(|request: AuthRequest| {
        let AuthRequest::Credentials { username, .. } = request else { panic!("no method") };
        let list = |topic: &str| vec![topic.to_owned()];
        let grants = Grants { publish: list("out/#"), subscribe: list("in/#") };
        let grants = username.is_some().then(|| Box::new(grants));
        let identity = Identity { username, grants, ..Identity::default() };
        AuthAnswer::Accept { identity, data: None, valid_for: None }
    });
    let mut other = world.connect(V5, "other").open();
    let mut ann = user(&world, V5, "ann");

    assert_eq!(ann.subscribe("in/+", AtLeastOnce), GrantedQoS1);
    assert_eq!(ann.subscribe("#", AtLeastOnce), NotAuthorized);
    assert_eq!(ann.publish("in/t", "x", AtLeastOnce), NotAuthorized);
    assert!(!ann.publish("out/t", "x", AtLeastOnce).is_error());
    assert_eq!(other.publish("in/t", "x", AtLeastOnce), Success, "nothing is said of it");
    ann.expect_text("in/t", "x");

    set_rules(&world, &["deny write ann out/no"]);
    assert_eq!(ann.publish("out/no", "x", AtLeastOnce), NotAuthorized);
    assert!(!ann.publish("out/t", "x", AtLeastOnce).is_error());
    assert_eq!(other.publish("in/t", "x", AtLeastOnce), NotAuthorized, "now there are rules");
}

pub fn user(world: &World, version: Protocol, name: &str) -> Client {
    world.connect(version, name).credentials(name, "").open()
}

fn topics(client: &mut Client) -> Vec<String> {
    client.messages().into_iter().map(|publish| publish.topic.to_owned()).collect()
}

//! Rules that change while clients are there, and identities that do.

use std::sync::Arc;

use fulmar::auth::rules::{Accesses, Pattern, Rule, Rules, Who};
use fulmar::codec::{Auth, Packet};
use fulmar::request::{AuthAnswer, AuthRequest, Identity};
use fulmar::types::ReasonCode::{self, NotAuthorized, Success};

use crate::common::{AtLeastOnce, AtMostOnce, V5, World};
use crate::places::user;

#[test]
fn new_rules_hold_at_once_for_those_who_are_there() {
    let world = world(&["allow read,write,subscribe * #"]);
    let mut client = world.connect(V5, "c").open();
    client.subscribe("t", AtLeastOnce);
    assert_eq!(client.publish("t", "x", AtLeastOnce), Success);
    client.expect_text("t", "x");

    set_rules(&world, &["deny write * t", "allow read,write,subscribe * #"]);
    assert_eq!(client.publish("t", "x", AtLeastOnce), NotAuthorized);

    set_rules(&world, &["deny read * t", "allow read,write,subscribe * #"]);
    assert_eq!(client.publish("t", "x", AtLeastOnce), Success);
    client.expect_nothing();

    set_rules(&world, &[]);
    assert_eq!(client.publish("t", "x", AtLeastOnce), Success);
    client.expect_text("t", "x");
}

#[test]
fn what_waits_is_checked_by_the_rules_of_the_moment_it_is_sent() {
    let world = world(&["allow read,write,subscribe * #"]);
    let mut sleeper = world.connect(V5, "sleeper").persistent().open();
    sleeper.subscribe("#", AtLeastOnce);
    sleeper.drop_link();
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.publish("secret", "x", AtLeastOnce);
    publisher.publish("open", "y", AtLeastOnce);

    set_rules(&world, &["deny read * secret", "allow read,write,subscribe * #"]);

    let mut sleeper = world.connect(V5, "sleeper").persistent().open();
    assert_eq!(sleeper.texts(), ["y"]);
    assert_eq!(world.stats().dropped.denied, 1);
}

#[test]
fn nothing_that_may_not_be_read_waits_for_a_client_that_is_known() {
    let world = world(&["deny read * secret", "allow read,write,subscribe * #"]);
    let mut sleeper = world.connect(V5, "sleeper").persistent().open();
    sleeper.subscribe("#", AtLeastOnce);
    sleeper.drop_link();

    world.connect(V5, "publisher").open().publish("secret", "x", AtLeastOnce);

    assert_eq!(world.stats().dropped.denied, 1);
    let mut sleeper = world.connect(V5, "sleeper").persistent().open();
    sleeper.expect_nothing();
}

#[test]
fn what_waits_for_a_client_of_an_earlier_process_is_checked_when_it_is_sent() {
    let rules = ["deny read ann secret", "allow read,write,subscribe * #"];
    let world = world(&rules);
    let sleeper = world.connect(V5, "ann").credentials("ann", "").persistent();
    let mut sleeper = sleeper.open();
    sleeper.subscribe("#", AtLeastOnce);
    world.crash();
    set_rules(&world, &rules);
    let mut publisher = world.connect(V5, "publisher").open();
    publisher.publish("secret", "x", AtLeastOnce);
    publisher.publish("open", "y", AtLeastOnce);
    assert_eq!(world.stats().dropped.denied, 0, "nobody knows yet whose session it is");

    let back = world.connect(V5, "ann").credentials("ann", "").persistent();
    let mut back = back.open();

    assert_eq!(back.texts(), ["y"]);
    assert_eq!(world.stats().dropped.denied, 1);
}

#[test]
fn another_user_of_the_same_client_id_gets_what_it_may_read() {
    let world = world(&["allow read ann t", "allow write,subscribe * #"]);
    let mut ann = world.connect(V5, "c").credentials("ann", "").persistent().open();
    ann.subscribe("t", AtLeastOnce);
    user(&world, V5, "bob").publish("t", "x", AtLeastOnce);
    ann.expect_publish();
    ann.drop_link();

    let mut eve = world.connect(V5, "c").credentials("eve", "").persistent().open();

    eve.expect_nothing();
}

#[test]
fn groups_that_change_with_an_authentication_change_what_a_client_may() {
    let mut answers = vec![vec!["staff".to_owned()], Vec::new()];
    let world = World::new().authenticated_by(move |_: AuthRequest| AuthAnswer::Accept {
        identity: Identity { groups: answers.remove(0), ..Identity::default() },
        data: None,
        valid_for: None,
    });
    let staff = Who { groups: vec!["staff".to_owned()], ..Who::default() };
    let rule = Rule { allow: true, accesses: Accesses::ALL, who: staff, ..Rule::default() };
    let rules = Arc::new(Rules::new(vec![rule]));
    world.shell().borrow_mut().broker.set_rules(rules);
    let method = |packet: &mut fulmar::codec::Connect<'static>| {
        packet.authentication_method = Some("M");
    };
    let mut client = world.connect(V5, "c").with(method).open();
    client.subscribe("t", AtLeastOnce);
    assert_eq!(client.publish("t", "x", AtLeastOnce), Success);
    client.expect_text("t", "x");

    client.send(Packet::Auth(Auth {
        reason: ReasonCode::ReAuthenticate,
        authentication_method: Some("M"),
        ..Auth::default()
    }));
    let Packet::Auth(auth) = client.expect() else { panic!("AUTH") };
    assert_eq!(auth.reason, Success);

    assert_eq!(client.publish("t", "x", AtLeastOnce), NotAuthorized);
    client.publish("t", "x", AtMostOnce);
    client.expect_nothing();
}

pub fn world(rules: &[&str]) -> World {
    let world = World::new();
    set_rules(&world, rules);
    world
}

/// Each as in `allow read,write ann a/#`; `*` is everybody.
pub fn set_rules(world: &World, rules: &[&str]) {
    let rules = rules.iter().map(|text| {
        let words: Vec<&str> = text.split(' ').collect();
        let [verb, accesses, user, topic] = words[..] else { panic!("four words: {text}") };
        let has = |access| accesses.split(',').any(|it| it == access);
        let users = Some(user).filter(|user| *user != "*").map(String::from);
        Rule {
            allow: verb == "allow",
            accesses: Accesses {
                read: has("read"),
                write: has("write"),
                subscribe: has("subscribe"),
            },
            who: Who { users: users.into_iter().collect(), ..Who::default() },
            topics: vec![Pattern::parse(topic).expect("valid")],
            place: (*text).into(),
        }
    });
    let rules = Arc::new(Rules::new(rules.collect()));
    world.shell().borrow_mut().broker.set_rules(rules);
}

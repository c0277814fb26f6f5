use crate::common::*;
use fulmar::codec::{Auth, ConnAck, Packet};
use fulmar::request::{AuthAnswer, AuthRequest, Identity};
use fulmar::types::ReasonCode::{
    self, BadAuthenticationMethod, ContinueAuthentication, NotAuthorized, ProtocolError,
    ReAuthenticate, Success,
};

// [MQTT-4.12.0-1]
#[test]
fn a_method_that_the_server_does_not_know_closes_the_connection() {
    let world = World::new().authenticated_by(script);
    let connecting = world.connect(V5, "client");
    let refused = connecting.with(|connect| connect.authentication_method = Some("N")).refused();
    assert_eq!(refused.reason, BadAuthenticationMethod);
}

// [MQTT-4.12.0-2] [MQTT-4.12.0-5]
#[test]
fn the_server_asks_for_more_with_continue_and_the_method_and_accepts_with_connack() {
    let world = World::new().authenticated_by(script);
    let mut client = begin(&world);
    let question = expect_auth(&mut client);
    assert_eq!(question.reason, ContinueAuthentication);
    assert_eq!(question.authentication_method, Some("M"));
    assert_eq!(question.authentication_data, Some(&b"who?"[..]));
    client.expect_nothing();

    send_auth(&mut client, ContinueAuthentication, "M", b"me");

    let connack: ConnAck = client.expect_connack();
    assert_eq!((connack.reason, connack.authentication_method), (Success, Some("M")));
    assert_eq!(connack.authentication_data, Some(&b"welcome"[..]));
    client.ping();
}

// [MQTT-4.12.0-3]
#[test]
fn an_answer_without_continue_closes_the_connection() {
    for reason in [Success, ReAuthenticate] {
        let world = World::new().authenticated_by(script);
        let mut client = begin(&world);
        expect_auth(&mut client);

        send_auth(&mut client, reason, "M", b"me");

        assert_eq!(client.expect_connack().reason, ProtocolError);
        client.expect_closed();
    }
}

// [MQTT-4.12.0-4]
#[test]
fn a_server_that_rejects_the_client_closes_the_connection_at_any_point() {
    let world = World::new().authenticated_by(script);
    let mut client = begin(&world);
    expect_auth(&mut client);
    send_auth(&mut client, ContinueAuthentication, "M", b"somebody else");
    assert_eq!(client.expect_connack().reason, NotAuthorized);
    client.expect_closed();
    assert_eq!(world.shell().borrow().broker.sessions(), 0);

    let refused = world.connect(V5, "client").with(|connect| {
        connect.authentication_method = Some("M");
        connect.authentication_data = Some(b"banned");
    });
    assert_eq!(refused.refused().reason, ReasonCode::Banned);
}

// [MQTT-4.12.0-4]
#[test]
fn a_client_that_is_rejected_does_not_touch_the_one_that_it_claims_to_be() {
    let world = World::new().authenticated_by(script);
    let mut client = authenticated(&world);

    let mut impostor = begin(&world);
    expect_auth(&mut impostor);
    client.ping();
    send_auth(&mut impostor, ContinueAuthentication, "M", b"not me");

    assert_eq!(impostor.expect_connack().reason, NotAuthorized);
    impostor.expect_closed();
    client.ping();
    client.expect_nothing();
}

// [MQTT-4.12.0-5]
#[test]
fn an_auth_of_the_client_with_another_method_or_none_closes_the_connection() {
    for method in [Some("N"), Some("m"), None] {
        let world = World::new().authenticated_by(script);
        let mut client = begin(&world);
        expect_auth(&mut client);

        client.send(Packet::Auth(Auth {
            reason: ContinueAuthentication,
            authentication_method: method,
            ..Auth::default()
        }));

        assert_eq!(client.expect_connack().reason, ProtocolError);
        client.expect_closed();
    }
}

// [MQTT-4.12.0-6]
#[test]
fn a_client_without_method_gets_neither_auth_nor_a_method() {
    let accept_with_data = |_| accept(Some(b"data".to_vec()));
    let world = World::new().authenticated_by(accept_with_data);
    let client = world.connect(V5, "client").credentials("ann", "secret").open();
    assert_eq!(client.connack.authentication_method, None);
    assert_eq!(client.connack.authentication_data, None);

    let world = World::new().authenticated_by(|_| AuthAnswer::Continue {
        data: b"who?".to_vec(),
        state: Box::default(),
    });
    assert_eq!(world.connect(V5, "client").refused().reason, NotAuthorized);
}

// [MQTT-4.12.0-7]
#[test]
fn an_auth_from_a_client_without_method_closes_the_connection() {
    for reason in [ContinueAuthentication, ReAuthenticate] {
        let world = World::new().authenticated_by(|_| accept(None));
        let mut client = world.connect(V5, "client").open();
        send_auth(&mut client, reason, "M", b"me");
        client.expect_disconnect(ProtocolError);
    }
}

// [MQTT-4.12.1-1]
#[test]
fn a_client_authenticates_again_while_its_messages_go_on() {
    let world = World::new().authenticated_by(script);
    let mut client = authenticated(&world);
    client.subscribe("t", AtMostOnce);

    send_auth(&mut client, ReAuthenticate, "M", b"");
    assert_eq!(expect_auth(&mut client).reason, ContinueAuthentication);
    client.publish("t", "meanwhile", AtMostOnce);
    client.expect_text("t", "meanwhile");
    send_auth(&mut client, ContinueAuthentication, "M", b"me");

    let last = expect_auth(&mut client);
    assert_eq!((last.reason, last.authentication_method), (Success, Some("M")));
    client.ping();
}

// [MQTT-4.12.1-1]
#[test]
fn authenticating_again_with_another_method_closes_the_connection() {
    let world = World::new().authenticated_by(script);
    let mut client = authenticated(&world);
    send_auth(&mut client, ReAuthenticate, "N", b"");
    client.expect_disconnect(ProtocolError);
}

// [MQTT-4.12.1-1]
#[test]
fn authenticating_again_does_not_begin_with_continue() {
    let world = World::new().authenticated_by(script);
    let mut client = authenticated(&world);
    send_auth(&mut client, ContinueAuthentication, "M", b"me");
    client.expect_disconnect(ProtocolError);
}

// [MQTT-4.12.1-2]
#[test]
fn when_authenticating_again_fails_the_connection_is_closed() {
    let world = World::new().authenticated_by(script);
    for step in [&b"banned"[..], b""] {
        let mut client = authenticated(&world);
        send_auth(&mut client, ReAuthenticate, "M", step);
        if step.is_empty() {
            expect_auth(&mut client);
            send_auth(&mut client, ContinueAuthentication, "M", b"somebody else");
        }
        client.expect_disconnect(NotAuthorized);
    }
}

/// Knows the method "M": asks "who?", takes "me", and does not even ask who says "banned".
fn script(request: AuthRequest) -> AuthAnswer {
    match request {
        AuthRequest::Begin { method, .. } if method != "M" => refuse(BadAuthenticationMethod),
        AuthRequest::Begin { data, .. } | AuthRequest::ReAuthenticate { data, .. } => {
            match &data[..] {
                b"banned" => refuse(ReasonCode::Banned),
                _ => AuthAnswer::Continue { data: b"who?".to_vec(), state: Box::default() },
            }
        }
        AuthRequest::Continue { data, .. } if data == b"me" => accept(Some(b"welcome".to_vec())),
        _ => refuse(NotAuthorized),
    }
}

fn accept(data: Option<Vec<u8>>) -> AuthAnswer {
    AuthAnswer::Accept { identity: Identity::default(), data, valid_for: None }
}

fn refuse(reason: ReasonCode) -> AuthAnswer {
    AuthAnswer::Refuse { reason, why: "" }
}

fn begin(world: &World) -> Client {
    world.connect(V5, "client").with(|connect| connect.authentication_method = Some("M")).send()
}

/// A client that has come in with the method "M".
fn authenticated(world: &World) -> Client {
    let mut client = begin(world);
    expect_auth(&mut client);
    send_auth(&mut client, ContinueAuthentication, "M", b"me");
    assert_eq!(client.expect_connack().reason, Success);
    client
}

fn send_auth(client: &mut Client, reason: ReasonCode, method: &str, data: &[u8]) {
    client.send(Packet::Auth(Auth {
        reason,
        authentication_method: Some(method),
        authentication_data: Some(data),
        ..Auth::default()
    }));
}

#[track_caller]
fn expect_auth(client: &mut Client) -> Auth<'static> {
    match client.expect() {
        Packet::Auth(auth) => auth,
        other => panic!("expected AUTH, got {other:?}"),
    }
}

use super::*;
use crate::connection::Ended;

/// "authentication method: M".
const METHOD: &[u8] = b"\x15\0\x01M";

// [MQTT-3.15.2-1] [MQTT-4.12.0-2] [MQTT-4.12.0-3] [MQTT-4.12.0-5]
#[test]
fn an_exchange_of_two_rounds_leads_to_connack_with_method_and_data() {
    let mut rig = Rig::new(unlimited());
    rig.receive(&connect_v5(b"\x15\0\x01M\x16\0\x01a", b"c"));
    let (question, sent) = rig.answer(Script.decide(&begin("M", b"a")));
    assert_eq!(question, Input::Auth(begin("M", b"a").into()));
    assert_eq!(sent, auth(0x18, b"\x15\0\x01M\x16\0\x01b"));

    rig.receive(&auth(0x18, b"\x15\0\x01M\x16\0\x01c"));
    let next = go_on(b"c", b"");
    let (question, sent) = rig.answer(Script.decide(&next));
    assert_eq!((question, &sent[..]), (Input::Auth(next.into()), &b""[..]));

    let Some(Input::Connect(connect)) = rig.inputs.pop_front() else { panic!("a CONNECT") };
    assert_eq!(connect.identity.username.as_deref(), Some("ann"));
    let expected = packet(0x20, &[b"\0\0", &section(b"\x15\0\x01M\x16\0\x01d")]);
    assert_eq!(rig.acknowledge(&connect), expected);
}

// [MQTT-4.12.0-4]
#[test]
fn a_failed_exchange_ends_with_connack() {
    let mut rig = Rig::new(unlimited());
    rig.receive(&connect_v5(METHOD, b"c"));
    rig.answer(AuthAnswer::Continue { data: b"b".to_vec(), state: (*b"what b was about").into() });
    rig.receive(&auth(0x18, b"\x15\0\x01M\x16\0\x01?"));
    let wrong = go_on(b"?", b"what b was about");
    let (question, sent) = rig.answer(Script.decide(&wrong));
    assert_eq!(expect_auth(question), wrong, "with what is kept between the rounds");

    assert_eq!(sent, b"\x20\x03\0\x87\0");
    assert!(rig.connection.is_closing() && rig.inputs.is_empty());
    let ended = Ended::Refused { reason: ReasonCode::NotAuthorized, why: "" };
    assert_eq!(rig.connection.ended(), Some(&ended));
}

// [MQTT-4.12.0-1]
#[test]
fn a_method_that_nobody_knows_is_refused() {
    let mut rig = Rig::new(unlimited());
    rig.receive(&connect_v5(b"\x15\0\x01N", b"c"));
    let (_, sent) = rig.answer(Script.decide(&begin("N", b"")));
    assert_eq!(sent, b"\x20\x03\0\x8c\0");
}

// [MQTT-3.1.2-30] [MQTT-4.12.0-5]
#[test]
fn during_the_exchange_only_auth_of_the_same_kind_is_legal() {
    for bytes in [
        &b"\xc0\0"[..],
        b"\x30\x04\0\x01t\0",
        &connect_v5(b"", b"c"),
        b"\xf0\0",
        &auth(0x19, METHOD),
        &auth(0x18, b"\x15\0\x01N"),
    ] {
        let mut rig = Rig::new(unlimited());
        rig.receive(&connect_v5(b"\x15\0\x01M\x17\0", b"c"));
        rig.answer(AuthAnswer::Continue { data: Vec::new(), state: Box::default() });
        let (reason, sent) = rig.fault(bytes);
        assert_eq!((reason, &sent[..]), (ReasonCode::ProtocolError, &b"\x20\x03\0\x82\0"[..]));
    }
}

#[test]
fn a_client_may_give_up_during_the_exchange() {
    let mut rig = Rig::new(unlimited());
    rig.receive(&connect_v5(METHOD, b"c"));
    rig.answer(AuthAnswer::Continue { data: Vec::new(), state: Box::default() });
    assert_eq!(rig.receive(b"\xe0\0\xc0\0"), 4);
    assert!(rig.connection.is_closing() && rig.inputs.is_empty());
    assert_eq!(rig.connection.ended(), Some(&Ended::ByClient { reason: ReasonCode::Success }));
}

// [MQTT-3.1.2-30]
#[test]
fn a_client_with_a_method_waits_for_connack() {
    let mut rig = Rig::new(unlimited());
    rig.connect(&connect_v5(b"\x15\0\x01M\x17\0", b"c"));
    let (reason, sent) = rig.fault(b"\xc0\0");
    assert_eq!((reason, &sent[..]), (ReasonCode::ProtocolError, &b"\x20\x03\0\x82\0"[..]));
}

// [MQTT-4.12.0-7]
#[test]
fn auth_is_illegal_without_a_method() {
    let (reason, _) = Rig::v5(unlimited(), b"").fault(&auth(0x19, METHOD));
    assert_eq!(reason, ReasonCode::ProtocolError);
    let (_, sent) = Rig::v311(unlimited()).fault(&auth(0x19, METHOD));
    assert_eq!(sent, b"");
}

// [MQTT-4.12.0-6]
#[test]
fn a_client_without_a_method_gets_none_back() {
    let mut rig = Rig::new(unlimited());
    rig.receive(&connect_v5(b"", b"c"));
    let (_, sent) = rig.answer(AuthAnswer::Continue { data: Vec::new(), state: Box::default() });
    assert_eq!(sent, b"\x20\x03\0\x87\0");
    assert!(rig.connection.is_closing());

    let mut rig = Rig::new(unlimited());
    rig.receive(&connect_v5(b"", b"c"));
    rig.answer(accept(Some(b"d")));
    assert_eq!(
        rig.encode(connack(ConnAck {
            authentication_data: Some(b"d".to_vec()),
            ..NOTHING_SPECIAL
        })),
        b"\x20\x03\0\0\0"
    );
}

// [MQTT-4.12.1-1]
#[test]
fn a_connected_client_authenticates_again_while_other_packets_go_on() {
    let mut rig = Rig::v5(unlimited(), METHOD);
    rig.receive(&auth(0x19, b"\x15\0\x01M\x16\0\x01a"));
    assert_eq!(rig.receive(b"\xc0\0"), 0);
    let (question, sent) =
        rig.answer(AuthAnswer::Continue { data: b"b".to_vec(), state: Box::default() });
    let AuthRequest::ReAuthenticate { client_id, method, data } = expect_auth(question) else {
        panic!("a re-authentication")
    };
    assert_eq!((client_id.as_str(), &method[..], &data[..]), ("c", "M", &b"a"[..]));
    assert_eq!(sent, auth(0x18, b"\x15\0\x01M\x16\0\x01b"));

    assert_eq!(rig.request(b"\xc0\0"), Request::Ping);
    rig.receive(&auth(0x18, b"\x15\0\x01M\x16\0\x01c"));
    let next = go_on(b"c", b"");
    let (question, sent) = rig.answer(Script.decide(&next));
    assert_eq!(expect_auth(question), next);
    assert_eq!(sent, auth(0x00, b"\x15\0\x01M\x16\0\x01d"));
    let identify = rig.inputs.pop_front();
    assert!(matches!(identify, Some(Input::Request(Request::Identify(_)))), "{identify:?}");
    assert!(rig.inputs.is_empty() && !rig.connection.is_closing());
    assert_eq!(rig.request(b"\xc0\0"), Request::Ping);
}

// [MQTT-4.12.1-2]
#[test]
fn a_failed_re_authentication_ends_the_connection() {
    let mut rig = Rig::v5(unlimited(), METHOD);
    rig.receive(&auth(0x19, METHOD));
    let (_, sent) = rig.answer(refused(ReasonCode::BadUserNameOrPassword));
    assert_eq!(sent, b"\xe0\x01\x87");
    assert!(rig.connection.is_closing());
}

#[test]
fn whoever_authenticates_again_stays_the_same_user() {
    let mut rig = Rig::v5(unlimited(), METHOD);
    rig.receive(&auth(0x19, METHOD));
    let identity = Identity { username: Some("bob".to_owned()), ..Identity::default() };
    let (_, sent) = rig.answer(AuthAnswer::Accept { identity, data: None, valid_for: None });
    assert_eq!(sent, b"\xe0\x01\x87");
    assert!(rig.connection.is_closing());
}

// [MQTT-4.12.1-1]
#[test]
fn re_authentication_keeps_the_method_and_takes_turns() {
    let with_method = b"\x15\0\x01M\x17\0";
    for bytes in [&auth(0x19, b"\x15\0\x01N")[..], &auth(0x18, METHOD), b"\xf0\0"] {
        let (_, sent) = Rig::v5(unlimited(), with_method).fault(bytes);
        assert_eq!(sent, b"\xe0\x01\x82");
    }
    let mut rig = Rig::v5(unlimited(), with_method);
    rig.receive(&auth(0x19, METHOD));
    rig.answer(AuthAnswer::Continue { data: Vec::new(), state: Box::default() });
    let (_, sent) = rig.fault(&auth(0x19, METHOD));
    assert_eq!(sent, b"\xe0\x01\x82");
}

// [MQTT-3.1.2-24]
#[test]
fn an_auth_that_is_too_large_for_the_client_ends_the_exchange() {
    let connect = |bytes: u8| connect_v5(&[METHOD, &[0x27, 0, 0, 0, bytes]].concat(), b"c");
    let answer = || AuthAnswer::Continue { data: b"b".to_vec(), state: Box::default() };

    let mut rig = Rig::new(unlimited());
    rig.receive(&connect(12));
    assert_eq!(rig.answer(answer()).1.len(), 12);

    let mut rig = Rig::new(unlimited());
    rig.receive(&connect(11));
    assert_eq!(rig.answer(answer()).1, b"\x20\x03\0\x87\0");
}

#[test]
fn authentication_data_is_as_long_as_its_length_field_can_tell_and_no_longer() {
    for (len, sent_first) in [(65_535, 0xf0), (65_536, 0x20)] {
        let mut rig = Rig::new(unlimited());
        rig.receive(&connect_v5(METHOD, b"c"));
        let (_, sent) =
            rig.answer(AuthAnswer::Continue { data: vec![0; len], state: Box::default() });
        assert_eq!(sent[0], sent_first);
    }
}

#[test]
fn an_answer_that_nobody_waits_for_changes_nothing() {
    let mut rig = Rig::v5(unlimited(), b"");
    let mut output = Output::default();
    rig.connection.handle_auth(refused(ReasonCode::NotAuthorized), &mut rig.received, &mut output);
    assert!(output.is_empty() && !rig.connection.is_closing());
}

/// Knows method "M": the server wants to hear "a", says "b", wants to hear "c", and ends with "d".
struct Script;

impl Script {
    fn decide(&self, request: &AuthRequest) -> AuthAnswer {
        match request {
            AuthRequest::Begin { method, .. } if method != "M" => {
                refused(ReasonCode::BadAuthenticationMethod)
            }
            AuthRequest::Begin { data, .. } if data == b"a" => {
                AuthAnswer::Continue { data: b"b".to_vec(), state: Box::default() }
            }
            AuthRequest::Continue { data, .. } if data == b"c" => accept(Some(b"d")),
            _ => refused(ReasonCode::NotAuthorized),
        }
    }
}

fn begin(method: &str, data: &[u8]) -> AuthRequest {
    let client_id = crate::types::ClientId::new("c");
    AuthRequest::Begin { client_id, method: method.to_owned(), data: data.to_vec() }
}

fn go_on(data: &[u8], state: &[u8]) -> AuthRequest {
    AuthRequest::Continue {
        client_id: crate::types::ClientId::new("c"),
        method: "M".to_owned(),
        data: data.to_vec(),
        state: state.into(),
    }
}

fn auth(reason: u8, properties: &[u8]) -> Vec<u8> {
    if reason == 0 && properties.is_empty() {
        return b"\xf0\0".to_vec();
    }
    packet(0xf0, &[&[reason], &section(properties)])
}

fn expect_auth(input: Input) -> AuthRequest {
    match input {
        Input::Auth(request) => *request,
        other => panic!("no question but {other:?}"),
    }
}

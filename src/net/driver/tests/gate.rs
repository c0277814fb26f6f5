//! Answers from elsewhere about what a client may do.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};

use tokio::time::sleep;

use super::*;
use crate::auth::{Access, Authorizer, Decision, Permission, Ruling};
use crate::net::driver::inbox::LOOK_BYTES_MAX;
use crate::net::{DoorkeeperSettings, Setup};
use crate::request::{AuthAnswer, AuthRequest, Identity, Request};
use crate::types::{Message, MessageHead, Timestamp};

/// How long an answer takes.
const WORK: Duration = Duration::from_secs(3);
/// Until when it holds: for ever, where time is real.
const UNTIL: Timestamp = Timestamp(u64::MAX / 2);
/// How many answers a connection remembers.
const KNOWN_MAX: usize = 2;
/// PUBLISH of `x` to `no` at QoS 1, and its answer.
const PUBLISH_DENIED: [u8; 9] = [0x32, 7, 0, 2, b'n', b'o', 0, 9, b'x'];
const PUBACK_DENIED: [u8; 4] = [0x40, 2, 0, 9];
/// SUBSCRIBE to `no` and to `t` at QoS 0, and its answer.
const SUBSCRIBE_BOTH: [u8; 13] = [0x82, 11, 0, 1, 0, 2, b'n', b'o', 0, 0, 1, b't', 0];
const SUBACK_ONE: [u8; 6] = [0x90, 4, 0, 1, 0x80, 0];

#[tokio::test(start_paused = true)]
async fn everything_behind_a_question_waits_for_its_answer() {
    let (server, asked) = server(KNOWN_MAX);
    let (mut client, _task) = server.connected("c").await;

    client.write_all(&[&SUBSCRIBE[..], &PUBLISH, &PINGREQ].concat()).await.expect("open");
    sleep(WORK / 2).await;
    assert_eq!(asked.questions(), 1, "one after the other");

    expect(&mut client, &SUBACK).await;
    expect(&mut client, &[&PINGRESP[..], &PUBLISH].concat()).await;
    assert_eq!(asked.questions(), 2);
}

#[tokio::test(start_paused = true)]
async fn what_is_denied_is_acknowledged_as_its_version_has_it_and_goes_nowhere() {
    let (server, _) = server(KNOWN_MAX);
    let (mut client, _task) = server.connected("c").await;

    client.write_all(&SUBSCRIBE_BOTH).await.expect("open");
    expect(&mut client, &SUBACK_ONE).await;
    client.write_all(&[&PUBLISH_DENIED[..], &PUBLISH].concat()).await.expect("open");

    expect(&mut client, &[&PUBACK_DENIED[..], &PUBLISH].concat()).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_says_goodbye_is_asked_about_all_the_same() {
    let (server, _) = server(KNOWN_MAX);
    let (mut subscriber, _task) = server.connected("subscriber").await;
    subscriber.write_all(&SUBSCRIBE).await.expect("open");
    expect(&mut subscriber, &SUBACK).await;
    let (mut client, task) = server.connected("c").await;

    client.write_all(&[&PUBLISH[..], &DISCONNECT].concat()).await.expect("open");
    drop(client);

    expect(&mut subscriber, &PUBLISH).await;
    over(task).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_gone_is_asked_about_for_a_limited_time() {
    for (takes, comes_through) in [(FLUSH_TIME_MAX / 2, true), (FLUSH_TIME_MAX * 2, false)] {
        let (server, asked) = server_that_takes(takes, KNOWN_MAX);
        let (mut client, task) = server.connected("c").await;

        client.write_all(&publishes_of_their_own()).await.expect("open");
        drop(client);
        tokio::time::sleep(FLUSH_TIME_MAX + Duration::from_millis(1)).await;

        assert!(task.is_finished());
        assert_eq!(asked.questions() > 1, comes_through, "about one in {takes:?}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_counts_though_what_is_before_it_is_asked_about_for_too_long() {
    let (server, _) = server_that_takes(FLUSH_TIME_MAX + Duration::from_secs(1), KNOWN_MAX);
    let mut subscriber = subscriber(&server).await;
    let (mut client, task) = server.connected_with_will("c").await;

    client.write_all(&publishes_of_their_own()).await.expect("open");
    tokio::task::yield_now().await;
    client.write_all(&DISCONNECT).await.expect("open");
    drop(client);
    over(task).await;

    nothing_but_pings(&mut subscriber).await;
}

#[test]
fn an_answer_is_asked_for_again_when_it_does_not_hold_any_more() {
    let asked = asked(Duration::ZERO);
    let mut gate = Gate::new(Arc::clone(&asked) as _, KNOWN_MAX);
    let mut questions_at = |now| {
        assert!(goes_through(&mut gate, Timestamp(now)));
        asked.questions()
    };

    assert_eq!((questions_at(1_000), questions_at(1_000)), (1, 1));
    asked.edition.fetch_add(1, Ordering::Relaxed);
    assert_eq!((questions_at(2_000), questions_at(UNTIL.0 - 1)), (2, 2));
    assert_eq!((questions_at(UNTIL.0), questions_at(UNTIL.0)), (3, 4), "what is over helps nobody");
}

#[tokio::test(start_paused = true)]
async fn a_connection_remembers_so_many_answers_and_no_more() {
    for (known_max, expected) in [(3, 3), (2, 4), (0, 4)] {
        let (server, asked) = server(known_max);
        let (mut client, _task) = server.connected("c").await;

        for topic in [b'a', b'b', b'c', b'a'] {
            let publish = [0x30, 4, 0, 1, topic, b'x'];
            client.write_all(&[&publish[..], &PINGREQ].concat()).await.expect("open");
            expect(&mut client, &PINGRESP).await;
        }

        assert_eq!(asked.questions(), expected, "{known_max} remembered");
    }
}

#[tokio::test(start_paused = true)]
async fn a_will_is_asked_about_before_the_client_comes_in() {
    let (server, _) = server(KNOWN_MAX);
    for (topic, answer) in [("no", [0x20, 2, 0, 5]), ("t", CONNACK)] {
        let (mut client, _task) = server.open();
        let connect = connect_with(0x06, &["c", topic, "x"]);
        client.write_all(&[&connect[..], &PUBLISH].concat()).await.expect("open");

        expect(&mut client, &answer).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_turned_away_is_asked_about_no_further() {
    for connect in [connect("two"), connect_with_will("two")] {
        let asked = asked(WORK);
        let server = one_client_for_each_user(Arc::clone(&asked) as _);
        let _one = server.connected("one").await;
        let (mut client, _task) = server.open();

        client.write_all(&[&connect[..], &PUBLISH].concat()).await.expect("open");
        expect(&mut client, &[0x20, 2, 0, 3]).await;
        let end = tokio::time::timeout(WORK / 2, client.read_u8()).await;

        assert!(end.expect("closed at once").is_err());
        assert!(asked.questions() <= 1, "about the will");
    }
}

#[tokio::test(start_paused = true)]
async fn an_answer_about_a_will_has_the_time_of_connect() {
    let (server, _) = server_that_takes(CONNECT_TIMEOUT * 2, KNOWN_MAX);
    let (mut client, _task) = server.open();
    client.write_all(&connect_with_will("c")).await.expect("open");

    sleep(CONNECT_TIMEOUT + Duration::from_millis(1)).await;

    assert_eq!(read_to_end(&mut client).await, b"");
}

#[tokio::test(start_paused = true)]
async fn the_keep_alive_of_a_client_waits_for_answers() {
    let (server, _) = server(KNOWN_MAX);
    let (mut client, _task) = server.open();
    client.write_all(&connect_for_secs("c", 10)).await.expect("open");
    expect(&mut client, &CONNACK).await;

    client.write_all(&PUBLISH).await.expect("open");
    sleep(WORK / 2).await;
    server.pass_secs(20);
    sleep(WORK).await;
    client.write_all(&PINGREQ).await.expect("open");
    expect(&mut client, &PINGRESP).await;

    server.pass_secs(60);
    assert_eq!(read_to_end(&mut client).await, b"", "its own silence counts");
}

#[tokio::test(start_paused = true)]
async fn the_keep_alive_of_a_client_waits_for_answers_though_it_has_just_come_in() {
    let (server, _) = server(KNOWN_MAX);
    let (mut client, _task) = server.open();
    let mut connect = connect_with_will("c");
    connect[11] = 10;
    client.write_all(&[&connect[..], &PUBLISH_DENIED, &PINGREQ].concat()).await.expect("open");
    expect(&mut client, &CONNACK).await;

    server.pass_secs(20);

    let mut answers = vec![0; PUBACK_DENIED.len() + PINGRESP.len()];
    patiently(client.read_exact(&mut answers)).await.expect("open still");
}

#[tokio::test(start_paused = true)]
async fn little_is_read_while_an_answer_is_due() {
    let (server, _) = server(KNOWN_MAX);
    let (mut client, socket) = tokio::io::duplex(LOOK_BYTES_MAX);
    tokio::spawn(server.driver(socket));
    client.write_all(&connect("c")).await.expect("taken");
    expect(&mut client, &CONNACK).await;
    client.write_all(&PUBLISH).await.expect("taken");
    tokio::task::yield_now().await;

    let look = [0xC0; LOOK_BYTES_MAX];
    client.write_all(&look).await.expect("taken, to see whether it is there");
    client.write_all(&look).await.expect("room in the pipe");
    let more = client.write_all(&[0; 1]);

    assert!(tokio::time::timeout(WORK / 2, more).await.is_err(), "left with the client");
}

/// PUBLISH of `x` at QoS 0 to each of ten topics.
fn publishes_of_their_own() -> Vec<u8> {
    (b'a'..=b'j').flat_map(|topic| [0x30, 4, 0, 1, topic, b'x']).collect()
}

/// Denies what has to do with `no`.
struct Asked {
    takes: Duration,
    questions: AtomicUsize,
    edition: AtomicU64,
}

impl Asked {
    fn questions(&self) -> usize {
        self.questions.load(Ordering::Relaxed)
    }
}

impl Authorizer for Asked {
    fn authorize(&self, access: &Access) -> Pin<Box<dyn Future<Output = Ruling> + Send>> {
        self.questions.fetch_add(1, Ordering::Relaxed);
        let permission = match &*access.topic {
            "no" => Permission::Deny,
            _ => Permission::Allow,
        };
        let (takes, ruling) = (self.takes, Ruling { permission, until: UNTIL });
        Box::pin(async move {
            if !takes.is_zero() {
                sleep(takes).await;
            }
            ruling
        })
    }

    fn edition(&self) -> u64 {
        self.edition.load(Ordering::Relaxed)
    }
}

fn asked(takes: Duration) -> Arc<Asked> {
    let (questions, edition) = (AtomicUsize::new(0), AtomicU64::new(0));
    Arc::new(Asked { takes, questions, edition })
}

fn server(known_max: usize) -> (TestServer, Arc<Asked>) {
    server_that_takes(WORK, known_max)
}

fn server_that_takes(takes: Duration, known_max: usize) -> (TestServer, Arc<Asked>) {
    let asked = asked(takes);
    (TestServer::with_authorizer(Arc::clone(&asked) as _, known_max), asked)
}

/// Where all clients are of one user.
fn one_client_for_each_user(authorizer: Arc<dyn Authorizer>) -> TestServer {
    let authenticator = |_: &AuthRequest| {
        let identity = Identity { username: Some("ann".to_owned()), ..Identity::default() };
        Decision::Now(AuthAnswer::Accept { identity, data: None, valid_for: None })
    };
    let doorkeeper =
        DoorkeeperSettings { user_connections_max: Some(1), ..DoorkeeperSettings::unlimited() };
    let authorizer = Some((authorizer, KNOWN_MAX));
    TestServer::with_setup(Setup { doorkeeper, authorizer, ..setup(authenticator) })
}

/// Whether a PUBLISH to `t` comes out, with the answer that is there at once.
fn goes_through(gate: &mut Gate, now: Timestamp) -> bool {
    let message = Message::new(MessageHead::default(), "t", b"", b"x");
    let publish = Input::Request(Request::Publish { id: None, dup: false, message });
    let peer = PeerInfo::default();
    let mut cx = Context::from_waker(std::task::Waker::noop());
    gate.pass(publish, &peer, now).is_some() || gate.poll(&mut cx, &peer, now).is_some()
}

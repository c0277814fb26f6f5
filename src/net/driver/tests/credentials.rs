//! Answers about credentials that come later, and credentials that expire.

use std::sync::atomic::{AtomicUsize, Ordering};

use tokio::time::sleep;

use super::*;
use crate::auth::Decision;
use crate::request::{AuthAnswer, AuthRequest, Identity};
use crate::types::ReasonCode;

/// How long an answer takes.
const WORK: Duration = Duration::from_secs(3);
/// The method "M" in CONNECT of MQTT 5, and in AUTH.
const METHOD: &[u8] = b"\x15\0\x01M";
const CONNACK_V5: &[u8] = b"\x20\x0d\0\0\x0a\x22\0\x0a\x15\0\x01M\x21\0\x14";
const RE_AUTHENTICATE: &[u8] = b"\xf0\x06\x19\x04\x15\0\x01M";
const CONTINUE: &[u8] = b"\xf0\x06\x18\x04\x15\0\x01M";
const NOT_AUTHORIZED: &[u8] = b"\xe0\x01\x87";

#[tokio::test(start_paused = true)]
async fn nothing_is_handled_before_the_answer_and_everything_after_it() {
    let server = TestServer::with(later(|_| accept(None)));
    let (mut client, _task) = server.open();
    client.write_all(&[&connect("c")[..], &PINGREQ].concat()).await.expect("open");
    sleep(WORK / 2).await;
    client.write_all(&PINGREQ).await.expect("room in the pipe");

    assert_eq!(server.shared.clients.taken(), 0, "not connected yet");
    sleep(WORK / 2).await;

    expect(&mut client, &[&CONNACK[..], &PINGRESP, &PINGRESP].concat()).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_is_gone_is_not_waited_for() {
    let (authenticator, waiting) = counted();
    let server = TestServer::with(authenticator);
    let (mut client, task) = server.open();
    client.write_all(&connect("c")).await.expect("open");
    tokio::task::yield_now().await;
    assert_eq!(waiting.load(Ordering::Relaxed), 1);

    drop(client);
    over(task).await;

    assert_eq!(waiting.load(Ordering::Relaxed), 0, "and the work is given up");
}

#[tokio::test(start_paused = true)]
async fn little_is_read_while_an_answer_is_due() {
    let server = TestServer::with(later(|_| accept(None)));
    let (mut client, socket) = tokio::io::duplex(16);
    tokio::spawn(server.driver(socket));
    client.write_all(&connect("c")).await.expect("taken");
    tokio::task::yield_now().await;

    client.write_all(&[0; 16]).await.expect("taken, to see whether the client is there");
    let more = client.write_all(&[0; 17]);

    assert!(tokio::time::timeout(WORK / 2, more).await.is_err(), "left with the client");
}

#[tokio::test(start_paused = true)]
async fn an_answer_to_connect_has_the_time_of_connect() {
    let server =
        TestServer::with(|_: &AuthRequest| Decision::Later(Box::pin(std::future::pending())));
    let (mut client, task) = server.open();
    client.write_all(&connect("c")).await.expect("open");

    sleep(CONNECT_TIMEOUT - Duration::from_millis(1)).await;
    assert!(!task.is_finished());
    sleep(Duration::from_millis(2)).await;

    assert_eq!(read_to_end(&mut client).await, b"");
}

#[tokio::test(start_paused = true)]
async fn an_answer_during_a_connection_has_a_time_of_its_own() {
    let server = TestServer::with(|request: &AuthRequest| match request {
        AuthRequest::Begin { .. } => Decision::Now(accept(None)),
        _ => Decision::Later(Box::pin(std::future::pending())),
    });
    let mut client = connected_v5(&server).await;

    client.write_all(RE_AUTHENTICATE).await.expect("open");
    sleep(RE_AUTHENTICATION_TIMEOUT - Duration::from_millis(1)).await;
    assert_eq!(server.shared.clients.taken(), 1);
    sleep(Duration::from_millis(2)).await;

    assert_eq!(read_to_end(&mut client).await, NOT_AUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_go_on_with_its_re_authentication_is_closed() {
    let server = TestServer::with(|request: &AuthRequest| match request {
        AuthRequest::Begin { .. } => Decision::Now(accept(None)),
        _ => Decision::Now(AuthAnswer::Continue { data: Vec::new(), state: Box::default() }),
    });
    let mut client = connected_v5(&server).await;

    client.write_all(RE_AUTHENTICATE).await.expect("open");
    expect(&mut client, b"\xf0\x09\x18\x07\x15\0\x01M\x16\0\0").await;
    sleep(RE_AUTHENTICATION_TIMEOUT + Duration::from_millis(1)).await;

    assert_eq!(read_to_end(&mut client).await, NOT_AUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn a_re_authentication_that_succeeds_ends_its_limit() {
    let server = TestServer::with(later(|_| accept(None)));
    let mut client = connected_v5(&server).await;

    client.write_all(RE_AUTHENTICATE).await.expect("open");
    expect(&mut client, b"\xf0\x06\0\x04\x15\0\x01M").await;
    sleep(RE_AUTHENTICATION_TIMEOUT * 2).await;

    client.write_all(&PINGREQ).await.expect("open");
    expect(&mut client, &PINGRESP).await;
}

#[tokio::test(start_paused = true)]
async fn credentials_that_expire_end_the_connection() {
    let valid_for = Duration::from_secs(60);
    let server = TestServer::with(later(move |_| accept(Some(valid_for))));
    let mut client = connected_v5(&server).await;

    sleep(valid_for - Duration::from_millis(1)).await;
    assert_eq!(server.shared.clients.taken(), 1);
    sleep(Duration::from_millis(2)).await;

    assert_eq!(read_to_end(&mut client).await, NOT_AUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn new_credentials_give_new_time() {
    let server = TestServer::with(later(|request| match request {
        AuthRequest::Begin { .. } => accept(Some(Duration::from_secs(60))),
        _ => accept(Some(Duration::from_secs(600))),
    }));
    let mut client = connected_v5(&server).await;

    client.write_all(RE_AUTHENTICATE).await.expect("open");
    expect(&mut client, b"\xf0\x06\0\x04\x15\0\x01M").await;
    sleep(Duration::from_secs(500)).await;

    client.write_all(&PINGREQ).await.expect("open");
    expect(&mut client, &PINGRESP).await;
    sleep(Duration::from_secs(101)).await;
    assert_eq!(read_to_end(&mut client).await, NOT_AUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn a_re_authentication_under_way_does_not_make_expired_credentials_last() {
    let server = TestServer::with(|request: &AuthRequest| match request {
        AuthRequest::Begin { .. } => Decision::Now(accept(Some(Duration::from_secs(5)))),
        _ => Decision::Later(Box::pin(std::future::pending())),
    });
    let mut client = connected_v5(&server).await;

    client.write_all(RE_AUTHENTICATE).await.expect("open");
    sleep(Duration::from_millis(5_001)).await;

    assert_eq!(read_to_end(&mut client).await, NOT_AUTHORIZED);
}

#[tokio::test(start_paused = true)]
async fn a_re_authentication_goes_on_where_it_stood() {
    let server = TestServer::with(later(|request| match request {
        AuthRequest::Begin { .. } => accept(None),
        AuthRequest::Continue { state, .. } if **state == *b"step 1" => accept(None),
        AuthRequest::ReAuthenticate { .. } => {
            AuthAnswer::Continue { data: Vec::new(), state: (*b"step 1").into() }
        }
        _ => AuthAnswer::Refuse { reason: ReasonCode::NotAuthorized, why: "lost its state" },
    }));
    let mut client = connected_v5(&server).await;

    client.write_all(RE_AUTHENTICATE).await.expect("open");
    expect(&mut client, b"\xf0\x09\x18\x07\x15\0\x01M\x16\0\0").await;
    client.write_all(CONTINUE).await.expect("open");

    expect(&mut client, b"\xf0\x06\0\x04\x15\0\x01M").await;
}

impl<F: Fn(&AuthRequest) -> Decision + Send + Sync> Authenticator for F {
    fn decide(&self, request: &AuthRequest, _: &PeerInfo) -> Decision {
        self(request)
    }
}

/// Says what `answer` says, after [`WORK`].
fn later(
    answer: impl Fn(&AuthRequest) -> AuthAnswer + Send + Sync + 'static,
) -> impl Authenticator + 'static {
    move |request: &AuthRequest| {
        let answer = answer(request);
        Decision::Later(Box::pin(async move {
            sleep(WORK).await;
            answer
        }))
    }
}

/// Never answers; the number is how many wait.
fn counted() -> (impl Authenticator + 'static, Arc<AtomicUsize>) {
    let waiting = Arc::new(AtomicUsize::new(0));
    let count = Arc::clone(&waiting);
    let authenticator = move |_: &AuthRequest| {
        count.fetch_add(1, Ordering::Relaxed);
        let guard = Waiting(Arc::clone(&count));
        Decision::Later(Box::pin(async move {
            let _guard = guard;
            std::future::pending().await
        }))
    };
    (authenticator, waiting)
}

struct Waiting(Arc<AtomicUsize>);

impl Drop for Waiting {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

fn accept(valid_for: Option<Duration>) -> AuthAnswer {
    AuthAnswer::Accept { identity: Identity::default(), data: None, valid_for }
}

/// CONNECT of MQTT 5 with Clean Start and the method "M".
async fn connected_v5(server: &TestServer) -> DuplexStream {
    let (mut client, _task) = server.open();
    let body = [b"\0\x04MQTT\x05\x02\0\0\x04", METHOD, b"\0\x01c"].concat();
    client.write_all(&[&[0x10, body.len() as u8], &body[..]].concat()).await.expect("open");
    expect(&mut client, CONNACK_V5).await;
    client
}

//! Whom the log names when a connection ends.

use super::*;
use crate::auth::Decision;
use crate::guard::{LOOKS, OverloadMarks};
use crate::net::driver::log::Blame;
use crate::net::{DoorLimits, DoorkeeperSettings};
use crate::request::{AuthAnswer, AuthRequest, Identity};
use crate::types::ReasonCode;

const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn whoever_comes_while_the_server_is_busy_has_done_nothing_wrong() {
    let overload = OverloadMarks { busy: Some(SECOND), closed: None };
    let doorkeeper = DoorkeeperSettings { overload, ..DoorkeeperSettings::unlimited() };
    let server = TestServer::guarded(NoCredentials, doorkeeper, DoorLimits::default());
    (0..LOOKS).for_each(|_| server.shared.doorkeeper.note_late(2 * SECOND));

    assert_eq!(blame_for(&server, &connect("c")).await, Blame::Server);
    assert_eq!(blame_for(&server, &[0; 20]).await, Blame::Client, "that is wrong at any time");
}

#[tokio::test]
async fn whoever_comes_while_memory_is_short_or_the_server_stops_has_done_nothing_wrong() {
    let server = TestServer::with_memory_limit();
    server.shared.note_memory(MEMORY_BYTES_MAX, MEMORY_BYTES_MAX);
    assert_eq!(blame_for(&server, &connect("c")).await, Blame::Server);

    server.shared.note_memory(0, 0);
    server.shared.handle_shutdown();

    assert_eq!(blame_for(&server, &connect("c")).await, Blame::Server);
}

#[tokio::test]
async fn an_answer_about_credentials_is_the_clients_doing_if_it_is_about_them() {
    use ReasonCode::{BadUserNameOrPassword, ServerBusy, ServerUnavailable};
    for (reason, blame) in [
        (BadUserNameOrPassword, Blame::Client),
        (ServerBusy, Blame::Server),
        (ServerUnavailable, Blame::Server),
    ] {
        let server = TestServer::with(move |_: &AuthRequest| {
            Decision::Now(AuthAnswer::Refuse { reason, why: "no" })
        });

        assert_eq!(blame_for(&server, &connect("c")).await, blame, "{reason:?}");
    }
}

#[tokio::test]
async fn one_client_too_many_is_named_and_not_blamed() {
    let doorkeeper =
        DoorkeeperSettings { user_connections_max: Some(0), ..DoorkeeperSettings::unlimited() };
    let everybody_is_ann = |_: &AuthRequest| {
        let identity = Identity { username: Some("ann".to_owned()), ..Identity::default() };
        Decision::Now(AuthAnswer::Accept { identity, data: None, valid_for: None })
    };
    let server = TestServer::guarded(everybody_is_ann, doorkeeper, DoorLimits::default());

    assert_eq!(blame_for(&server, &connect("c")).await, Blame::Server);
}

#[tokio::test(start_paused = true)]
async fn whoever_is_not_answered_in_time_has_done_nothing_wrong() {
    let server =
        TestServer::with(|_: &AuthRequest| Decision::Later(Box::pin(std::future::pending())));
    for (sent, blame) in [(connect("c"), Blame::Server), (vec![0x10], Blame::Client)] {
        let (mut client, socket) = tokio::io::duplex(64);
        let mut driver = server.driver(socket);
        client.write_all(&sent).await.expect("taken");
        poll_once(&mut driver);

        tokio::time::sleep(CONNECT_TIMEOUT).await;
        poll_once(&mut driver);

        assert_eq!(driver.blame(), blame, "{sent:?}");
    }
}

/// Whom the log names after a client has sent this.
async fn blame_for(server: &TestServer, packet: &[u8]) -> Blame {
    let (mut client, socket) = tokio::io::duplex(64);
    client.write_all(packet).await.expect("taken");
    let mut driver = server.driver(socket);
    poll_once(&mut driver);
    driver.blame()
}

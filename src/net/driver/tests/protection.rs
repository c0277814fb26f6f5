//! What the driver does where a limit is reached. What the buckets count is real time, and little.

use super::*;
use crate::auth::Decision;
use crate::guard::{BanRules, LOOKS, OverloadMarks, PaceLimits, Rate};
use crate::net::{DoorLimits, DoorkeeperSettings};
use crate::request::{AuthAnswer, AuthRequest, Identity};
use crate::types::ReasonCode;

/// What a message to `t` counts beside its payload.
const EMPTY_MESSAGE_BYTES: usize = 16;
const SECOND: Duration = Duration::from_secs(1);

#[tokio::test]
async fn a_busy_server_asks_nobody_who_a_new_client_is() {
    let overload = OverloadMarks { busy: Some(SECOND), closed: None };
    let asked = |_: &AuthRequest| -> Decision { panic!("nobody is to be asked") };
    let doorkeeper = DoorkeeperSettings { overload, ..DoorkeeperSettings::unlimited() };
    let server = TestServer::guarded(asked, doorkeeper, DoorLimits::default());
    (0..LOOKS).for_each(|_| server.shared.doorkeeper.note_late(2 * SECOND));

    assert_eq!(answer_to(&server, &connect("c")).await, [0x20, 2, 0, 3]);
    let told = answer_to(&server, &connect_v5("c")).await;

    assert_eq!(told[..4], [0x20, 26, 0, 0x89]);
    let (_, secs) = told.split_at(told.len() - 2);
    let secs: u32 = String::from_utf8_lossy(secs).parse().expect("two digits");
    assert!((10..=20).contains(&secs), "{secs}");
    assert_eq!(server.shared.doorkeeper.report().refusals.iter().sum::<u64>(), 2);
}

#[tokio::test]
async fn who_is_there_is_served_while_the_server_is_busy() {
    let overload = OverloadMarks { busy: Some(SECOND), closed: None };
    let server = guarded(DoorkeeperSettings { overload, ..DoorkeeperSettings::unlimited() });
    let (mut client, _task) = server.connected("c").await;
    (0..LOOKS).for_each(|_| server.shared.doorkeeper.note_late(2 * SECOND));

    client.write_all(&PINGREQ).await.expect("open");
    expect(&mut client, &PINGRESP).await;
}

#[tokio::test]
async fn nobody_comes_in_while_memory_is_short_and_everybody_when_it_is_not() {
    let server =
        guarded(DoorkeeperSettings { memory_bytes_max: 800, ..DoorkeeperSettings::unlimited() });
    server.shared.note_memory(800, 800);

    assert_eq!(answer_to(&server, &connect("c")).await, [0x20, 2, 0, 3]);
    assert_eq!(answer_to(&server, &connect_v5("c")).await[..4], [0x20, 26, 0, 0x89]);

    server.shared.note_memory(699, 699);
    server.connected("c").await;
}

#[tokio::test]
async fn a_client_that_waited_for_memory_is_heard_when_there_is_some() {
    let server =
        guarded(DoorkeeperSettings { memory_bytes_max: 800, ..DoorkeeperSettings::unlimited() });
    let (mut client, _task) = server.connected("c").await;
    server.shared.note_memory(800, 800);
    client.write_all(&PUBLISH_1).await.expect("open");
    tokio::task::yield_now().await;
    nothing_comes(&mut client).await;

    server.shared.note_memory(0, 0);

    expect(&mut client, &PUBACK).await;
}

#[tokio::test]
async fn a_client_that_publishes_too_fast_is_read_more_slowly_and_loses_nothing() {
    let messages = Some(Rate::new(50, SECOND, 5));
    let server = paced(PaceLimits { messages, bytes: None });
    let (mut client, _task) = server.connected("c").await;
    let begun = server.shared.clock.now();

    for _ in 0..20 {
        client.write_all(&PUBLISH_1).await.expect("open");
        expect(&mut client, &PUBACK).await;
    }

    let took = server.shared.clock.now().since(begun);
    // 5 at once, 15 more at 50 in a second; the last one may still be read on credit.
    assert!(took >= Duration::from_millis(270), "{took:?}");
    assert!(server.shared.doorkeeper.report().pauses > 0);
}

#[tokio::test]
async fn while_a_client_rests_it_is_sent_what_is_for_it() {
    let messages = Some(Rate::new(1, Duration::from_secs(3_600), 1));
    let server = paced(PaceLimits { messages, bytes: None });
    let (mut resting, _task) = server.connected("resting").await;
    resting.write_all(&SUBSCRIBE).await.expect("open");
    expect(&mut resting, &SUBACK).await;
    resting.write_all(&[PUBLISH, PUBLISH].concat()).await.expect("open");
    expect(&mut resting, &[PUBLISH, PUBLISH].concat()).await;
    resting.write_all(&PINGREQ).await.expect("room in the pipe");
    nothing_comes(&mut resting).await;

    let (mut other, _task) = server.connected("other").await;
    other.write_all(&PUBLISH).await.expect("open");

    expect(&mut resting, &PUBLISH).await;
}

#[tokio::test]
async fn a_message_that_never_fits_the_rate_is_refused_where_that_can_be_said() {
    let bytes = Some(Rate::new(100, SECOND, 100));
    let server = paced(PaceLimits { messages: None, bytes });
    let (mut client, task) = server.open();
    client.write_all(&connect_v5("c")).await.expect("open");
    read_connack(&mut client).await;
    let fits = publish_v5(100, 1);
    let too_large = publish_v5(101, 2);

    client.write_all(&[fits, too_large].concat()).await.expect("open");

    expect(&mut client, &[0x40, 3, 0, 1, 0x10]).await;
    expect(&mut client, &[0x40, 3, 0, 2, 0x97]).await;
    assert_eq!(server.shared.doorkeeper.report().too_large_for_rate, 1);
    task.abort();
}

#[tokio::test]
async fn the_clients_of_a_user_share_one_rate() {
    let messages = Some(Rate::new(1, Duration::from_secs(3_600), 2));
    let user_pace = PaceLimits { messages, bytes: None };
    let doorkeeper = DoorkeeperSettings { user_pace, ..DoorkeeperSettings::unlimited() };
    let server = TestServer::guarded(everybody_is("ann"), doorkeeper, DoorLimits::default());
    let (mut one, _task) = server.connected("one").await;
    let (mut two, _task) = server.connected("two").await;
    one.write_all(&[PUBLISH_1, PUBLISH_1, PUBLISH_1].concat()).await.expect("open");
    expect(&mut one, &[PUBACK, PUBACK, PUBACK].concat()).await;

    two.write_all(&PUBLISH_1).await.expect("room in the pipe");

    nothing_comes(&mut two).await;
}

#[tokio::test]
async fn a_client_that_comes_back_finds_its_bucket_as_it_left_it() {
    let server = paced(PaceLimits { messages: Some(two_at_once()), bytes: None });
    let (mut client, task) = server.connected("c").await;
    client.write_all(&PUBLISH_1.repeat(3)).await.expect("open");
    expect(&mut client, &PUBACK.repeat(3)).await;
    end(task).await;

    let (mut client, _task) = server.connected("c").await;
    client.write_all(&PUBLISH_1).await.expect("room in the pipe");

    nothing_comes(&mut client).await;
    let (mut other, _task) = server.connected("other").await;
    other.write_all(&PUBLISH_1).await.expect("open");
    expect(&mut other, &PUBACK).await;
}

#[tokio::test]
async fn a_client_that_takes_its_session_over_does_not_get_another_bucket() {
    let server = paced(PaceLimits { messages: Some(two_at_once()), bytes: None });
    let (mut old, _task) = server.connected("c").await;
    old.write_all(&PUBLISH_1.repeat(3)).await.expect("open");
    expect(&mut old, &PUBACK.repeat(3)).await;

    let (mut new, _task) = server.connected("c").await;
    new.write_all(&PUBLISH_1).await.expect("room in the pipe");

    nothing_comes(&mut new).await;
}

#[tokio::test]
async fn what_comes_with_the_connect_of_a_client_that_owes_waits_its_turn() {
    let messages = Some(Rate::new(10, SECOND, 1));
    let server = paced(PaceLimits { messages, bytes: None });
    let together = [&connect("c")[..], &PUBLISH_1.repeat(3), &PINGREQ].concat();
    let (mut client, task) = server.open();
    client.write_all(&together).await.expect("open");
    expect(&mut client, &[&CONNACK[..], &PUBACK.repeat(3), &PINGRESP].concat()).await;
    end(task).await;
    let begun = server.shared.clock.now();

    let (mut client, _task) = server.open();
    client.write_all(&together).await.expect("open");

    expect(&mut client, &CONNACK).await;
    expect(&mut client, &[&PUBACK.repeat(3)[..], &PINGRESP].concat()).await;
    let took = server.shared.clock.now().since(begun);
    assert!(took >= Duration::from_millis(100), "two were owed, at ten a second: {took:?}");
}

#[tokio::test]
async fn the_bucket_of_a_user_is_kept_while_no_client_of_it_is_there() {
    let user_pace = PaceLimits { messages: Some(two_at_once()), bytes: None };
    let doorkeeper = DoorkeeperSettings { user_pace, ..DoorkeeperSettings::unlimited() };
    let server = TestServer::guarded(everybody_is("ann"), doorkeeper, DoorLimits::default());
    let (mut one, task) = server.connected("one").await;
    one.write_all(&PUBLISH_1.repeat(3)).await.expect("open");
    expect(&mut one, &PUBACK.repeat(3)).await;
    end(task).await;

    let (mut two, _task) = server.connected("two").await;
    two.write_all(&PUBLISH_1).await.expect("room in the pipe");

    nothing_comes(&mut two).await;
}

#[tokio::test]
async fn a_user_has_so_many_clients_and_one_that_comes_back_is_not_one_more() {
    let doorkeeper =
        DoorkeeperSettings { user_connections_max: Some(1), ..DoorkeeperSettings::unlimited() };
    let server = TestServer::guarded(everybody_is("ann"), doorkeeper, DoorLimits::default());
    let (_one, _task) = server.connected("one").await;

    assert_eq!(answer_to(&server, &connect("two")).await, [0x20, 2, 0, 3]);
    assert_eq!(answer_to(&server, &connect_v5("two")).await, [0x20, 3, 0, 0x97, 0]);

    let (again, task) = server.connected("one").await;
    drop(again);
    over(task).await;
}

#[tokio::test]
async fn a_client_that_connects_over_and_over_is_banned_and_others_are_not() {
    let bans = BanRules { connects_max: Some(3), entries_max: 10, ..BanRules::nobody() };
    let server = guarded(DoorkeeperSettings { bans, ..DoorkeeperSettings::unlimited() });
    for _ in 0..3 {
        server.connected("flapping").await;
    }

    assert_eq!(answer_to(&server, &connect_v5("flapping")).await, [0x20, 3, 0, 0x8A, 0]);
    assert_eq!(answer_to(&server, &connect("flapping")).await, [0x20, 2, 0, 5]);

    server.connected("other").await;
    assert!(server.shared.doorkeeper.lift_ban("client 192.0.2.1 flapping"));
    server.connected("flapping").await;
}

#[tokio::test]
async fn failed_logins_ban_a_user_name_where_that_is_configured() {
    let bans = BanRules { user_failures_max: Some(2), entries_max: 10, ..BanRules::nobody() };
    let doorkeeper = DoorkeeperSettings { bans, ..DoorkeeperSettings::unlimited() };
    let server = TestServer::guarded(nobody_is_right, doorkeeper, DoorLimits::default());
    for _ in 0..3 {
        assert_eq!(answer_to(&server, &connect_as("ann")).await, [0x20, 2, 0, 4]);
    }
    assert_eq!(server.shared.doorkeeper.report().failed_logins, 3);

    answer_to(&server, &connect_as("ann")).await;

    let report = server.shared.doorkeeper.report();
    assert_eq!(report.failed_logins, 3, "nobody looked at the password any more");
    assert_eq!((report.bans, report.bans_made), (1, 1));
}

fn guarded(doorkeeper: DoorkeeperSettings) -> TestServer {
    TestServer::guarded(NoCredentials, doorkeeper, DoorLimits::default())
}

fn paced(pace: PaceLimits) -> TestServer {
    let door = DoorLimits { pace, ..DoorLimits::default() };
    TestServer::guarded(NoCredentials, DoorkeeperSettings::unlimited(), door)
}

/// Ends a connection that nobody reads.
async fn end(task: JoinHandle<()>) {
    task.abort();
    assert!(task.await.is_err(), "it was over already");
}

/// Two messages at once, and then as good as none.
fn two_at_once() -> Rate {
    Rate::new(1, Duration::from_secs(3_600), 2)
}

fn everybody_is(user: &'static str) -> impl Authenticator {
    move |_: &AuthRequest| {
        let identity = Identity { username: Some(user.to_owned()), ..Identity::default() };
        Decision::Now(AuthAnswer::Accept { identity, data: None, valid_for: None })
    }
}

fn nobody_is_right(_: &AuthRequest) -> Decision {
    let reason = ReasonCode::BadUserNameOrPassword;
    Decision::Now(AuthAnswer::Refuse { reason, why: "wrong password" })
}

/// All that comes back until the server closes.
async fn answer_to(server: &TestServer, packet: &[u8]) -> Vec<u8> {
    let (mut client, _task) = server.open();
    client.write_all(packet).await.expect("open");
    read_to_end(&mut client).await
}

async fn nothing_comes(client: &mut DuplexStream) {
    let come = tokio::time::timeout(Duration::from_millis(100), client.read_u8()).await;
    assert!(come.is_err(), "{come:?}");
}

async fn read_connack(client: &mut DuplexStream) {
    let mut header = [0; 2];
    patiently(client.read_exact(&mut header)).await.expect("open");
    let mut rest = vec![0; usize::from(header[1])];
    patiently(client.read_exact(&mut rest)).await.expect("open");
    assert_eq!((header[0], rest[1]), (0x20, 0));
}

fn connect_v5(client_id: &str) -> Vec<u8> {
    let length = client_id.len() as u8;
    let head = [0x10, 13 + length, 0, 4, b'M', b'Q', b'T', b'T', 5, 2, 0, 0, 0, 0, length];
    [&head[..], client_id.as_bytes()].concat()
}

/// CONNECT of the client `c` with this user name and the password `p`.
fn connect_as(user: &str) -> Vec<u8> {
    connect_with(0xC2, &["c", user, "p"])
}

/// PUBLISH to `t` at QoS 1 of a message of so many bytes.
fn publish_v5(message_bytes: usize, id: u8) -> Vec<u8> {
    let payload = vec![b'x'; message_bytes - EMPTY_MESSAGE_BYTES];
    let remaining = 6 + payload.len();
    [&[0x32, remaining as u8, 0, 1, b't', 0, id, 0][..], &payload].concat()
}

//! Whether a client from which nothing is read for now is still there.

use std::sync::atomic::{AtomicBool, Ordering};

use super::*;
use crate::connection::Limits;
use crate::guard::{PaceLimits, Rate};
use crate::net::driver::inbox::LOOK_BYTES_MAX;
use crate::net::shared::PULL_MESSAGES_MAX;
use crate::net::{DoorLimits, DoorkeeperSettings};

/// PUBLISH of `x` to `u` at QoS 0.
const PUBLISH_ELSEWHERE: [u8; 6] = [0x30, 4, 0, 1, b'u', b'x'];
/// SUBSCRIBE to `$share/g/t` at QoS 0.
const SUBSCRIBE_SHARED: [u8; 17] = *b"\x82\x0f\0\x01\0\x0a$share/g/t\0";

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_while_it_rests_is_missed() {
    let server = paced();
    let mut subscriber = subscriber(&server).await;
    let (client, task) = resting(&server).await;

    drop(client);

    over(task).await;
    expect(&mut subscriber, &PUBLISH.repeat(4)).await;
    assert_eq!(server.shared.doorkeeper.connections.taken(), 1, "the subscriber");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_in_the_middle_of_a_packet_is_missed() {
    let server = paced();
    let (mut client, task) = server.connected("c").await;

    client.write_all(&[&PUBLISH_1.repeat(3)[..], &PUBLISH_1[..5]].concat()).await.expect("open");
    expect(&mut client, &PUBACK.repeat(3)).await;
    drop(client);

    over(task).await;
}

#[tokio::test(start_paused = true)]
async fn what_a_client_said_last_counts_though_it_rests() {
    let server = paced();
    let mut subscriber = subscriber(&server).await;
    let (mut client, task) = resting(&server).await;

    client.write_all(&[&PUBLISH[..], &DISCONNECT].concat()).await.expect("room in the pipe");
    drop(client);
    over(task).await;

    expect(&mut subscriber, &PUBLISH.repeat(4)).await;
    nothing_but_pings(&mut subscriber).await;
}

#[tokio::test(start_paused = true)]
async fn little_is_read_of_a_client_that_rests() {
    let server = paced();
    let (mut client, socket) = tokio::io::duplex(LOOK_BYTES_MAX);
    tokio::spawn(server.driver(socket));
    client.write_all(&connect("c")).await.expect("taken");
    expect(&mut client, &CONNACK).await;
    client.write_all(&PUBLISH.repeat(3)).await.expect("taken");
    tokio::task::yield_now().await;

    let look = [0; LOOK_BYTES_MAX];
    patiently(client.write_all(&look)).await.expect("taken, to see whether it is there");
    patiently(client.write_all(&look)).await.expect("room in the pipe");
    let more = client.write_all(&[0; 1]);

    assert!(tokio::time::timeout(PATIENCE, more).await.is_err(), "left with the client");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_cannot_be_written_to_while_it_rests_gets_no_share_of_anything() {
    let server = paced();
    let (mut gone, mut gone_task, fails) = resting_and_failing(&server, "gone").await;
    let (mut other, _task) = server.connected("other").await;
    other.write_all(&SUBSCRIBE_SHARED).await.expect("open");
    expect(&mut other, &SUBACK).await;
    gone.write_all(&[0; 2 * LOOK_BYTES_MAX]).await.expect("more than a look takes");
    let (mut publisher, _task) = server.connected_without_pace("publisher").await;
    fails.store(true, Ordering::Relaxed);

    // Whichever of the two has its turn first, one of these goes to who is not there any more.
    publisher.write_all(&PUBLISH.repeat(2)).await.expect("open");
    expect(&mut other, &PUBLISH).await;
    patiently(&mut gone_task).await.expect("no panic");
    publisher.write_all(&PUBLISH.repeat(10)).await.expect("open");

    expect(&mut other, &PUBLISH.repeat(10)).await;
}

#[tokio::test(start_paused = true)]
async fn what_waits_for_a_client_that_cannot_be_written_to_goes_to_the_others() {
    let server = paced();
    let (_gone, gone_task, fails) = resting_and_failing(&server, "gone").await;
    let (mut other, _task) = server.connected("other").await;
    other.write_all(&SUBSCRIBE_SHARED).await.expect("open");
    expect(&mut other, &SUBACK).await;
    fails.store(true, Ordering::Relaxed);

    // Half of them are for who is gone: more than it takes at once.
    let messages = 2 * PULL_MESSAGES_MAX + 200;
    let (mut publisher, socket) = tokio::io::duplex(READ_BYTES);
    let without_pace = server.with_limits(Limits::default());
    publisher.write_all(&connect("publisher")).await.expect("fits");
    publisher.write_all(&PUBLISH.repeat(messages)).await.expect("fits");
    tokio::spawn(without_pace.driver(socket));

    over(gone_task).await;
    expect(&mut other, &PUBLISH.repeat(messages - PULL_MESSAGES_MAX)).await;
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_that_lies_unread_counts_though_the_client_cannot_be_written_to() {
    let server = paced();
    let mut subscriber = subscriber(&server).await;
    let (mut client, task, fails) = resting_and_failing(&server, "c").await;
    let unread = [&PUBLISH.repeat(2 * LOOK_BYTES_MAX)[..], &DISCONNECT].concat();
    client.write_all(&unread).await.expect("room in the pipe");
    fails.store(true, Ordering::Relaxed);

    let (mut publisher, _task) = server.connected_without_pace("publisher").await;
    publisher.write_all(&PUBLISH).await.expect("open");
    over(task).await;

    expect(&mut subscriber, &PUBLISH).await;
    nothing_but_pings(&mut subscriber).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_goes_while_its_message_waits_for_memory_is_missed() {
    let server = TestServer::with_memory_limit();
    let mut subscriber = subscriber(&server).await;
    let (mut client, task) = server.connected_with_will("c").await;
    server.shared.note_memory(MEMORY_BYTES_MAX, MEMORY_BYTES_MAX);

    client.write_all(&PUBLISH_1).await.expect("open");
    drop(client);

    over(task).await;
    expect(&mut subscriber, &PUBLISH).await;
    nothing_but_pings(&mut subscriber).await;
}

/// A client with a will that has published one message more than it may.
async fn resting(server: &TestServer) -> (DuplexStream, JoinHandle<()>) {
    let (mut client, task) = server.connected_with_will("c").await;
    client.write_all(&PUBLISH_1.repeat(3)).await.expect("open");
    expect(&mut client, &PUBACK.repeat(3)).await;
    (client, task)
}

/// Where a client publishes two messages at once, and then as good as none.
fn paced() -> TestServer {
    let messages = Some(Rate::new(1, Duration::from_secs(3_600), 2));
    let door = DoorLimits { pace: PaceLimits { messages, bytes: None }, ..DoorLimits::default() };
    TestServer::guarded(NoCredentials, DoorkeeperSettings::unlimited(), door)
}

impl TestServer {
    /// By another listener, which lets clients publish as fast as they like.
    async fn connected_without_pace(&self, client_id: &str) -> (DuplexStream, JoinHandle<()>) {
        self.with_limits(Limits::default()).connected(client_id).await
    }
}

/// A client in the group `g` with a will that has published as much as it may; and how its socket is
/// made to take nothing more.
async fn resting_and_failing(
    server: &TestServer,
    client_id: &str,
) -> (DuplexStream, JoinHandle<()>, Arc<AtomicBool>) {
    let (mut client, socket) = tokio::io::duplex(4096);
    let fails = Arc::new(AtomicBool::new(false));
    let task = tokio::spawn(server.driver(Failing { socket, fails: Arc::clone(&fails) }));
    client.write_all(&connect_with_will(client_id)).await.expect("open");
    expect(&mut client, &CONNACK).await;
    client.write_all(&SUBSCRIBE_SHARED).await.expect("open");
    expect(&mut client, &SUBACK).await;
    client.write_all(&[&PUBLISH_ELSEWHERE.repeat(3)[..], &PINGREQ].concat()).await.expect("open");
    expect(&mut client, &PINGRESP).await;
    (client, task, fails)
}

/// A socket that can be made to take nothing more; what came is still there.
struct Failing {
    socket: DuplexStream,
    fails: Arc<AtomicBool>,
}

impl AsyncRead for Failing {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_read(cx, buffer)
    }
}

impl AsyncWrite for Failing {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        match self.fails.load(Ordering::Relaxed) {
            true => Poll::Ready(Err(io::ErrorKind::ConnectionReset.into())),
            false => Pin::new(&mut self.socket).poll_write(cx, bytes),
        }
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.socket).poll_shutdown(cx)
    }
}

//! The driver over in-memory pipes, in virtual time.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::task::JoinHandle;

use super::*;
use crate::auth::NoCredentials;
use crate::broker::{Broker, Settings};
use crate::connection::Limits;
use crate::net::{Clock, PULL_BYTES_MAX, Seats, Setup};
use crate::store::{Commits, MemoryStore};

const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
const PINGREQ: [u8; 2] = [0xC0, 0];
const PINGRESP: [u8; 2] = [0xD0, 0];
const DISCONNECT: [u8; 2] = [0xE0, 0];
/// SUBSCRIBE to `t` at QoS 0, and its answer.
const SUBSCRIBE: [u8; 8] = [0x82, 6, 0, 1, 0, 1, b't', 0];
const SUBACK: [u8; 5] = [0x90, 3, 0, 1, 0];
/// PUBLISH of `x` to `t` at QoS 0.
const PUBLISH: [u8; 6] = [0x30, 4, 0, 1, b't', b'x'];
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);

#[tokio::test]
async fn idle_connections_own_no_buffers() {
    let server = TestServer::start();
    let mut drivers = Vec::new();
    let mut clients = Vec::new();
    for number in 0..200 {
        let (mut client, socket) = tokio::io::duplex(1024);
        client.write_all(&connect(&format!("c{number}"))).await.expect("fits the pipe");
        client.write_all(&[&SUBSCRIBE[..], &PINGREQ].concat()).await.expect("fits");
        drivers.push(server.driver(socket));
        clients.push(client);
    }

    for driver in &mut drivers {
        // Each in its own turn, as a task would be: a turn's budget is limited.
        tokio::task::yield_now().await;
        poll_once(driver);
    }

    for driver in &drivers {
        assert!(driver.link.conn.is_some(), "connected");
        assert_eq!(driver.inbox.capacity(), 0);
        assert_eq!(driver.outbox.capacity(), 0);
        assert_eq!(driver.requests.capacity(), 0);
        assert!(driver.timer.is_none(), "no timer of its own");
    }
}

#[tokio::test(start_paused = true)]
async fn packets_in_pieces_and_many_packets_in_one_read_are_the_same() {
    let server = TestServer::start();
    let packets = [&connect("c")[..], &SUBSCRIBE, &PUBLISH, &PINGREQ].concat();
    let expected = [&CONNACK[..], &PINGRESP, &SUBACK, &PUBLISH].concat();

    for piece in [1, 2, 3, 7, packets.len()] {
        let (mut client, _task) = server.open();
        for bytes in packets.chunks(piece) {
            client.write_all(bytes).await.expect("open");
            tokio::task::yield_now().await;
        }

        let mut arrived = vec![0; expected.len()];
        client.read_exact(&mut arrived).await.expect("all answers");
        arrived.sort_unstable();
        let mut all = expected.clone();
        all.sort_unstable();
        assert_eq!(arrived, all, "in pieces of {piece}");
    }
}

#[tokio::test(start_paused = true)]
async fn a_connection_without_connect_is_closed_when_its_time_is_up() {
    let server = TestServer::start();
    let (mut client, task) = server.open();
    client.write_all(&connect("c")[..5]).await.expect("open");

    tokio::time::sleep(CONNECT_TIMEOUT - Duration::from_millis(1)).await;
    assert!(!task.is_finished());
    tokio::time::sleep(Duration::from_millis(2)).await;

    assert_eq!(read_to_end(&mut client).await, b"");
    drop(client);
    task.await.expect("over");
}

#[tokio::test(start_paused = true)]
async fn a_connection_that_stands_has_no_time_limit() {
    let server = TestServer::start();
    let (mut client, task) = server.connected("c").await;

    tokio::time::sleep(CONNECT_TIMEOUT * 100).await;

    client.write_all(&PINGREQ).await.expect("open");
    expect(&mut client, &PINGRESP).await;
    assert!(!task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_message_wakes_a_subscriber_that_sleeps() {
    let server = TestServer::start();
    let (mut subscriber, _task) = server.connected("subscriber").await;
    subscriber.write_all(&SUBSCRIBE).await.expect("open");
    expect(&mut subscriber, &SUBACK).await;
    let (mut publisher, _task) = server.connected("publisher").await;

    for _ in 0..100 {
        publisher.write_all(&PUBLISH).await.expect("open");
        expect(&mut subscriber, &PUBLISH).await;
    }
}

#[tokio::test(start_paused = true)]
async fn a_client_that_does_not_read_costs_one_pull_and_nobody_else_anything() {
    let server = TestServer::start();
    let (mut slow, socket) = tokio::io::duplex(64);
    let mut driver = server.driver(socket);
    slow.write_all(&connect("slow")).await.expect("fits");
    slow.write_all(&SUBSCRIBE).await.expect("fits");
    poll_once(&mut driver);
    let (mut publisher, _task) = server.connected("publisher").await;
    let message = publish(1000);

    for _ in 0..500 {
        publisher.write_all(&message).await.expect("open");
        publisher.write_all(&PINGREQ).await.expect("open");
        expect(&mut publisher, &PINGRESP).await;
        poll_once(&mut driver);
    }

    let held = driver.outbox.output.len();
    assert!(held > 0, "the pipe is full");
    assert!(held <= PULL_BYTES_MAX + 2 * message.len(), "{held} bytes");
}

#[tokio::test(start_paused = true)]
async fn a_client_that_reads_late_gets_everything() {
    let server = TestServer::start();
    let (mut slow, socket) = tokio::io::duplex(64);
    tokio::spawn(server.driver(socket));
    slow.write_all(&connect("slow")).await.expect("fits");
    expect(&mut slow, &CONNACK).await;
    slow.write_all(&SUBSCRIBE).await.expect("fits");
    expect(&mut slow, &SUBACK).await;
    let (mut publisher, _task) = server.connected("publisher").await;
    let message = publish(3000);

    publisher.write_all(&message.repeat(100)).await.expect("open");
    publisher.write_all(&PINGREQ).await.expect("open");
    expect(&mut publisher, &PINGRESP).await;

    expect(&mut slow, &message.repeat(100)).await;
}

#[tokio::test(start_paused = true)]
async fn a_client_that_breaks_the_protocol_gets_the_answers_to_what_came_before() {
    let server = TestServer::start();
    let (mut client, task) = server.connected("c").await;

    client.write_all(&[&PINGREQ[..], &[0xF0, 0], &PINGREQ].concat()).await.expect("open");

    assert_eq!(read_to_end(&mut client).await, PINGRESP);
    drop(client);
    task.await.expect("over");
}

#[tokio::test(start_paused = true)]
async fn a_client_gets_a_limited_time_to_read_what_was_left_for_it() {
    let server = TestServer::start();
    let (mut client, socket) = tokio::io::duplex(8);
    let task = tokio::spawn(server.driver(socket));
    client.write_all(&connect("c")).await.expect("taken");
    client.write_all(&PINGREQ.repeat(20)).await.expect("taken");
    client.write_all(&DISCONNECT).await.expect("taken");

    tokio::time::sleep(FLUSH_TIME_MAX - Duration::from_millis(1)).await;
    assert!(!task.is_finished(), "there is output left");
    tokio::time::sleep(Duration::from_millis(2)).await;

    assert!(task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_connection_is_ended_though_its_client_does_not_read() {
    let server = TestServer::start();
    let (mut client, socket) = tokio::io::duplex(8);
    let task = tokio::spawn(server.driver(socket));
    client.write_all(&connect("c")).await.expect("taken");
    client.write_all(&PINGREQ.repeat(20)).await.expect("taken");
    tokio::task::yield_now().await;

    server.shared.handle_shutdown();
    tokio::time::sleep(FLUSH_TIME_MAX - Duration::from_millis(1)).await;
    assert!(!task.is_finished(), "there is output left");
    tokio::time::sleep(Duration::from_millis(2)).await;

    assert!(task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_server_that_stops_lets_nobody_in() {
    let server = TestServer::start();
    let (mut client, _task) = server.open();
    client.write_all(&connect("c")[..5]).await.expect("open");

    server.shared.handle_shutdown();
    client.write_all(&connect("c")[5..]).await.expect("open");

    assert_eq!(read_to_end(&mut client).await, [0x20, 2, 0, 3], "server unavailable");
}

#[tokio::test(start_paused = true)]
async fn after_the_end_of_the_stream_a_client_gets_a_limited_time_to_close() {
    let server = TestServer::start();
    let (mut client, task) = server.connected("c").await;
    client.write_all(&DISCONNECT).await.expect("open");
    assert_eq!(read_to_end(&mut client).await, b"");

    tokio::time::sleep(LINGER_TIME_MAX - Duration::from_millis(1)).await;
    assert!(!task.is_finished());
    tokio::time::sleep(Duration::from_millis(2)).await;

    assert!(task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn after_the_end_of_the_stream_a_limited_number_of_bytes_is_thrown_away() {
    let server = TestServer::start();
    let (mut client, task) = server.connected("c").await;
    client.write_all(&DISCONNECT).await.expect("open");
    assert_eq!(read_to_end(&mut client).await, b"");

    client.write_all(&vec![0; LINGER_BYTES_MAX]).await.expect("thrown away");
    tokio::task::yield_now().await;
    assert!(!task.is_finished());
    client.write_all(&[0]).await.expect("one more");

    task.await.expect("over");
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_stream_without_disconnect_publishes_the_will() {
    let server = TestServer::start();
    let (mut subscriber, _task) = server.connected("subscriber").await;
    subscriber.write_all(&SUBSCRIBE).await.expect("open");
    expect(&mut subscriber, &SUBACK).await;

    let (mut client, task) = server.open();
    client.write_all(&connect_with_will("c")).await.expect("open");
    expect(&mut client, &CONNACK).await;
    drop(client);

    expect(&mut subscriber, &PUBLISH).await;
    task.await.expect("over");
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_dropped_publishes_the_will() {
    let server = TestServer::start();
    let (mut subscriber, _task) = server.connected("subscriber").await;
    subscriber.write_all(&SUBSCRIBE).await.expect("open");
    expect(&mut subscriber, &SUBACK).await;

    let (mut client, task) = server.open();
    client.write_all(&connect_with_will("c")).await.expect("open");
    expect(&mut client, &CONNACK).await;
    task.abort();

    expect(&mut subscriber, &PUBLISH).await;
}

#[tokio::test(start_paused = true)]
async fn a_disconnect_counts_though_the_socket_takes_no_more_bytes() {
    let server = TestServer::start();
    let (mut subscriber, _task) = server.connected("subscriber").await;
    subscriber.write_all(&SUBSCRIBE).await.expect("open");
    expect(&mut subscriber, &SUBACK).await;

    let sent = [&connect_with_will("c")[..], &DISCONNECT].concat();
    tokio::spawn(server.driver(Reset { arrived: sent, read: 0 })).await.expect("over");

    subscriber.write_all(&PINGREQ).await.expect("open");
    expect(&mut subscriber, &PINGRESP).await;
}

#[tokio::test(start_paused = true)]
async fn a_seat_is_free_again_when_its_connection_is_over() {
    let server = TestServer::start();
    let (client, task) = server.connected("c").await;
    assert_eq!((server.shared.connections.taken(), server.shared.clients.taken()), (1, 1));

    drop(client);
    task.await.expect("over");

    assert_eq!((server.shared.connections.taken(), server.shared.clients.taken()), (0, 0));
}

struct TestServer {
    shared: Arc<Shared>,
}

impl TestServer {
    fn start() -> Self {
        let clock = Clock::start();
        let broker = Broker::new(settings(), 1, clock.now());
        let setup = Setup {
            limits: Limits::default(),
            authenticator: Box::new(NoCredentials),
            connect_timeout: CONNECT_TIMEOUT,
            connections_max: 1000,
            mistakes_per_second: 1000,
        };
        let commits = Commits::new(MemoryStore::default());
        Self { shared: Arc::new(Shared::new(broker, commits, clock, setup)) }
    }

    fn driver<S: AsyncRead + AsyncWrite + Unpin>(&self, socket: S) -> Driver<S> {
        let peer = Peer {
            address: SocketAddr::from(([127, 0, 0, 1], 1)),
            info: PeerInfo { allow_anonymous: true },
        };
        let seat = Seats::take(&self.shared.connections).expect("seats enough");
        Driver::new(socket, peer, Arc::clone(&self.shared), seat)
    }

    fn open(&self) -> (DuplexStream, JoinHandle<()>) {
        let (client, socket) = tokio::io::duplex(4096);
        (client, tokio::spawn(self.driver(socket)))
    }

    async fn connected(&self, client_id: &str) -> (DuplexStream, JoinHandle<()>) {
        let (mut client, task) = self.open();
        client.write_all(&connect(client_id)).await.expect("open");
        expect(&mut client, &CONNACK).await;
        (client, task)
    }
}

/// A client that sent some packets and reset the connection: what arrived before is still there.
struct Reset {
    arrived: Vec<u8>,
    read: usize,
}

impl AsyncRead for Reset {
    /// A few bytes at a time, so that something is to be written before all is read.
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = &self.arrived[self.read..];
        if rest.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let count = rest.len().min(self.arrived.len() - DISCONNECT.len());
        buffer.put_slice(&rest[..count]);
        self.read += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Reset {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

fn poll_once<S: AsyncRead + AsyncWrite + Unpin>(driver: &mut Driver<S>) {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(Pin::new(driver).poll(&mut cx).is_pending());
}

async fn expect(client: &mut DuplexStream, expected: &[u8]) {
    let mut arrived = vec![0; expected.len()];
    client.read_exact(&mut arrived).await.expect("open");
    assert_eq!(arrived, expected);
}

async fn read_to_end(client: &mut DuplexStream) -> Vec<u8> {
    let mut arrived = Vec::new();
    client.read_to_end(&mut arrived).await.expect("an orderly end");
    arrived
}

/// CONNECT of 3.1.1 with Clean Session and without keep alive.
fn connect(client_id: &str) -> Vec<u8> {
    connect_with(0x02, &[client_id])
}

/// The same with a will: `x` to `t`.
fn connect_with_will(client_id: &str) -> Vec<u8> {
    connect_with(0x06, &[client_id, "t", "x"])
}

fn connect_with(flags: u8, strings: &[&str]) -> Vec<u8> {
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, flags, 0, 0];
    for string in strings {
        body.extend((string.len() as u16).to_be_bytes());
        body.extend(string.as_bytes());
    }
    [&[0x10, body.len() as u8], &body[..]].concat()
}

/// PUBLISH of so many bytes (128 to 16,000) to `t` at QoS 0.
fn publish(payload_bytes: usize) -> Vec<u8> {
    let remaining = payload_bytes + 3;
    let header = [0x30, (remaining % 128) as u8 | 0x80, (remaining / 128) as u8, 0, 1, b't'];
    [&header[..], &vec![b'x'; payload_bytes]].concat()
}

fn settings() -> Settings {
    use crate::session::{QueueLimits, QueueRule};
    Settings {
        sessions_max: 1000,
        subscriptions_max: 1000,
        queue: QueueLimits {
            messages_max: 1000,
            bytes_max: 10_000_000,
            rule: QueueRule::RefuseNew,
        },
        queue_qos0_offline: false,
        in_flight_max: 100,
        receive_maximum: 100,
        maximum_qos: crate::types::QoS::ExactlyOnce,
        keep_alive_max_secs: 65_535,
        session_expiry_max_secs: u32::MAX,
        share_strategy: crate::subscriptions::ShareStrategy::RoundRobin,
        retained: crate::retained::RetainedLimits { messages_max: 100, bytes_max: 100_000 },
        cached_topics_max: 100,
        replies_max: 100,
        work_max: 1000,
        sys_interval_secs: 0,
        journal: false,
    }
}

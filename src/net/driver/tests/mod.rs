//! The driver over in-memory pipes, in virtual time.

mod blame;
mod credentials;
mod farewell;
mod gate;
mod protection;
mod pulse;
mod resting;
pub(in crate::net) mod stage;
mod store;
mod visits;

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt, DuplexStream, ReadBuf};
use tokio::task::JoinHandle;

use super::*;
use crate::auth::{Authenticator, NoCredentials};
use crate::broker::{Broker, Settings};
use crate::net::PULL_BYTES_MAX;
use stage::*;

const CONNACK: [u8; 4] = [0x20, 2, 0, 0];
const PINGREQ: [u8; 2] = [0xC0, 0];
const PINGRESP: [u8; 2] = [0xD0, 0];
const DISCONNECT: [u8; 2] = [0xE0, 0];
/// SUBSCRIBE to `t` at QoS 0, and its answer.
const SUBSCRIBE: [u8; 8] = [0x82, 6, 0, 1, 0, 1, b't', 0];
const SUBACK: [u8; 5] = [0x90, 3, 0, 1, 0];
/// PUBLISH of `x` to `t` at QoS 0.
const PUBLISH: [u8; 6] = [0x30, 4, 0, 1, b't', b'x'];
/// The same at QoS 1, and its answer.
const PUBLISH_1: [u8; 8] = [0x32, 6, 0, 1, b't', 0, 1, b'x'];
const PUBACK: [u8; 4] = [0x40, 2, 0, 1];
const CONNECT_TIMEOUT: Duration = Duration::from_secs(10);
const RE_AUTHENTICATION_TIMEOUT: Duration = Duration::from_secs(20);

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
        assert!(driver.requests.is_none());
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
        patiently(client.read_exact(&mut arrived)).await.expect("all answers");
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
    over(task).await;
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
    over(task).await;
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

    over(task).await;
}

#[tokio::test(start_paused = true)]
async fn the_end_of_the_stream_without_disconnect_publishes_the_will() {
    let server = TestServer::start();
    let (mut subscriber, _task) = server.connected("subscriber").await;
    subscriber.write_all(&SUBSCRIBE).await.expect("open");
    expect(&mut subscriber, &SUBACK).await;

    let (client, task) = server.connected_with_will("c").await;
    drop(client);

    expect(&mut subscriber, &PUBLISH).await;
    over(task).await;
}

#[tokio::test(start_paused = true)]
async fn a_task_that_is_dropped_publishes_the_will() {
    let server = TestServer::start();
    let (mut subscriber, _task) = server.connected("subscriber").await;
    subscriber.write_all(&SUBSCRIBE).await.expect("open");
    expect(&mut subscriber, &SUBACK).await;

    let (_client, task) = server.connected_with_will("c").await;
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
    over(tokio::spawn(server.driver(Reset { arrived: sent, read: 0 }))).await;

    subscriber.write_all(&PINGREQ).await.expect("open");
    expect(&mut subscriber, &PINGRESP).await;
}

#[tokio::test(start_paused = true)]
async fn a_seat_is_free_again_when_its_connection_is_over() {
    let server = TestServer::start();
    let (client, task) = server.connected("c").await;
    assert_eq!(
        (server.shared.doorkeeper.connections.taken(), server.shared.clients.taken()),
        (1, 1)
    );

    drop(client);
    over(task).await;

    assert_eq!(
        (server.shared.doorkeeper.connections.taken(), server.shared.clients.taken()),
        (0, 0)
    );
}

//! How connections end.

use super::*;

#[tokio::test(start_paused = true)]
async fn a_client_that_has_said_goodbye_is_not_waited_for() {
    let server = TestServer::start();
    let (mut client, task) = server.connected_bare("c", 64).await;

    client.write_all(&[PINGREQ, DISCONNECT].concat()).await.expect("open");

    assert_eq!(read_to_end(&mut client).await, PINGRESP);
    assert!(task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_closed_its_side_is_not_waited_for() {
    let server = TestServer::start();
    let (mut client, task) = server.connected_bare("c", 64).await;

    client.shutdown().await.expect("open");

    assert_eq!(read_to_end(&mut client).await, b"");
    assert!(task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_said_goodbye_gets_what_was_left_for_it() {
    let server = TestServer::start();
    let (mut client, _task) = server.connected_bare("c", 8).await;

    client.write_all(&SUBSCRIBE.repeat(2)).await.expect("taken");
    client.write_all(&DISCONNECT).await.expect("taken");
    tokio::time::sleep(FLUSH_TIME_MAX - Duration::from_millis(1)).await;

    assert_eq!(read_to_end(&mut client).await, SUBACK.repeat(2));
}

#[tokio::test(start_paused = true)]
async fn a_client_that_has_said_goodbye_gets_a_limited_time_to_read() {
    let server = TestServer::start();
    let (mut client, task) = server.connected_bare("c", 8).await;

    client.write_all(&SUBSCRIBE.repeat(2)).await.expect("taken");
    client.write_all(&DISCONNECT).await.expect("taken");
    tokio::time::sleep(FLUSH_TIME_MAX - Duration::from_millis(1)).await;
    assert!(!task.is_finished(), "there is output left");
    tokio::time::sleep(Duration::from_millis(2)).await;

    assert!(task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_client_that_was_sent_away_is_waited_for() {
    let server = TestServer::start();
    let (mut client, task) = server.connected_bare("c", 64).await;

    client.write_all(&[0x00, 0]).await.expect("open");

    assert_eq!(read_to_end(&mut client).await, b"");
    assert!(!task.is_finished(), "what it sends meanwhile must not be answered with a reset");
    tokio::time::sleep(LINGER_TIME_MAX + Duration::from_millis(1)).await;
    assert!(task.is_finished());
}

#[tokio::test(start_paused = true)]
async fn a_goodbye_counts_though_what_is_before_it_waits_for_longer_than_closing_may_take() {
    let server = TestServer::with_memory_limit();
    let mut subscriber = subscriber(&server).await;
    let (mut client, task) = server.connected_with_will("c").await;
    server.shared.note_memory(MEMORY_BYTES_MAX, MEMORY_BYTES_MAX);

    client.write_all(&[&PUBLISH_1[..], &DISCONNECT].concat()).await.expect("open");
    tokio::time::sleep(FLUSH_TIME_MAX + Duration::from_millis(1)).await;

    assert!(task.is_finished());
    nothing_but_pings(&mut subscriber).await;
}

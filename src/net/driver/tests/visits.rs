use std::collections::VecDeque;

use super::*;
use crate::net::shared::{TURNS_PER_VISIT, Visit};
use crate::request::Request;
use crate::types::{InboundId, PacketId};

#[tokio::test]
async fn a_visit_that_brings_very_much_goes_on_behind_others_and_leaves_the_rest() {
    let server = TestServer::start();
    let (mut driver, _client) = connected_driver(&server).await;
    let per_turn = settings().work_max;
    let most = per_turn * TURNS_PER_VISIT;

    for (brought, left, holds) in
        [(per_turn, 0, 1), (per_turn + 1, 0, 2), (most, 0, 8), (most + 1, 1, 8)]
    {
        let requests = VecDeque::from_iter((0..brought).map(|_| Request::Progress));
        let mut visit = bringing(requests);
        let before = server.shared.core.take_report().held.count;

        server.shared.visit(&mut driver.link, &mut visit, true);

        assert_eq!(visit.requests.len(), left, "of {brought}");
        assert_eq!(server.shared.core.take_report().held.count - before, holds, "for {brought}");
    }
}

/// Requests that are left for a reason of their own are not asked about again and again.
#[tokio::test]
async fn a_client_that_must_read_first_is_asked_once_more_and_no_more() {
    let server = TestServer::start();
    let (mut driver, _client) = connected_driver(&server).await;
    let most = settings().replies_max;
    let requests =
        VecDeque::from_iter((0..=most).map(|_| Request::PubRel { id: InboundId(PacketId::MIN) }));
    let mut visit = bringing(requests);
    let before = server.shared.core.take_report().held.count;

    server.shared.visit(&mut driver.link, &mut visit, false);

    assert!(!visit.requests.is_empty());
    assert_eq!(server.shared.core.take_report().held.count - before, 2);
}

async fn connected_driver(server: &TestServer) -> (Driver<DuplexStream>, DuplexStream) {
    let (mut client, socket) = tokio::io::duplex(1024);
    client.write_all(&connect("c")).await.expect("fits the pipe");
    let mut driver = server.driver(socket);
    poll_once(&mut driver);
    (driver, client)
}

fn bringing(requests: VecDeque<Request>) -> Visit {
    let mut visit = Visit::default();
    visit.requests = requests;
    visit
}

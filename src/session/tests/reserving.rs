use super::*;
use crate::journal::Backlog;

const RESERVE: u64 = 8;

#[test]
fn nothing_is_sent_that_is_not_durably_reserved() {
    let mut outbound = reserving();
    for payload in ["a", "b", "c"] {
        offer(&mut outbound, payload, 1);
    }
    outbound.reserve(2, Lsn(5));

    assert_eq!(sent_in(&mut outbound, &durable(4)), [""; 0]);
    assert_eq!(sent_in(&mut outbound, &durable(5)), ["a", "b"]);

    outbound.reserve(3, Lsn(6));
    assert_eq!(sent_in(&mut outbound, &durable(5)), [""; 0]);
    assert_eq!(sent_in(&mut outbound, &durable(6)), ["c"]);
}

#[test]
fn more_is_reserved_when_half_is_used_and_all_that_was_asked_for_is_durable() {
    let mut outbound = reserving();
    assert_eq!(outbound.wants_reserved(RESERVE, Lsn(1)), Some(8));
    outbound.reserve(8, Lsn(2));
    assert_eq!(outbound.wants_reserved(RESERVE, Lsn(1)), None, "not durable yet");
    for (number, wanted) in [(1, None), (2, None), (3, None), (4, Some(12))] {
        offer(&mut outbound, "m", 1);
        assert_eq!(sent_in(&mut outbound, &durable(2)).len(), 1);
        outbound.puback(id(number)).expect("in flight");
        assert_eq!(outbound.wants_reserved(RESERVE, Lsn(2)), wanted, "after {number}");
    }
}

/// A process that does not survive could have sent it when the first message was finished, which
/// nobody knows of after it.
#[test]
fn a_number_is_not_reserved_while_an_unfinished_message_has_its_packet_id() {
    let mut outbound = reserving();
    outbound.reserve(200_000, Lsn(1));
    for _ in 0..65_535 {
        offer(&mut outbound, "m", 1);
    }
    assert_eq!(sent_in(&mut outbound, &durable(1)).len(), 65_535);
    for packet in 2..=65_535 {
        outbound.puback(id(packet)).expect("in flight");
    }
    outbound.limit_to_reserved();
    assert_eq!(outbound.wants_reserved(RESERVE, Lsn(1)), Some(65_535), "as far as was sent");
    outbound.reserve(65_535, Lsn(1));
    assert_eq!(outbound.wants_reserved(RESERVE, Lsn(1)), None);

    outbound.puback(id(1)).expect("in flight");

    assert_eq!(outbound.wants_reserved(RESERVE, Lsn(1)), Some(65_535 + RESERVE));
}

#[test]
fn a_connection_reserves_from_what_may_have_been_sent_on() {
    let backlog = Backlog { from: 10, to: 30, messages: 20, ..Backlog::default() };
    for (sent_before, wanted) in [(0, 10), (12, 12), (40, 40)] {
        let mut outbound = Outbound::restore([].into(), backlog.clone(), sent_before, 30);
        outbound.start_connection();
        outbound.limit_to_reserved();
        assert_eq!(outbound.sent_before(), wanted);
        assert_eq!(outbound.wants_reserved(RESERVE, Lsn::NONE), Some(wanted + RESERVE));
        assert!(outbound.next_number() >= sent_before.max(30));
    }
}

fn reserving() -> Outbound {
    let mut outbound = Outbound::default();
    outbound.start_connection();
    outbound.limit_to_reserved();
    outbound
}

fn durable(lsn: u64) -> Context<'static> {
    Context { durable: Lsn(lsn), ..context() }
}

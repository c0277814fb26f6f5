use super::*;
use crate::journal::{Backlog, Load, Page, QueuedMessage, SessionNumber, Unfinished};

const WINDOW: Window = Window { messages_max: 4, bytes_max: usize::MAX };
const SESSION: SessionNumber = SessionNumber(9);

#[test]
fn an_absent_client_has_in_memory_only_what_the_store_cannot_give() {
    let mut outbound = queue_of(10);

    let let_go = outbound.handle_stored(7, None);

    assert!(!let_go.is_empty());
    assert_eq!(backlog(&outbound), (0, 7, 7));
    assert_eq!(held(&outbound), [7, 8, 9]);
    assert_eq!((outbound.queued(), outbound.queued_bytes()), (10, 10 * bytes()));
}

#[test]
fn a_connected_client_keeps_its_window() {
    for (count, kept, paged) in [(4, 4, 0), (5, 4, 1), (9, 4, 5)] {
        let mut outbound = queue_of(count);
        outbound.start_connection();

        outbound.handle_stored(count, Some(WINDOW));

        assert_eq!(held(&outbound).len(), kept, "of {count}");
        assert_eq!(outbound.backlog().map_or(0, |backlog| backlog.messages), paged);
    }
}

#[test]
fn a_window_ends_with_the_message_that_passes_its_bytes() {
    for (bytes_max, kept) in [(2 * bytes(), 2), (2 * bytes() + 1, 3), (1, 1)] {
        let mut outbound = queue_of(9);
        outbound.start_connection();

        outbound.handle_stored(9, Some(Window { messages_max: 100, bytes_max }));

        assert_eq!(held(&outbound).len(), kept);
    }
}

#[test]
fn what_was_sent_stays_until_it_is_acknowledged() {
    let mut outbound = queue_of(6);
    outbound.start_connection();
    let context = Context { receive_maximum: 2, ..context() };
    assert_eq!(sent_in(&mut outbound, &context), ["0", "1"]);

    outbound.handle_stored(6, None);

    assert_eq!(held(&outbound), [0, 1]);
    assert_eq!(outbound.puback(id(1)), Ok(0));
    assert_eq!(outbound.sent_before(), 2);
}

#[test]
fn ring_backlog_and_tail_are_sent_in_order() {
    let mut outbound = queue_of(20);
    outbound.start_connection();
    outbound.handle_stored(20, Some(WINDOW));
    for number in 20..25 {
        offer(&mut outbound, &number.to_string(), 1);
    }

    let sent = drain(&mut outbound);

    let expected: Vec<String> = (0..25).map(|number| number.to_string()).collect();
    assert_eq!(sent, expected);
    assert!(outbound.backlog().is_none());
    assert!(outbound.is_empty());
}

#[test]
fn a_load_is_asked_for_below_half_a_window_and_never_two_at_a_time() {
    let mut outbound = queue_of(20);
    outbound.start_connection();
    outbound.handle_stored(20, Some(WINDOW));
    let one = Context { receive_maximum: 1, ..context() };
    for number in 1..=2 {
        assert_eq!(outbound.next_load(SESSION, WINDOW), None, "half a window is left");
        assert_eq!(sent_in(&mut outbound, &one).len(), 1);
        outbound.puback(id(number)).expect("in flight");
    }
    assert_eq!(outbound.next_load(SESSION, WINDOW), None, "exactly half");
    assert_eq!(sent_in(&mut outbound, &one).len(), 1);

    let load = outbound.next_load(SESSION, WINDOW).expect("less than half");

    assert_eq!((load.from, load.to, load.messages_max), (4, 20, 3));
    assert_eq!(outbound.next_load(SESSION, WINDOW), None, "one is under way");
    outbound.handle_loaded(page(&load), true);
    assert_eq!(outbound.next_load(SESSION, WINDOW), None, "the window is full");
}

#[test]
fn pages_that_nobody_asked_for_are_ignored() {
    let mut outbound = queue_of(9);
    outbound.handle_stored(9, None);
    outbound.start_connection();
    let stray = Load { session: SESSION, from: 0, to: 9, messages_max: 9, bytes_max: 9_999 };
    outbound.handle_loaded(page(&stray), true);
    assert_eq!(backlog(&outbound), (0, 9, 9), "no load was under way");
    let load = outbound.next_load(SESSION, WINDOW).expect("nothing is in memory");

    outbound.handle_loaded(Page { from: 1, ..page(&load) }, true);
    assert_eq!(backlog(&outbound), (0, 9, 9), "another load was under way");
    outbound.handle_loaded(page(&load), true);
    assert_eq!(backlog(&outbound), (4, 9, 5));
}

#[test]
fn a_page_that_comes_when_the_client_is_gone_is_asked_for_again() {
    let mut outbound = queue_of(9);
    outbound.handle_stored(9, None);
    outbound.start_connection();
    let load = outbound.next_load(SESSION, WINDOW).expect("nothing is in memory");
    outbound.let_go(None);

    outbound.handle_loaded(page(&load), false);

    assert_eq!((backlog(&outbound), held(&outbound)), ((0, 9, 9), vec![]));
    assert_eq!(outbound.next_load(SESSION, WINDOW), Some(load));
}

/// The page was read for a connection that is gone; the next one begins further in front.
#[test]
fn a_page_from_behind_what_has_been_let_go_again_is_asked_for_anew() {
    let mut outbound = queue_of(9);
    outbound.handle_stored(9, None);
    outbound.start_connection();
    let first = outbound.next_load(SESSION, WINDOW).expect("nothing is in memory");
    outbound.handle_loaded(page(&first), true);
    let one = Context { receive_maximum: 3, ..context() };
    assert_eq!(sent_in(&mut outbound, &one).len(), 3);
    let late = outbound.next_load(SESSION, WINDOW).expect("one is left");
    outbound.let_go(None);
    outbound.start_connection();
    assert_eq!((late.from, backlog(&outbound)), (4, (3, 9, 6)));

    outbound.handle_loaded(page(&late), true);

    assert_eq!(outbound.next_load(SESSION, WINDOW).map(|load| load.from), Some(3));
}

#[test]
fn a_store_that_gives_too_little_is_not_asked_for_ever() {
    let mut outbound = queue_of(9);
    outbound.handle_stored(9, None);
    outbound.start_connection();
    let mut lost = 0;
    for _ in 0..9 {
        let load = outbound.next_load(SESSION, WINDOW).expect("something is missing");
        let nothing = Page { next: load.from, messages: vec![], ..page(&load) };
        lost += outbound.handle_loaded(nothing, true);
    }
    assert_eq!((lost, outbound.queued()), (9, 0));
    assert!(outbound.is_empty());
}

#[test]
fn a_store_cannot_give_what_lies_outside_or_twice() {
    let mut outbound = queue_of(9);
    outbound.handle_stored(9, None);
    outbound.start_connection();
    let load = outbound.next_load(SESSION, WINDOW).expect("nothing is in memory");
    let messages = [12, 3, 2, 3, 4].map(|number| (number, queued(&number.to_string()))).to_vec();

    outbound.handle_loaded(Page { next: 40, messages, ..page(&load) }, true);

    assert_eq!(sent(&mut outbound), ["3", "4"]);
    assert!(outbound.backlog().is_none());
}

#[test]
fn a_hole_in_the_backlog_stays_one_whatever_the_store_gives() {
    let group = Some(GroupKey(1));
    let mut outbound = Outbound::default();
    for number in 0..9 {
        let group = group.filter(|_| number == 5);
        let new = NewDelivery { group, ..new(&number.to_string(), 1) };
        outbound.queue(&new, limits()).expect("room");
    }
    assert_eq!(outbound.take_shared(|_| true).len(), 1);
    outbound.handle_stored(9, None);
    assert_eq!(backlog(&outbound), (0, 9, 8));
    outbound.start_connection();
    let load = outbound.next_load(SESSION, Window { messages_max: 7, ..WINDOW });
    outbound.handle_loaded(page(&load.expect("nothing is in memory")), true);
    outbound.let_go(None);
    assert_eq!(backlog(&outbound), (0, 9, 8), "known after it was loaded, too");
    outbound.start_connection();

    assert_eq!(drain(&mut outbound).concat(), "01234678");
}

#[test]
fn a_shared_message_that_only_the_store_has_stays_with_its_session() {
    let mut outbound = Outbound::default();
    for payload in ["a", "b"] {
        let shared = NewDelivery { group: Some(GroupKey(1)), ..new(payload, 1) };
        outbound.queue(&shared, limits()).expect("room");
    }

    outbound.handle_stored(1, None);

    let taken = outbound.take_shared(|_| true);
    assert_eq!(taken.iter().map(|(number, _)| *number).collect::<Vec<_>>(), [1]);
    assert!(!outbound.has_shared());
    assert_eq!(outbound.queued(), 1);
}

#[test]
fn the_oldest_of_a_backlog_make_way_by_number() {
    let limits = QueueLimits { messages_max: 5, rule: QueueRule::DropOldest, ..limits() };
    let mut outbound = queue_of(5);
    outbound.handle_stored(4, None);

    let dropped: Vec<_> = (5..11)
        .map(|number| outbound.queue(&new(&number.to_string(), 1), limits).expect("room"))
        .flat_map(|offered| offered.dropped)
        .collect();

    assert_eq!(dropped, [0, 1, 2, 3, 4, 5]);
    assert_eq!((outbound.queued(), outbound.queued_bytes()), (5, 5 * bytes() + 1));
    outbound.start_connection();
    assert_eq!(sent(&mut outbound), ["6", "7", "8", "9", "10"]);
}

#[test]
fn a_dropped_number_is_skipped_in_a_page_that_was_under_way() {
    let limits = QueueLimits { messages_max: 5, rule: QueueRule::DropOldest, ..limits() };
    let mut outbound = queue_of(5);
    outbound.handle_stored(5, None);
    outbound.start_connection();
    let load = outbound.next_load(SESSION, WINDOW).expect("nothing is in memory");
    let offered = outbound.queue(&new("5", 1), limits).expect("the oldest made way");
    assert_eq!(offered.dropped, [0]);

    outbound.handle_loaded(page(&load), true);

    assert_eq!(drain(&mut outbound).concat(), "12345");
}

#[test]
fn a_backlog_counts_in_a_queue_that_refuses() {
    for (messages_max, fits) in [(6, true), (5, false)] {
        let mut outbound = queue_of(5);
        outbound.handle_stored(3, None);
        let limits = QueueLimits { messages_max, ..limits() };
        assert_eq!(outbound.queue(&new("5", 1), limits).is_ok(), fits);
    }
}

#[test]
fn after_a_restart_only_what_was_reserved_comes_with_dup_and_never_expires() {
    let expires = |number: u64| (number, expiring(&number.to_string()));
    let front = [(0, Unfinished::Message(expiring("0")))];
    let backlog =
        Backlog { from: 1, to: 5, messages: 4, bytes: 4 * bytes() as u64, ..Backlog::default() };
    let mut outbound = Outbound::restore(front.into(), backlog, 3, 5);
    assert_eq!((outbound.sent_before(), outbound.queued()), (3, 5));
    outbound.start_connection();
    let load = outbound.next_load(SESSION, WINDOW).expect("less than half a window");
    let messages = (1..4).map(expires).collect();
    outbound.handle_loaded(Page { next: 4, messages, ..page(&load) }, true);

    let late = Context { now: Timestamp(10), ..context() };
    let mut dropped = Vec::new();
    let polled = std::iter::from_fn(|| outbound.poll_next(&late, &mut dropped));
    let sent: Vec<_> = polled
        .map(|outgoing| match outgoing {
            Outgoing::Publish(delivery) => (delivery.id, delivery.dup),
            other => panic!("expected a PUBLISH, not {other:?}"),
        })
        .collect();

    assert_eq!(sent, [1, 2, 3].map(|packet| (Some(id(packet)), true)));
    assert_eq!(dropped, [Dropped { number: Some(3), cause: DropCause::Expired }]);
}

/// PUBREL would tell the client to forget the packet id, and the PUBLISH that comes then would be a
/// new message to it.
#[test]
fn a_pubrec_for_what_has_not_been_loaded_is_left_unanswered() {
    let backlog = Backlog { from: 0, to: 5, messages: 5, ..Backlog::default() };
    let mut outbound = Outbound::restore([].into(), backlog, 3, 5);
    outbound.start_connection();

    assert_eq!(outbound.handle_pubrec(id(3)), Err(AckError::NotLoaded));
    assert_eq!(outbound.handle_pubrec(id(4)), Err(AckError::Unknown), "never sent");
}

#[test]
fn what_an_earlier_process_may_have_sent_does_not_make_way() {
    let backlog = Backlog { from: 0, to: 4, messages: 4, bytes: 4, ..Backlog::default() };
    let mut outbound = Outbound::restore([].into(), backlog, 3, 4);
    let limits = QueueLimits { messages_max: 5, rule: QueueRule::DropOldest, ..limits() };
    offer(&mut outbound, "4", 1);

    let dropped: Vec<_> = (5..8)
        .map(|number| outbound.queue(&new(&number.to_string(), 1), limits).expect("room"))
        .flat_map(|offered| offered.dropped)
        .collect();

    assert_eq!(dropped, [3, 4, 5]);
    let narrow = QueueLimits { messages_max: 3, ..limits };
    let refused = outbound.queue(&new("8", 1), narrow);
    assert_eq!(refused, Err(QueueFull { dropped: vec![6, 7] }));
    outbound.start_connection();
    assert_eq!(drain(&mut outbound).concat(), "012");
}

/// The id follows from the number, however far the backlog reaches.
#[test]
fn a_backlog_is_longer_than_there_are_packet_ids() {
    let last = 140_000;
    let backlog = Backlog { from: 1, to: last, messages: last - 1, ..Backlog::default() };
    let front = [(0, Unfinished::Message(queued("0")))];
    let mut outbound = Outbound::restore(front.into(), backlog, 0, last);
    outbound.start_connection();
    let window = Window { messages_max: 5_000, ..WINDOW };

    let mut stuck = false;
    let sent = drain_with(&mut outbound, window, |delivery| {
        let is_first = !std::mem::replace(&mut stuck, true);
        delivery.id.filter(|_| !is_first)
    });

    assert_eq!(sent.len(), 65_535, "id 1 is in use");
    outbound.puback(id(1)).expect("in flight");
    let sent = drain_with(&mut outbound, window, |delivery| delivery.id);
    assert_eq!(sent.len(), 140_000 - 65_535);
    assert_eq!(sent.last().map(String::as_str), Some("139999"));
    assert!(outbound.is_empty());
}

fn queue_of(count: u64) -> Outbound {
    let mut outbound = Outbound::default();
    (0..count).for_each(|number| offer(&mut outbound, &number.to_string(), 1));
    outbound
}

/// Sends all that can be sent, with loads answered at once. `answer` says what is acknowledged.
fn drain_with(
    outbound: &mut Outbound,
    window: Window,
    mut answer: impl FnMut(&Delivery) -> Option<OutboundId>,
) -> Vec<String> {
    let mut sent = Vec::new();
    loop {
        while let Some(Outgoing::Publish(delivery)) = poll(outbound) {
            sent.push(String::from_utf8_lossy(delivery.message.payload()).into_owned());
            if let Some(id) = answer(&delivery) {
                outbound.puback(id).expect("in flight");
            }
        }
        let Some(load) = outbound.next_load(SESSION, window) else { return sent };
        outbound.handle_loaded(page(&load), true);
    }
}

fn drain(outbound: &mut Outbound) -> Vec<String> {
    drain_with(outbound, WINDOW, |delivery| delivery.id)
}

/// What a store gives that has every number and forgets nothing.
fn page(load: &Load) -> Page {
    let next = load.to.min(load.from + load.messages_max as u64);
    let messages = (load.from..next).map(|number| (number, queued(&number.to_string())));
    Page { session: load.session, from: load.from, next, messages: messages.collect() }
}

fn queued(payload: &str) -> QueuedMessage {
    let NewDelivery { message, qos, retain, subscription_ids, .. } = new(payload, 1);
    QueuedMessage { message, qos, retain, subscription_ids }
}

fn expiring(payload: &str) -> QueuedMessage {
    let QueuedMessage { message, qos, retain, subscription_ids } = queued(payload);
    let head = MessageHead { expires_at: Some(Timestamp(10)), ..message.head() };
    QueuedMessage { message: message.with_head(head), qos, retain, subscription_ids }
}

/// First number, number behind the last, and count.
fn backlog(outbound: &Outbound) -> (u64, u64, u64) {
    let backlog = outbound.backlog().expect("there is one");
    (backlog.from, backlog.to, backlog.messages)
}

/// The numbers of what is in memory.
fn held(outbound: &Outbound) -> Vec<u64> {
    outbound.unfinished().map(|(number, _)| number).collect()
}

fn bytes() -> usize {
    new("0", 1).message.len()
}

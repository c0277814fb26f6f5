use super::*;
use crate::types::MessageHead;

const ROOMY: RetainedLimits = RetainedLimits { messages_max: usize::MAX, bytes_max: usize::MAX };
const NOW: Timestamp = Timestamp(1000);

#[test]
fn a_topic_has_one_message_the_last() {
    let mut retained = retained(&["a", "a/b"]);
    retained.set(message("a", "newer")).expect("room");

    assert_eq!(retained.len(), 2);
    assert_eq!(retained.get("a").expect("retained").payload(), b"newer");
    assert_eq!(retained.bytes(), retained.iter().map(Message::len).sum::<usize>());
}

#[test]
fn clearing_takes_one_topic_and_nothing_below_it() {
    let mut retained = retained(&["a", "a/b"]);
    assert!(retained.clear("a"));
    assert!(!retained.clear("a"));
    assert_eq!(topics(&retained, "#"), ["a/b"]);

    assert!(retained.clear("a/b"));
    assert_eq!((retained.len(), retained.bytes()), (0, 0));
}

#[test]
fn messages_are_limited_in_number() {
    let mut retained = Retained::new(RetainedLimits { messages_max: 2, ..ROOMY });
    retained.set(message("a", "")).expect("room");
    retained.set(message("b", "")).expect("room");
    let version = retained.version();

    assert_eq!(retained.set(message("c", "")), Err(Full));
    assert_eq!((retained.len(), retained.version()), (2, version));
    assert_eq!(retained.get("c"), None);
    retained.set(message("a", "replaced")).expect("no further message");
    retained.clear("b");
    retained.set(message("c", "")).expect("room again");
}

#[test]
fn messages_are_limited_in_bytes() {
    let bytes_max = message("a", "12345").len();
    let mut retained = Retained::new(RetainedLimits { bytes_max, ..ROOMY });
    retained.set(message("a", "12345")).expect("just fits");

    assert_eq!(retained.set(message("a", "123456")), Err(Full));
    assert_eq!(retained.get("a").expect("still there").payload(), b"12345");
    assert_eq!(retained.bytes(), bytes_max);
    retained.set(message("a", "54321")).expect("takes the place of the other");
}

#[test]
fn filters_find_what_section_4_7_has_them_match() {
    let retained = retained(&["a", "a/", "a/b", "a/b/c", "b/b", "/a", "A", "ü/b", "$SYS/b"]);
    assert_eq!(topics(&retained, "a/b"), ["a/b"]);
    assert_eq!(topics(&retained, "a/#"), ["a", "a/", "a/b", "a/b/c"]);
    assert_eq!(topics(&retained, "a/+"), ["a/", "a/b"]);
    assert_eq!(topics(&retained, "+/b"), ["a/b", "b/b", "ü/b"]);
    assert_eq!(topics(&retained, "+/b/#"), ["a/b", "a/b/c", "b/b", "ü/b"]);
    assert_eq!(topics(&retained, "+"), ["A", "a"]);
    assert_eq!(topics(&retained, "/#"), ["/a"]);
    assert_eq!(topics(&retained, "a/x/#"), [""; 0]);
}

#[test]
fn leading_wildcards_pass_reserved_topics_by() {
    let retained = retained(&["!", "$SYS/b", "$SYS/b/c", "$x", "%", "a/b"]);
    assert_eq!(topics(&retained, "#"), ["!", "%", "a/b"]);
    assert_eq!(topics(&retained, "+/b"), ["a/b"]);
    assert_eq!(topics(&retained, "$SYS/#"), ["$SYS/b", "$SYS/b/c"]);
    assert_eq!(topics(&retained, "$SYS/+"), ["$SYS/b"]);
}

#[test]
fn a_walk_leaves_out_what_was_set_after_it_began() {
    let mut retained = retained(&["a", "b"]);
    let up_to = retained.version();
    retained.set(message("b", "newer")).expect("room");
    retained.set(message("c", "")).expect("room");

    let mut out = Vec::new();
    let end = retained.walk("+", up_to, &mut Cursor::default(), 100, NOW, &mut out);
    assert_eq!(end, Walk::Done);
    assert_eq!(out.len(), 1);
    assert_eq!(out[0].topic(), "a");
    retained.walk("b", up_to, &mut Cursor::default(), 100, NOW, &mut out);
    assert_eq!(out.len(), 1, "an exact filter neither");
}

#[test]
fn a_walk_goes_on_where_it_was_whatever_becomes_of_that_place() {
    let mut retained = retained(&["a", "b/x", "b/y", "c"]);
    let up_to = retained.version();
    let (mut cursor, mut out) = (Cursor::default(), Vec::new());
    assert_eq!(retained.walk("#", up_to, &mut cursor, 2, NOW, &mut out), Walk::More);
    assert_eq!(out.last().expect("two").topic(), "b/x");

    retained.clear("b/x");
    retained.clear("b/y");
    retained.clear("a");
    out.clear();
    assert_eq!(retained.walk("#", up_to, &mut cursor, 2, NOW, &mut out), Walk::Done);
    assert_eq!(out.len(), 1);
    assert_eq!(out[0].topic(), "c");
}

#[test]
fn a_walk_that_is_done_stays_done() {
    let retained = retained(&["a"]);
    for filter in ["a", "#"] {
        let (mut cursor, mut out) = (Cursor::default(), Vec::new());
        assert_eq!(retained.walk(filter, 1, &mut cursor, 9, NOW, &mut out), Walk::Done);
        assert_eq!(retained.walk(filter, 1, &mut cursor, 9, NOW, &mut out), Walk::Done);
        assert_eq!(out.len(), 1, "{filter}");
    }
}

#[test]
fn a_walk_takes_no_more_than_its_budget_and_moves_even_with_none() {
    let retained = retained(&["a", "b", "c"]);
    for (budget, shown) in [(0, 1), (1, 1), (2, 2), (3, 3)] {
        let mut out = Vec::new();
        let end = retained.walk("#", 9, &mut Cursor::default(), budget, NOW, &mut out);
        assert_eq!((end, out.len()), (Walk::More, shown), "budget {budget}");
    }
    let mut out = Vec::new();
    assert_eq!(retained.walk("#", 9, &mut Cursor::default(), 4, NOW, &mut out), Walk::Done);
}

#[test]
fn a_walk_does_not_go_through_branches_that_cannot_match() {
    let mut retained = retained(&[]);
    for first in 0..10 {
        for second in 0..100 {
            retained.set(message(&format!("{first}/{second:02}/x"), "")).expect("room");
        }
    }
    let mut out = Vec::new();
    let visits_max = 10 * 3;
    let end = retained.walk("+/50/#", 1000, &mut Cursor::default(), visits_max, NOW, &mut out);
    assert_eq!((end, out.len()), (Walk::More, 10));

    retained.set(message("z", "")).expect("room");
    let mut out = Vec::new();
    let end = retained.walk("+", 1001, &mut Cursor::default(), 10 + 2, NOW, &mut out);
    assert_eq!((end, out.len()), (Walk::Done, 1));
}

#[test]
fn what_is_expired_is_not_shown_before_it_is_removed() {
    let mut retained = Retained::new(ROOMY);
    retained.set(expiring("a", NOW)).expect("room");
    retained.set(expiring("b", Timestamp(NOW.0 + 1))).expect("room");
    assert_eq!(topics(&retained, "#"), ["b"]);
    assert_eq!(topics(&retained, "a"), [""; 0]);
}

#[test]
fn expired_messages_go_in_their_order_as_far_as_the_budget_reaches() {
    let mut retained = Retained::new(ROOMY);
    for (topic, at) in [("c", 3), ("a", 1), ("b", 2), ("later", NOW.0 + 1)] {
        retained.set(expiring(topic, Timestamp(at))).expect("room");
    }
    retained.set(message("never", "")).expect("room");
    assert_eq!(retained.next_expiry(), Some(Timestamp(1)));

    assert_eq!(retained.expire(NOW, 2), ["a", "b"]);
    assert_eq!(retained.expire(NOW, 2), ["c"]);
    assert_eq!(retained.expire(NOW, 2), [""; 0]);
    assert_eq!(retained.len(), 2);
    assert_eq!(retained.next_expiry(), Some(Timestamp(NOW.0 + 1)));
}

#[test]
fn a_message_replaced_or_cleared_expires_no_more() {
    let mut retained = Retained::new(ROOMY);
    retained.set(expiring("a", NOW)).expect("room");
    retained.set(message("a", "stays")).expect("room");
    retained.set(expiring("b", NOW)).expect("room");
    retained.clear("b");
    assert_eq!(retained.next_expiry(), None);
    assert_eq!(retained.expire(NOW, 9), [""; 0]);
    assert_eq!(retained.len(), 1);
}

fn retained(topics: &[&str]) -> Retained {
    let mut retained = Retained::new(ROOMY);
    for topic in topics {
        retained.set(message(topic, "")).expect("room");
    }
    retained
}

fn message(topic: &str, payload: &str) -> Message {
    let head = MessageHead { retain: true, ..MessageHead::default() };
    Message::new(head, topic, &[], payload.as_bytes())
}

fn expiring(topic: &str, at: Timestamp) -> Message {
    let head = MessageHead { retain: true, expires_at: Some(at), ..MessageHead::default() };
    Message::new(head, topic, &[], b"")
}

fn topics(retained: &Retained, filter: &str) -> Vec<String> {
    let mut out = Vec::new();
    let mut cursor = Cursor::default();
    while retained.walk(filter, retained.version(), &mut cursor, 1, NOW, &mut out) == Walk::More {}
    out.iter().map(|message| message.topic().to_owned()).collect()
}

use proptest::prelude::*;

use super::*;
use crate::types::{MessageHead, PacketId};

#[test]
fn what_concerns_a_session_that_has_ended_is_passed_over() {
    let session = SessionNumber(3);
    let mut image = Image::of([opened(3), Change::SessionEnded { session }]);
    let before = image.clone();

    image.apply(queued(3, 7));
    image.apply(Change::SessionResumed { session, expiry_secs: 9 });

    assert_eq!(image, before);
    assert_eq!(image.last_session, Some(session));
}

#[test]
fn a_message_is_kept_until_its_pubrec_and_its_number_until_its_end() {
    let session = SessionNumber(1);
    let mut image = Image::of([opened(1), queued(1, 4)]);
    assert!(matches!(image.sessions[&session].queue[&4], Unfinished::Message(_)));

    image.apply(Change::PubRecSeen { session, number: 4 });
    assert_eq!(image.sessions[&session].queue[&4], Unfinished::Released);

    image.apply(Change::Settled { session, number: 4 });
    assert!(image.sessions[&session].queue.is_empty());
    assert_eq!(image.sessions[&session].next_number, 5);
}

#[test]
fn the_last_word_about_what_may_have_been_sent_counts() {
    let session = SessionNumber(1);
    let sent = |before| Change::Sent { session, before };
    let mut image = Image::of([opened(1), queued(1, 4), sent(3_000)]);
    assert_eq!(image.sessions[&session].sent_before, 3_000);

    image.apply(sent(5));

    assert_eq!(image.sessions[&session].sent_before, 5);
    assert_eq!(image.sessions[&session].next_number, 5, "a reservation uses up nothing");
}

#[test]
fn numbers_survive_a_fold_though_nothing_has_them_any_more() {
    let session = SessionNumber(1);
    let all = [opened(1), queued(1, 4), Change::Settled { session, number: 4 }, opened(2)];
    let ended = Change::SessionEnded { session: SessionNumber(2) };
    let folded = Image::of(all.into_iter().chain([ended])).changes().collect::<Vec<_>>();

    let image = Image::of(folded);

    assert_eq!(image.sessions[&session].next_number, 5);
    assert_eq!(image.last_session, Some(SessionNumber(2)));
}

#[test]
fn a_fold_keeps_nothing_twice_and_nothing_that_is_over() {
    let session = SessionNumber(1);
    let released = Change::PubRecSeen { session, number: 2 };
    let all = [opened(1), queued(1, 1), queued(1, 2), queued(1, 3), released.clone()];
    let settled = [1].map(|number| Change::Settled { session, number });

    let folded: Vec<_> = Image::of(all.into_iter().chain(settled)).changes().collect();

    assert_eq!(folded, [opened(1), released, queued(1, 3)]);
}

proptest! {
    /// A crash while a prefix is folded may leave any of its groups beside what they were folded
    /// into.
    #[test]
    fn a_fold_of_any_prefix_and_the_journal_from_any_place_in_it_come_to_the_same(
        steps in prop::collection::vec(any::<[u8; 4]>(), 0..120),
        cut in any::<prop::sample::Index>(),
        again in any::<prop::sample::Index>(),
    ) {
        let journal = journal(&steps);
        let cut = cut.index(journal.len() + 1);
        let again = again.index(cut + 1);
        let folded = Image::of(journal[..cut].iter().cloned());

        let image = Image::of(folded.changes().chain(journal[again..].iter().cloned()));

        prop_assert_eq!(image, Image::of(journal));
        prop_assert_eq!(Image::of(folded.changes()), folded);
    }
}

/// A journal as a broker writes it: numbers of sessions and messages are never used twice.
fn journal(steps: &[[u8; 4]]) -> Vec<Change> {
    let mut journal = Vec::new();
    let (mut alive, mut sessions, mut messages) = (Vec::new(), 0, 0);
    for &[what, which, with, value] in steps {
        if alive.is_empty() || what % 17 == 0 {
            sessions += 1;
            alive.push(sessions);
            journal.push(opened(sessions));
        }
        let at = usize::from(which) % alive.len();
        let number = alive[at];
        if what % 17 == 1 {
            alive.remove(at);
        }
        messages += 1;
        journal.push(change(what, SessionNumber(number), with, value, messages));
    }
    journal
}

fn change(what: u8, session: SessionNumber, with: u8, value: u8, next: u64) -> Change {
    let id = InboundId(PacketId::new(u16::from(with % 3) + 1).expect("not zero"));
    let filter = Filter::parse(&format!("a/{}", with % 3), true).expect("valid");
    let earlier = next.saturating_sub(u64::from(with % 8));
    let expiry_secs = u32::from(value);
    match what % 17 {
        1 => Change::SessionEnded { session },
        2 => Change::SessionResumed { session, expiry_secs },
        3 => {
            let at = Timestamp(u64::from(with));
            Change::SessionDetached { session, expiry_secs, at }
        }
        4 => {
            let options = SubscriptionOptions { no_local: value > 99, ..Default::default() };
            Change::Subscribed { session, filter, options }
        }
        5 => Change::Unsubscribed { session, filter },
        6 => Change::InboundTaken { session, id },
        7 => Change::InboundReleased { session, id },
        8 => Change::PubRecSeen { session, number: earlier },
        9 | 10 => Change::Settled { session, number: earlier },
        11 => Change::Sent { session, before: next },
        12 => {
            let message = message(value);
            Change::WillArmed { session, will: Will { message, expiry_secs: None, delay_secs: 1 } }
        }
        13 => Change::WillCleared { session },
        14 => Change::RetainedSet { message: message(value % 4) },
        15 => Change::RetainedCleared { topic: format!("t/{}", value % 4) },
        _ => queued(session.0, next),
    }
}

fn opened(session: u64) -> Change {
    let client_id = ClientId::new(&format!("c{session}"));
    Change::SessionOpened { session: SessionNumber(session), client_id, expiry_secs: 60 }
}

fn queued(session: u64, number: u64) -> Change {
    Change::Queued {
        session: SessionNumber(session),
        number,
        message: message(0),
        qos: QoS::ExactlyOnce,
        retain: false,
        subscription_ids: SubscriptionIds::None,
    }
}

fn message(topic: u8) -> Message {
    Message::new(MessageHead::default(), &format!("t/{topic}"), &[], b"payload")
}

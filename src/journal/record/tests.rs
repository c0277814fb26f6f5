use super::*;
use crate::types::MessageHead;

#[test]
fn every_change_comes_back_as_it_went_in() {
    let changes = one_of_each();
    assert_eq!(decode(&encode(&changes)), Ok(changes));
}

#[test]
fn a_record_that_was_cut_is_damaged_or_shorter() {
    let changes = one_of_each();
    let record = encode(&changes);
    for cut in 0..record.len() {
        match decode(&record[..cut]) {
            Err(error) => assert_eq!(error, RecordError::Damaged),
            Ok(fewer) => assert_eq!(fewer, changes[..fewer.len()]),
        }
    }
}

#[test]
fn a_message_for_many_stands_in_a_record_once() {
    let message = Message::new(MessageHead::default(), "t", &[], &[7; 1000]);
    let queued = |session, message: &Message| Change::Queued {
        session: SessionNumber(session),
        number: 0,
        message: message.clone(),
        qos: QoS::AtLeastOnce,
        retain: false,
        subscription_ids: SubscriptionIds::None,
    };
    let other = Message::new(MessageHead::default(), "t", &[], b"other");
    let changes = [queued(1, &message), queued(2, &other), queued(3, &message)];

    let record = encode(&changes);

    assert!(record.len() < 1200, "{} bytes", record.len());
    let decoded = decode(&record).expect("just written");
    assert_eq!(decoded, changes);
    let [Change::Queued { message: first, .. }, _, Change::Queued { message: last, .. }] =
        &decoded[..]
    else {
        panic!("three messages");
    };
    assert_eq!(first.as_bytes().as_ptr(), last.as_bytes().as_ptr(), "shared again");
}

#[test]
fn a_message_that_did_not_come_before_is_damage() {
    let mut record = vec![VERSION, 12];
    record.extend_from_slice(&REPEATED.to_be_bytes());
    assert_eq!(decode(&record), Err(RecordError::Damaged));
}

#[test]
fn another_version_is_refused_by_its_number() {
    assert_eq!(decode(&[2]), Err(RecordError::Version(2)));
}

fn one_of_each() -> Vec<Change> {
    let session = SessionNumber(7);
    let filter = Filter::parse("$share/g/a/+", true).expect("valid");
    let id = InboundId(PacketId::MAX);
    let message = Message::new(MessageHead::default(), "t", &[1, 1], b"payload");
    let mut subscription_ids = SubscriptionIds::None;
    subscription_ids.insert(SubscriptionId::new(1));
    subscription_ids.insert(SubscriptionId::new(2));
    let options = SubscriptionOptions {
        qos: QoS::ExactlyOnce,
        no_local: true,
        retain_as_published: true,
        retain_handling: RetainHandling::DoNotSend,
        id: SubscriptionId::new(9),
    };
    let will = Will { message: message.clone(), expiry_secs: Some(0), delay_secs: 5 };
    vec![
        Change::SessionOpened { session, client_id: ClientId::new("c"), expiry_secs: 1 },
        Change::SessionResumed { session, expiry_secs: 2 },
        Change::SessionDetached { session, expiry_secs: 3, at: Timestamp(4) },
        Change::Subscribed { session, filter: filter.clone(), options },
        Change::Unsubscribed { session, filter },
        Change::InboundTaken { session, id },
        Change::InboundReleased { session, id },
        Change::Queued {
            session,
            number: 70_000,
            message: message.clone(),
            qos: QoS::AtLeastOnce,
            retain: true,
            subscription_ids,
        },
        Change::Sent { session, before: 8 },
        Change::PubRecSeen { session, number: 5 },
        Change::Settled { session, number: 6 },
        Change::RetainedSet { message },
        Change::RetainedCleared { topic: "t".into() },
        Change::WillArmed { session, will },
        Change::WillCleared { session },
        Change::SessionEnded { session },
    ]
}

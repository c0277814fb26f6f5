use fulmar::types::QoS;

use super::order::faults;
use super::{Ledger, NEVER, Violation};

#[test]
fn repeats_losses_and_wrong_order_are_told_apart() {
    let found = |got: &[u64], ordered, once| {
        let faults = faults(got, 4, ordered, once);
        faults.map(|(violation, _)| violation).collect::<Vec<_>>()
    };

    assert_eq!(found(&[1, 2, 3, 4], true, true), []);
    assert_eq!(found(&[1, 2, 3], true, true), [Violation::MessageLost]);
    assert_eq!(found(&[1, 3, 2, 4], true, true), [Violation::WrongOrder]);
    assert_eq!(found(&[1, 3, 2, 4], false, true), [], "among the members of a group");
    assert_eq!(found(&[1, 2, 1, 2, 3, 4], true, true), [Violation::MessageRepeated]);
    assert_eq!(found(&[1, 2, 1, 2, 3, 4], true, false), [], "at least once");
    assert_eq!(found(&[2, 1, 3, 4], true, false), [Violation::WrongOrder]);
}

#[test]
fn a_will_that_comes_twice_or_in_spite_of_a_return_is_found() {
    let mut ledger = Ledger::default();
    ledger.subscribed("s", QoS::ExactlyOnce);
    for (topic, qos) in [("w/1", QoS::ExactlyOnce), ("w/2", QoS::AtLeastOnce)] {
        ledger.will_sent(topic, qos, false);
        ledger.will_accepted(topic);
    }
    let deliver = |ledger: &mut Ledger| {
        for topic in ["w/1", "w/2"] {
            ledger.delivered("s", topic, 1);
        }
        ledger.check_deliveries();
    };

    deliver(&mut ledger);
    assert!(ledger.violations.is_empty());

    ledger.delivered("s", NEVER, 1);
    deliver(&mut ledger);
    assert_eq!(ledger.violations[&Violation::WillWrong].len(), 2, "{:?}", ledger.violations);
}

#[test]
fn a_subscription_that_is_gone_or_back_is_found() {
    let mut ledger = Ledger::default();
    ledger.subscribed("s", QoS::ExactlyOnce);
    ledger.delivered("s", "x/1", 1);

    ledger.check_subscription("s", "x/1", true);
    ledger.check_subscription("s", "x/2", false);
    assert!(ledger.violations.is_empty());

    ledger.check_subscription("s", "x/1", false);
    ledger.check_subscription("s", "x/2", true);
    let found: Vec<_> = ledger.violations.keys().collect();
    assert_eq!(found, [&Violation::SubscriptionLost, &Violation::SubscriptionBack]);
}

#[test]
fn a_retained_message_that_is_gone_old_or_back_is_found() {
    // Of the messages to a topic the third clears it.
    let wrong = |accepted: u64, sent: u64, shown: Option<u64>| {
        let mut ledger = Ledger::default();
        for number in 1..=sent {
            ledger.next("r/1", QoS::AtLeastOnce);
            if number <= accepted {
                ledger.accepted("r/1", number);
            }
        }
        shown.iter().for_each(|number| ledger.shown("r/1", *number));
        ledger.check_retained();
        !ledger.violations.is_empty()
    };

    assert!(!wrong(2, 2, Some(2)) && !wrong(0, 1, None) && !wrong(0, 1, Some(1)));
    assert!(wrong(2, 2, None), "gone");
    assert!(wrong(2, 2, Some(1)), "old");
    assert!(!wrong(2, 3, Some(2)) && !wrong(2, 3, None), "perhaps cleared");
    assert!(!wrong(3, 3, None));
    assert!(wrong(3, 3, Some(2)), "back");
    assert!(!wrong(3, 4, Some(4)));
}

#[test]
fn a_will_is_retained_if_it_was_to_be_and_was_seen() {
    let wrong = |retain, seen, shown| {
        let mut ledger = Ledger::default();
        ledger.subscribed("s", QoS::ExactlyOnce);
        ledger.will_sent("w/1", QoS::ExactlyOnce, retain);
        if seen {
            ledger.delivered("s", "w/1", 1);
        }
        if shown {
            ledger.shown("w/1", 1);
        }
        ledger.check_retained();
        !ledger.violations.is_empty()
    };

    assert!(!wrong(true, true, true) && !wrong(true, false, true) && !wrong(true, false, false));
    assert!(wrong(true, true, false));
    assert!(wrong(false, true, true));
}

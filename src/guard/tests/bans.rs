use super::*;
use crate::guard::NAME_BYTES_MAX;

const NOW: Timestamp = Timestamp(1_790_000_000_000);

#[test]
fn a_client_that_connects_once_too_often_is_banned_there_and_nowhere_else() {
    let mut bans = bans(rules());
    let (client, other) = (ClientId::new("c"), ClientId::new("d"));
    for _ in 0..3 {
        assert_eq!(bans.note_connect(address(1), &client, NOW), None);
    }
    assert!(!bans.bans_client(address(1), &client, NOW));

    let ban = bans.note_connect(address(1), &client, NOW).expect("one too many");

    assert_eq!(ban.offence, Offence::Flapping);
    assert_eq!((ban.until, ban.times), (NOW.plus_secs(60), 1));
    assert!(bans.bans_client(address(1), &client, NOW));
    assert!(!bans.bans_client(address(2), &client, NOW), "the client itself, elsewhere");
    assert!(!bans.bans_client(address(1), &other, NOW), "another one behind the same address");
    assert!(!bans.bans_address(address(1), NOW));
}

#[test]
fn failed_logins_ban_the_address_and_the_user_name_each_by_its_own_number() {
    let mut bans = bans(rules());
    for _ in 0..2 {
        assert_eq!(bans.note_address_failure(address(1), NOW), None);
        assert_eq!(bans.note_user_failure("ann", NOW), None);
    }

    let banned = bans.note_address_failure(address(1), NOW).expect("the third of two");
    assert_eq!(banned.subject, Subject::Address(address(1)));
    assert_eq!(bans.note_user_failure("ann", NOW), None, "the third of three");
    let banned = bans.note_user_failure("ann", NOW).expect("the fourth of three");
    assert_eq!(banned.subject, Subject::User("ann".into()));

    assert!(bans.bans_address(address(1), NOW) && bans.bans_user("ann", NOW));
    assert!(!bans.bans_address(address(2), NOW) && !bans.bans_user("bob", NOW));
}

#[test]
fn offences_count_together_only_within_a_window() {
    let mut bans = bans(rules());
    for _ in 0..2 {
        assert_eq!(bans.note_address_failure(address(1), NOW), None);
    }

    assert_eq!(bans.note_address_failure(address(1), NOW.plus_secs(10)), None, "a new window");
    assert_eq!(bans.note_address_failure(address(1), NOW.plus_secs(10)), None);
    assert!(bans.note_address_failure(address(1), NOW.plus_secs(19)).is_some());
}

#[test]
fn a_ban_is_over_at_its_end_and_the_next_is_twice_as_long_up_to_the_longest() {
    let mut bans = bans(rules());
    let mut now = NOW;
    for (times, secs) in [(1, 60), (2, 120), (3, 200), (4, 200)] {
        let ban = offend(&mut bans, now).expect("banned again");
        assert_eq!((ban.until, ban.times), (now.plus_secs(secs), times));
        assert!(bans.bans_address(address(1), Timestamp(ban.until.0 - 1)));
        assert!(!bans.bans_address(address(1), ban.until));
        now = ban.until;
    }
}

#[test]
fn who_behaves_for_as_long_as_the_longest_ban_is_as_good_as_new() {
    let mut bans = bans(rules());
    let first = offend(&mut bans, NOW).expect("banned");
    assert_eq!(bans.advance(first.until), 0);
    assert_eq!(bans.len(), 1, "remembered");

    let later = first.until.plus_secs(200);
    bans.advance(later);

    assert!(bans.is_empty());
    assert_eq!(offend(&mut bans, later).expect("banned").times, 1);
}

#[test]
fn while_banned_nothing_makes_it_worse() {
    let mut bans = bans(rules());
    let ban = offend(&mut bans, NOW).expect("banned");

    assert_eq!(offend(&mut bans, NOW.plus_secs(1)), None);

    assert_eq!(bans.list(NOW.plus_secs(1)).collect::<Vec<_>>(), [ban]);
}

#[test]
fn a_ban_can_be_lifted_and_what_led_to_it_is_forgotten() {
    let mut bans = bans(rules());
    offend(&mut bans, NOW).expect("banned");

    assert!(!bans.lift("address 0.0.0.2", NOW), "another one");
    assert!(bans.lift("address 0.0.0.1", NOW));
    assert!(!bans.lift("address 0.0.0.1", NOW), "there is none any more");

    assert!(!bans.bans_address(address(1), NOW));
    assert_eq!(offend(&mut bans, NOW).expect("banned").times, 1);
    assert_eq!((bans.lift_all(NOW), bans.len()), (1, 0));
}

#[test]
fn the_table_holds_so_many_and_those_that_are_not_banned_give_way_first() {
    let mut bans = bans(BanRules { entries_max: 3, ..rules() });
    let banned = offend(&mut bans, NOW).expect("banned");
    bans.note_address_failure(address(2), NOW);
    bans.note_address_failure(address(3), NOW.plus_secs(1));
    assert_eq!(bans.len(), 3);

    bans.note_address_failure(address(4), NOW.plus_secs(2));

    assert_eq!(bans.len(), 3);
    assert_eq!(bans.list(NOW).collect::<Vec<_>>(), [banned]);
    assert_eq!(bans.note_address_failure(address(3), NOW.plus_secs(2)), None);
    let third = bans.note_address_failure(address(3), NOW.plus_secs(2));
    assert!(third.is_some(), "the second one was the oldest, the third one is still known");
}

#[test]
fn where_all_are_banned_the_ban_with_the_least_left_gives_way() {
    let rules = BanRules { entries_max: 2, address_failures_max: Some(0), ..rules() };
    let mut bans = bans(rules);
    for (number, secs) in [(1, 0), (2, 1), (3, 2)] {
        assert!(bans.note_address_failure(address(number), NOW.plus_secs(secs)).is_some());
    }

    let left: Vec<Subject> = bans.list(NOW.plus_secs(2)).map(|ban| ban.subject).collect();

    assert_eq!(left, [Subject::Address(address(2)), Subject::Address(address(3))]);
}

#[test]
fn a_long_name_is_banned_as_a_whole_and_kept_short() {
    let mut bans = bans(BanRules { connects_max: Some(0), user_failures_max: Some(0), ..rules() });
    let long = "x".repeat(65_535);
    let other = format!("{}y", "x".repeat(65_534));
    let (client, neighbour) = (ClientId::new(&long), ClientId::new(&other));

    let ban = bans.note_connect(address(1), &client, NOW).expect("one too many");
    let user_ban = bans.note_user_failure(&long, NOW).expect("one too many");

    assert!(bans.bans_client(address(1), &client, NOW) && bans.bans_user(&long, NOW));
    assert!(!bans.bans_client(address(1), &neighbour, NOW) && !bans.bans_user(&other, NOW));
    let Subject::Client(_, id) = &ban.subject else { panic!("{ban:?}") };
    assert!(id.as_str().starts_with(&long[..NAME_BYTES_MAX]), "{ban:?}");
    assert!(id.as_str().len() < 2 * NAME_BYTES_MAX, "{ban:?}");
    let Subject::User(name) = &user_ban.subject else { panic!("{user_ban:?}") };
    assert_eq!(**name, *id.as_str());
    assert!(bans.lift(&ban.subject.to_string(), NOW));
    assert!(!bans.bans_client(address(1), &client, NOW) && bans.bans_user(&long, NOW));
}

#[test]
fn a_name_is_kept_as_it_is_up_to_its_limit() {
    let mut bans = bans(BanRules { user_failures_max: Some(0), ..rules() });
    let mut kept = |name: &str| match bans.note_user_failure(name, NOW).expect("banned").subject {
        Subject::User(kept) => kept,
        other => panic!("{other:?}"),
    };
    let whole = "ü".repeat(NAME_BYTES_MAX / 2);
    assert_eq!(*kept(&whole), *whole);

    let shortened = kept(&format!("x{whole}"));

    assert!(shortened.starts_with(&format!("x{}…", &whole[2..])), "{shortened}");
    assert!(shortened.len() > NAME_BYTES_MAX, "no name that is whole looks like it");
}

#[test]
fn a_ban_is_a_line_of_bounded_length_whatever_the_name() {
    let mut bans = bans(BanRules { connects_max: Some(0), ..rules() });
    for odd in ["\x1b", "\u{7f}", "\u{85}", "\u{301}", "\u{10ffff}"] {
        let id = ClientId::new(&odd.repeat(65_535 / odd.len()));

        let ban = bans.note_connect(address(1), &id, NOW).expect("one too many");

        let shown = ban.subject.to_string();
        assert!(shown.len() <= 1_000, "{} bytes of {odd:?}", shown.len());
    }
}

#[test]
fn what_has_no_limit_bans_nobody() {
    let open = BanRules {
        connects_max: None,
        address_failures_max: None,
        user_failures_max: None,
        ..rules()
    };
    let mut bans = bans(open);
    for _ in 0..1_000 {
        assert_eq!(bans.note_connect(address(1), &ClientId::new("c"), NOW), None);
        assert_eq!(bans.note_address_failure(address(1), NOW), None);
        assert_eq!(bans.note_user_failure("ann", NOW), None);
    }
    assert!(bans.is_empty());
}

/// Fails to log in until that is too often.
fn offend(bans: &mut Bans, now: Timestamp) -> Option<Ban> {
    (0..=2).find_map(|_| bans.note_address_failure(address(1), now))
}

fn rules() -> BanRules {
    BanRules {
        window_secs: 10,
        connects_max: Some(3),
        address_failures_max: Some(2),
        user_failures_max: Some(3),
        ban_secs: 60,
        ban_secs_max: 200,
        entries_max: 100,
    }
}

fn bans(rules: BanRules) -> Bans {
    Bans::new(rules, RandomState::with_seeds(1, 2, 3, 4))
}

fn address(number: u32) -> AddressGroup {
    AddressGroup::V4(number.into())
}

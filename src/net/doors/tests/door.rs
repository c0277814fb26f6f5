use std::time::Duration;

use super::*;
use crate::auth::PeerInfo;
use crate::auth::rules::Network;
use crate::guard::{BanRules, LOOKS, OverloadMarks, Rate};
use crate::net::{Clock, DoorLimits, DoorkeeperSettings};

#[test]
fn the_last_socket_comes_in_and_one_more_does_not() {
    let door = door(|keeper, _| keeper.connections_max = 2);
    let first = door.admit(None).expect("room");
    let second = door.admit(None).expect("room");

    assert_eq!(refused(&door, None), Refusal::Connections);

    drop(first);
    let third = door.admit(None).expect("room again");
    drop((second, third));
    assert_nothing_is_held(&door);
}

#[test]
fn so_many_may_have_said_nothing_and_who_has_been_accepted_is_none_of_them() {
    let door = door(|keeper, _| keeper.unauthenticated_max = 2);
    let mut first = door.admit(None).expect("room");
    let second = door.admit(None).expect("room");
    assert_eq!(refused(&door, None), Refusal::Unauthenticated);

    first.handle_authenticated();
    first.handle_authenticated();
    let third = door.admit(None).expect("one has introduced itself");

    assert_eq!(refused(&door, None), Refusal::Unauthenticated);
    drop((first, second, third));
    assert_nothing_is_held(&door);
}

#[test]
fn a_listener_has_limits_of_its_own_within_those_of_all() {
    let keeper =
        Doorkeeper::new(DoorkeeperSettings { connections_max: 3, ..settings() }, Clock::start());
    let own = |limits| keeper.door(limits);
    let few = own(DoorLimits { connections_max: Some(1), ..DoorLimits::default() });
    let shy = own(DoorLimits { unauthenticated_max: Some(1), ..DoorLimits::default() });
    let (_one, _two) = (few.admit(None).expect("room"), shy.admit(None).expect("room"));

    assert_eq!(refused(&few, None), Refusal::ListenerConnections);
    assert_eq!(refused(&shy, None), Refusal::ListenerUnauthenticated);

    let _three = own(DoorLimits::default()).admit(None).expect("what was refused holds nothing");
    assert_eq!(refused(&few, None), Refusal::Connections);
}

#[test]
fn an_address_has_its_share_of_all_listeners_together() {
    let keeper = Doorkeeper::new(one_per_address(), Clock::start());
    let (one, other) = (keeper.door(DoorLimits::default()), keeper.door(DoorLimits::default()));
    let _first = one.admit(at("192.0.2.1")).expect("room");

    assert_eq!(refused(&other, at("192.0.2.1")), Refusal::AddressConnections);
    assert!(other.admit(at("192.0.2.2")).is_ok());
}

#[test]
fn a_listener_with_limits_of_its_own_for_addresses_counts_by_itself() {
    let keeper = Doorkeeper::new(one_per_address(), Clock::start());
    let two = AddressLimits { connections_max: Some(2), ..AddressLimits::default() };
    let own = keeper.door(DoorLimits { address: Some(two), ..DoorLimits::default() });
    let common = keeper.door(DoorLimits::default());
    let _elsewhere = common.admit(at("192.0.2.1")).expect("room");

    let _here = [(); 2].map(|()| own.admit(at("192.0.2.1")).expect("two of its own"));

    assert_eq!(refused(&own, at("192.0.2.1")), Refusal::AddressConnections);
}

#[test]
fn no_limit_for_one_address_holds_one_that_is_exempt() {
    let exempt = Network::loopback();
    let keeper =
        Doorkeeper::new(DoorkeeperSettings { exempt, ..one_per_address() }, Clock::start());
    let door = keeper.door(DoorLimits::default());

    let admitted = [(); 3].map(|()| door.admit(at("127.0.0.9")));

    assert!(admitted.iter().all(Result::is_ok));
}

#[test]
fn an_address_that_is_known_late_is_held_to_the_same() {
    let door = Doorkeeper::new(one_per_address(), Clock::start()).door(DoorLimits::default());
    let _first = door.admit(at("192.0.2.1")).expect("room");
    let mut behind_a_proxy = door.admit(None).expect("nobody knows who it is");

    let refused = behind_a_proxy.introduce(at("192.0.2.1"));

    assert_eq!(refused, Err(Refusal::AddressConnections));
    assert_eq!(behind_a_proxy.introduce(at("192.0.2.2")), Ok(()));
}

#[test]
fn an_address_that_connects_too_fast_is_closed_and_its_connections_stay() {
    let rate = Some(Rate::new(1, Duration::from_secs(3_600), 2));
    let door = door(|keeper, _| keeper.address.rate = rate);
    let (one, two) = (door.admit(at("192.0.2.1")), door.admit(at("192.0.2.1")));

    assert_eq!(refused(&door, at("192.0.2.1")), Refusal::AddressRate);

    assert!(one.is_ok() && two.is_ok());
    assert!(door.admit(at("2001:db8::1")).is_ok());
    assert!(door.admit(at("2001:db8::2")).is_ok());
    assert_eq!(refused(&door, at("2001:db8::3")), Refusal::AddressRate, "one of the same /64");
}

#[test]
fn nobody_comes_in_from_an_address_whose_logins_failed_too_often() {
    let door = door(|keeper, _| keeper.bans.address_failures_max = Some(2));
    let peer = PeerInfo { address: at("192.0.2.1"), ..PeerInfo::default() };
    for _ in 0..2 {
        door.keeper.handle_failed_login(&peer, Some("ann"));
    }
    assert!(door.admit(at("192.0.2.1")).is_ok(), "at the limit");

    door.keeper.handle_failed_login(&peer, Some("ann"));

    assert_eq!(refused(&door, at("192.0.2.1")), Refusal::Banned);
    assert!(door.admit(at("192.0.2.2")).is_ok());
    assert_eq!(door.keeper.report().bans, 1);
    assert!(door.keeper.lift_ban("address 192.0.2.1"));
    assert!(door.admit(at("192.0.2.1")).is_ok());
}

#[test]
fn an_exempt_address_is_never_banned() {
    let door = door(|keeper, _| {
        keeper.exempt = Network::loopback();
        keeper.bans.address_failures_max = Some(0);
    });
    let peer = PeerInfo { address: at("127.0.0.1"), ..PeerInfo::default() };

    door.keeper.handle_failed_login(&peer, None);

    assert!(door.admit(at("127.0.0.1")).is_ok());
    assert_eq!(door.keeper.report().failed_logins, 1, "counted all the same");
}

#[test]
fn a_broker_that_is_much_too_late_closes_before_anything_is_done() {
    let second = Some(Duration::from_secs(1));
    let door = door(|keeper, _| keeper.overload = OverloadMarks { busy: None, closed: second });
    for _ in 0..LOOKS {
        assert!(door.admit(None).is_ok());
        door.keeper.note_late(Duration::from_secs(2));
    }

    assert_eq!(refused(&door, None), Refusal::Overload);

    (0..LOOKS).for_each(|_| door.keeper.note_late(Duration::ZERO));
    assert!(door.admit(None).is_ok());
}

#[test]
fn each_refusal_is_counted_as_what_it_was() {
    let door = door(|keeper, _| keeper.connections_max = 1);
    let _first = door.admit(None).expect("room");
    for _ in 0..3 {
        assert_eq!(refused(&door, None), Refusal::Connections);
    }

    let refusals = door.keeper.report().refusals;

    assert_eq!(refusals[Refusal::Connections.index()], 3);
    assert_eq!(refusals.iter().sum::<u64>(), 3);
}

fn door(change: impl FnOnce(&mut DoorkeeperSettings, &mut DoorLimits)) -> Arc<Door> {
    let (mut keeper, mut limits) = (settings(), DoorLimits::default());
    change(&mut keeper, &mut limits);
    Doorkeeper::new(keeper, Clock::start()).door(limits)
}

fn settings() -> DoorkeeperSettings {
    let bans = BanRules { entries_max: 100, ..BanRules::nobody() };
    DoorkeeperSettings { bans, ..DoorkeeperSettings::unlimited() }
}

fn one_per_address() -> DoorkeeperSettings {
    let address = AddressLimits { connections_max: Some(1), ..AddressLimits::default() };
    DoorkeeperSettings { address, ..settings() }
}

fn at(address: &str) -> Option<SocketAddr> {
    Some(SocketAddr::new(address.parse().expect("an address"), 50_000))
}

fn refused(door: &Arc<Door>, address: Option<SocketAddr>) -> Refusal {
    door.admit(address).err().expect("it is one too many")
}

fn assert_nothing_is_held(door: &Door) {
    assert_eq!(door.keeper.connections.taken(), 0);
    assert_eq!(door.keeper.report().unauthenticated, 0);
}

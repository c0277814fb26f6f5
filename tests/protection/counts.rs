//! How many may be there.

use std::io::Write;
use std::net::TcpStream;

use crate::broker::Broker;
use crate::client::{
    Client, UNAVAILABLE, await_room, await_sys, begin_from, connect, is_closed, is_refused,
};

#[test]
fn the_last_connection_comes_in_and_one_more_is_closed_and_named_in_the_log() {
    let broker = Broker::limited("connections_max = 3");
    let mut there: Vec<Client> =
        (1..=3).map(|n| Client::connect(n, broker.address(), &format!("c{n}"))).collect();

    assert!(is_refused(7, broker.address()));

    let line = broker.await_log("connection refused");
    assert!(line.contains("address=\"127.0.0.7:"), "{line}");
    assert!(line.contains("limits.connections_max is reached"), "{line}");
    there.iter_mut().for_each(Client::ping);
    drop(there);
    await_room(7, &broker);
    assert!(await_sys(&broker, "refused/connections", 1) >= 1);
}

#[test]
fn an_address_has_its_connections_and_leaves_the_others_theirs() {
    let broker = Broker::limited("connections_per_address_max = 2");
    let mut there = [1, 1].map(|host| Client::connect(host, broker.address(), ""));

    assert!(is_refused(1, broker.address()));

    Client::connect(2, broker.address(), "other").ping();
    there.iter_mut().for_each(Client::ping);
    let [one, _] = there;
    drop(one);
    await_room(1, &broker);
    assert!(await_sys(&broker, "refused/address_connections", 1) >= 1);
}

#[test]
fn a_listener_has_limits_of_its_own() {
    let listener = |name: &str, more: &str| {
        format!(
            "[[listeners]]\nname = '{name}'\naddress = '127.0.0.1:0'\nallow_anonymous = true\n{more}\n"
        )
    };
    let one = listener("one", "limits.connections_max = 1");
    let own = listener("own", "limits.connections_per_address_max = 2");
    let limits = "[limits]\nexempt_addresses = []\nconnections_per_address_max = 1\n";
    let broker = Broker::start(&format!("{one}{own}{limits}"));

    let _first = Client::connect(1, broker.address_of("one"), "a");
    assert!(is_refused(2, broker.address_of("one")), "one for the whole listener");

    let _own = [1, 1].map(|host| Client::connect(host, broker.address_of("own"), ""));
    assert!(is_refused(1, broker.address_of("own")), "two for each address");
    Client::connect(2, broker.address_of("own"), "b").ping();
}

#[test]
fn behind_a_proxy_each_client_counts_by_its_own_address() {
    let broker = Broker::start(
        "[[listeners]]\nname = 'it'\naddress = '127.0.0.1:0'\nallow_anonymous = true\n\
         proxy_protocol = true\nproxy_trusted = '127.0.0.0/8'\n\
         [limits]\nexempt_addresses = []\nconnections_per_address_max = 1\n",
    );
    let through_proxy = |source: &str, id: &str| {
        let header = format!("PROXY TCP4 {source} 192.0.2.99 50000 1883\r\n");
        let packet = [header.as_bytes(), &connect(id, None)].concat();
        Client::try_connect(1, broker.address(), &packet)
    };
    let (mut one, _) = through_proxy("192.0.2.1", "one");
    let (mut two, _) = through_proxy("192.0.2.2", "two");
    one.ping();
    two.ping();

    let (_, answer) = through_proxy("192.0.2.1", "three");

    assert_eq!(answer, [0; 0], "closed without a word");
    let line = broker.await_log("connections_per_address_max is reached");
    assert!(line.contains("address=\"192.0.2.1:50000\""), "{line}");
}

#[test]
fn so_many_sockets_may_be_strangers_and_who_has_introduced_itself_is_none_of_them() {
    let broker = Broker::limited("unauthenticated_max = 3\nconnect_timeout_secs = 3600");
    let address = broker.address();
    let mut there = Client::connect(1, address, "there");
    let late = connect("late", None);
    let mut strangers: Vec<TcpStream> =
        (2..=4).map(|host| begin_from(host, address, &late[..1])).collect();

    assert!(is_refused(5, address));
    there.ping();

    strangers[0].write_all(&late[1..]).expect("open");
    await_room(5, &broker);
}

#[test]
fn an_address_has_so_many_strangers() {
    let limits = "unauthenticated_per_address_max = 2\nconnect_timeout_secs = 3600";
    let broker = Broker::limited(limits);
    let address = broker.address();
    let _strangers = [(); 2].map(|()| begin_from(1, address, &connect("late", None)[..1]));

    assert!(is_refused(1, address));

    Client::connect(2, address, "other").ping();
    assert_eq!(await_sys(&broker, "refused/address_unauthenticated", 1), 1);
}

#[test]
fn a_user_has_so_many_clients_and_may_always_come_back() {
    let broker = Broker::with_passwords("connections_per_user_max = 2", "");
    let login = |id: &str| {
        let packet = connect(id, Some(("ann", "right")));
        Client::try_connect(1, broker.address(), &packet)
    };
    let (mut one, _two) = (login("one").0, login("two").0);
    one.ping();

    assert_eq!(login("three").1, UNAVAILABLE);
    let line = broker.await_log("limits.connections_per_user_max is reached");
    assert!(line.contains("client=three") && line.contains("address=127.0.0.1:"), "{line}");
    assert!(line.contains("client not let in"), "{line}");

    let (mut again, _) = login("one");
    again.ping();
    assert!(is_closed(&mut one.link.socket), "taken over");
}

#[test]
fn whoever_is_exempt_may_have_as_many_as_it_likes() {
    let listener = "[[listeners]]\nname = 'it'\naddress = '127.0.0.1:0'\n";
    let broker = Broker::start(&format!("{listener}[limits]\nconnections_per_address_max = 1\n"));

    let mut clients: Vec<Client> =
        (0..5).map(|n| Client::connect(1, broker.address(), &format!("c{n}"))).collect();

    clients.iter_mut().for_each(Client::ping);
}

use std::sync::mpsc;
use std::thread;

use super::*;

#[test]
fn a_broker_whose_lock_is_not_given_back_takes_no_turn() {
    let shared = TestServer::start().shared;
    shared.handle_deadline();
    let before = shared.pulse();
    let (held, is_held) = mpsc::channel();
    let (release, released) = mpsc::channel::<()>();
    let holder = Arc::clone(&shared);
    let holder = thread::spawn(move || {
        holder.act(|_, _, _| {
            held.send(()).expect("waited for");
            released.recv().expect("released");
        });
    });
    is_held.recv().expect("held");

    let other = Arc::clone(&shared);
    let (turned, has_turned) = mpsc::channel();
    let turn = thread::spawn(move || {
        other.handle_deadline();
        turned.send(()).expect("waited for");
    });

    assert!(has_turned.recv_timeout(Duration::from_millis(100)).is_err());
    assert_eq!(shared.pulse(), before);
    release.send(()).expect("waited for");
    holder.join().expect("no panic");
    turn.join().expect("no panic");
    assert_eq!(shared.pulse().turns, before.turns + 1);
}

#[test]
fn without_a_store_nothing_waits_for_it() {
    assert!(TestServer::start().shared.pulse().commits.idle);
}

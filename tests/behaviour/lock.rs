//! What `$SYS/broker/lock` tells of the lock around the broker.

use fulmar::broker::{LockReport, LockTimes};

use crate::common::{AtMostOnce, Client, V5, World};

#[test]
fn sys_tells_how_the_lock_is_held_and_waited_for() {
    let (world, mut watcher) = watched();
    let held = LockTimes {
        count: 900,
        total: 1_234_567,
        longest: 1_000_999,
        longest_recently: 4_000,
        over_1ms: 1,
    };
    let waited = LockTimes { count: 3, total: 5_999, longest: 3_000, ..held };

    report(&world, LockReport { held, waited });
    world.advance_secs(10);

    let mut told = told(&mut watcher);
    told.sort();
    let expected = [
        ("held/count", "900"),
        ("held/max_us", "1000"),
        ("held/over_1ms", "1"),
        ("held/recent_max_us", "4"),
        ("held/total_us", "1234"),
        ("waited/count", "3"),
        ("waited/max_us", "3"),
        ("waited/over_1ms", "1"),
        ("waited/recent_max_us", "4"),
        ("waited/total_us", "5"),
    ];
    assert_eq!(told, expected.map(|(name, value)| (name.to_owned(), value.to_owned())));
}

/// There are more reports than publications.
#[test]
fn the_longest_of_late_is_the_longest_since_sys_was_published() {
    let (world, mut watcher) = watched();
    let recently = |nanos| {
        let held = LockTimes { longest_recently: nanos, ..Default::default() };
        report(&world, LockReport { held, ..Default::default() });
    };

    recently(7_000);
    recently(2_000);
    world.advance_secs(10);
    assert!(told(&mut watcher).contains(&("held/recent_max_us".to_owned(), "7".to_owned())));

    recently(3_000);
    world.advance_secs(10);
    assert!(told(&mut watcher).contains(&("held/recent_max_us".to_owned(), "3".to_owned())));
}

fn watched() -> (World, Client) {
    let world = World::with(|settings, _| settings.sys_interval_secs = 10);
    world.advance_secs(0);
    let mut watcher = world.connect(V5, "watcher").open();
    watcher.subscribe("$SYS/broker/lock/#", AtMostOnce);
    (world, watcher)
}

fn report(world: &World, report: LockReport) {
    world.shell().borrow_mut().broker.handle_lock_report(report);
}

/// Names below `$SYS/broker/lock/` and values, as they came.
fn told(watcher: &mut Client) -> Vec<(String, String)> {
    let messages = watcher.messages();
    let name = |topic: &str| topic.trim_start_matches("$SYS/broker/lock/").to_owned();
    let text = |payload: &[u8]| String::from_utf8_lossy(payload).into_owned();
    messages.iter().map(|it| (name(it.topic), text(it.payload))).collect()
}

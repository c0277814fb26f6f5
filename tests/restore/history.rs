use std::time::Duration;

use fulmar::codec::{Disconnect, LastWill, Packet, Publish};
use fulmar::types::{Lsn, Protocol, QoS, ReasonCode, SubscriptionOptions};
use proptest::prelude::*;

use crate::common::{Answers, Client, V5, V311, World, ack, message, packet_id, will};
use crate::reading::compare;

const NAMES: [&str; 4] = ["c0", "c1", "c2", "c3"];
const FILTERS: [&str; 5] = ["t/0", "t/+", "r/#", "$share/g/t/#", "w/#"];

/// One thing that happens, by the client with the number in front.
#[derive(Debug, Clone)]
enum Step {
    Connect {
        version: Protocol,
        clean: bool,
        expiry: u32,
        will_delay: Option<u32>,
        receives: u16,
    },
    Disconnect {
        with_will: bool,
        expiry: Option<u32>,
    },
    Lose,
    Subscribe(usize, QoS),
    Unsubscribe(usize),
    Publish {
        topic: usize,
        qos: QoS,
        retain: bool,
        clears: bool,
        id: u16,
        expires: bool,
    },
    Release(u16),
    /// Answers what has come, as far as the count goes.
    Answer(usize),
    Pass(u64),
    Commit,
    /// The store has sorted in so much of what is durable of the client's queue, in 256ths.
    Store(u8),
    /// It answers one of the loads that wait.
    Load(usize),
    /// The process dies; the store has so much of what was not reported, in 256ths.
    Crash(u8),
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(300))]

    /// The state of the broker and the image of its journal are the same at any moment, before a
    /// crash and after it.
    #[test]
    fn the_journal_says_what_the_broker_has(
        delayed in any::<bool>(),
        in_flight_max in prop::sample::select(vec![1, 3, 1_000]),
        queue_max in prop::sample::select(vec![2, 5, 100_000]),
        window in prop::sample::select(vec![1, 2, 5]),
        loads_wait in any::<bool>(),
        steps in prop::collection::vec((0..NAMES.len(), step()), 1..150),
    ) {
        let world = World::with(|settings, _| {
            settings.in_flight_max = in_flight_max;
            settings.queue.messages_max = queue_max;
            settings.queue.rule = fulmar::session::QueueRule::DropOldest;
            settings.window.messages_max = window;
            settings.retained.messages_max = 3;
        });
        if loads_wait {
            world.shell().borrow_mut().answers = Answers::Delayed;
        }
        let world = if delayed { world.with_delayed_commits() } else { world };
        let mut clients: [Option<Client>; NAMES.len()] = Default::default();
        for (who, step) in steps {
            take(&world, &mut clients, who, step);
            compare(&world.shell().borrow(), &NAMES);
        }
    }
}

fn take(world: &World, clients: &mut [Option<Client>], who: usize, step: Step) {
    match step {
        // A link that the client still has is taken over.
        Step::Connect { .. } => clients[who] = Some(connect(world, who, &step)),
        Step::Pass(millis) => world.advance(Duration::from_millis(millis)),
        Step::Commit => world.commit(),
        Step::Store(share) => store(world, NAMES[who], share),
        Step::Load(index) => {
            let mut shell = world.shell().borrow_mut();
            let waiting = shell.pages.asked.len();
            if waiting > 0 {
                shell.answer(index % waiting);
            }
        }
        Step::Crash(share) => {
            clients.fill_with(|| None);
            let mut shell = world.shell().borrow_mut();
            let count = shell.waiting.len() * usize::from(share) / 256;
            let last =
                shell.waiting.iter().take(count).next_back().map_or(Lsn::NONE, |batch| batch.lsn);
            shell.crash(last);
        }
        Step::Lose => {
            if let Some(client) = clients[who].take() {
                client.drop_link();
            }
        }
        Step::Disconnect { with_will, expiry } => {
            if let Some(client) = clients[who].take() {
                let reason =
                    if with_will { ReasonCode::DisconnectWithWill } else { ReasonCode::Success };
                let session_expiry_secs = expiry;
                client.disconnect_with(Disconnect {
                    reason,
                    session_expiry_secs,
                    ..Disconnect::default()
                });
            }
        }
        step => {
            if let Some(client) = &mut clients[who] {
                act(client, step);
            }
        }
    }
}

fn store(world: &World, name: &str, share: u8) {
    let mut shell = world.shell().borrow_mut();
    let image = shell.image.sessions.iter().find(|(_, image)| image.client_id.as_str() == name);
    let found = image.map(|(number, image)| (*number, image.next_number));
    if let Some((number, next)) = found {
        shell.store(number, next * (u64::from(share) + 1) / 256);
    }
}

fn connect(world: &World, who: usize, step: &Step) -> Client {
    let Step::Connect { version, clean, expiry, will_delay, receives } = *step else {
        unreachable!("the caller has seen that it is")
    };
    let name = NAMES[who];
    let mut connecting = world.connect(version, name).clean(clean);
    if version.is_v5() {
        connecting = connecting.expiry(expiry).receive_maximum(receives);
    }
    if let Some(delay) = will_delay {
        let delay_secs = version.is_v5().then_some(delay);
        let will = will(&format!("w/{name}"), "gone", QoS::AtLeastOnce);
        connecting = connecting.will(LastWill { delay_secs, retain: delay == 0, ..will });
    }
    connecting.send()
}

fn act(client: &mut Client, step: Step) {
    match step {
        Step::Subscribe(filter, qos) => {
            let options = SubscriptionOptions { qos, ..Default::default() };
            client.send_subscribe(FILTERS[filter], options);
        }
        Step::Unsubscribe(filter) => {
            client.send_unsubscribe(FILTERS[filter]);
        }
        Step::Publish { topic, qos, retain, clears, id, expires } => {
            let topic = format!("{}/{topic}", if retain { "r" } else { "t" });
            let payload: &[u8] = if retain && clears { b"" } else { b"payload" };
            let packet_id = (qos > QoS::AtMostOnce).then(|| packet_id(id));
            let mut publish = Publish { retain, packet_id, ..message(&topic, payload, qos) };
            if expires && client.is_v5() {
                publish.properties.message_expiry_secs = Some(5);
            }
            client.send(Packet::Publish(publish));
        }
        Step::Release(id) => client.send(Packet::PubRel(ack(packet_id(id)))),
        Step::Answer(count) => {
            for packet in client.received().into_iter().take(count) {
                answer(client, &packet);
            }
        }
        _ => unreachable!("the caller has done it"),
    }
}

/// What a client by the book answers with.
fn answer(client: &mut Client, packet: &Packet<'_>) {
    match packet {
        Packet::Publish(publish) => match (publish.packet_id, publish.qos) {
            (Some(id), QoS::AtLeastOnce) => client.send(Packet::PubAck(ack(id))),
            (Some(id), _) => client.send(Packet::PubRec(ack(id))),
            (None, _) => {}
        },
        Packet::PubRel(release) => client.send(Packet::PubComp(ack(release.packet_id))),
        _ => {}
    }
}

fn step() -> impl Strategy<Value = Step> {
    let qos = || prop::sample::select(vec![QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce]);
    let version = prop::sample::select(vec![V5, V5, V311]);
    let expiry = || prop::sample::select(vec![0, 2, 60, u32::MAX]);
    let delay = prop::option::of(prop::sample::select(vec![0, 1, 30]));
    let connect = (version, prop::bool::weighted(0.2), expiry(), delay, 1..4u16).prop_map(
        |(version, clean, expiry, will_delay, receives)| Step::Connect {
            version,
            clean,
            expiry,
            will_delay,
            receives,
        },
    );
    let publish = (0..2usize, qos(), any::<bool>(), any::<bool>(), 1..4u16, any::<bool>())
        .prop_map(|(topic, qos, retain, clears, id, expires)| Step::Publish {
            topic,
            qos,
            retain,
            clears,
            id,
            expires,
        });
    prop_oneof![
        4 => connect,
        1 => (any::<bool>(), prop::option::of(expiry()))
            .prop_map(|(with_will, expiry)| Step::Disconnect { with_will, expiry }),
        2 => Just(Step::Lose),
        4 => (0..FILTERS.len(), qos()).prop_map(|(filter, qos)| Step::Subscribe(filter, qos)),
        1 => (0..FILTERS.len()).prop_map(Step::Unsubscribe),
        8 => publish,
        2 => (1..4u16).prop_map(Step::Release),
        5 => (1..9usize).prop_map(Step::Answer),
        2 => prop::sample::select(vec![1, 1_000, 3_000, 40_000]).prop_map(Step::Pass),
        3 => Just(Step::Commit),
        2 => any::<u8>().prop_map(Step::Store),
        3 => any::<usize>().prop_map(Step::Load),
        1 => any::<u8>().prop_map(Step::Crash),
    ]
}

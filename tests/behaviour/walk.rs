//! Clients that do anything in any order, and the journal of it replayed at every step.

use fulmar::codec::{
    Disconnect, LastWill, Packet, Publish, PublishProperties, Subscribe, SubscribeFilter,
    Unsubscribe,
};
use fulmar::session::QueueRule;
use fulmar::types::{PacketId, QoS, SubscriptionOptions};

use crate::common::{
    AtLeastOnce, AtMostOnce, Client, ExactlyOnce, V5, V311, World, ack, message, packet_id,
    splitmix, will,
};
use crate::journal::Replayed;

const IDS: [&str; 4] = ["a", "b", "c", "d"];
const FILTERS: [&str; 5] = ["t/1", "t/+", "#", "$share/g/t/+", "$share/h/#"];
const TOPICS: [&str; 3] = ["t/1", "t/2", "u"];
const STEPS: usize = 400;

#[test]
fn the_journal_replayed_is_what_the_broker_holds() {
    for seed in 0..30 {
        let mut walk = Walk::new(seed, QueueRule::RefuseNew);
        walk.run();
    }
}

#[test]
fn the_journal_replayed_is_what_the_broker_holds_when_queues_drop_their_oldest() {
    for seed in 100..130 {
        let mut walk = Walk::new(seed, QueueRule::DropOldest);
        walk.run();
    }
}

struct Walk {
    world: World,
    random: u64,
    clients: [Option<Peer>; IDS.len()],
    replayed: Replayed,
    published: u32,
}

struct Peer {
    client: Client,
    /// Answers that it has not given yet.
    owed: Vec<Packet<'static>>,
}

impl Walk {
    fn new(seed: u64, rule: QueueRule) -> Self {
        let world = World::with(|settings, _| {
            settings.queue.rule = rule;
            settings.queue.messages_max = 8;
            settings.window.messages_max = 1 + seed as usize % 4;
            settings.retained.messages_max = 2;
            settings.queue_qos0_offline = seed & 1 == 0;
        });
        Self {
            world: world.with_delayed_commits(),
            random: seed,
            clients: [const { None }; IDS.len()],
            replayed: Replayed::default(),
            published: 0,
        }
    }

    fn run(&mut self) {
        for _ in 0..STEPS {
            self.step();
            if self.draw(3) == 0 {
                // Several bursts wait for the disk.
                continue;
            }
            self.settle();
            self.replayed.assert_matches(&self.world, &IDS);
            self.assert_nothing_was_left();
        }
        self.drop_all();
        for id in IDS {
            self.assert_delivers(id);
        }
    }

    fn draw(&mut self, below: u64) -> u64 {
        splitmix(&mut self.random) % below
    }

    fn pick<T: Copy>(&mut self, from: &[T]) -> T {
        from[self.draw(from.len() as u64) as usize]
    }

    fn step(&mut self) {
        let who = self.draw(IDS.len() as u64) as usize;
        match self.draw(16) {
            0 | 1 => return self.connect(who),
            2 => {
                let secs = self.draw(40);
                return self.world.advance_secs(secs);
            }
            3 => return self.store(who),
            _ => {}
        }
        let Some(mut peer) = self.clients[who].take() else { return self.connect(who) };
        match self.draw(16) {
            0 => return peer.client.drop_link(),
            1 => return self.disconnect(peer.client),
            2..=4 => self.subscribe(&mut peer.client),
            5..=9 => self.publish(&mut peer.client),
            _ => self.answer(who, &mut peer),
        }
        self.clients[who] = Some(peer);
    }

    /// The store has sorted in a part of what is durable of a queue.
    fn store(&mut self, who: usize) {
        let mut shell = self.world.shell().borrow_mut();
        let mut sessions = shell.image.sessions.iter();
        let found = sessions.find(|(_, kept)| kept.client_id.as_str() == IDS[who]);
        let Some((session, next)) = found.map(|(number, kept)| (*number, kept.next_number)) else {
            return;
        };
        shell.store(session, splitmix(&mut self.random) % (next + 1));
    }

    fn connect(&mut self, who: usize) {
        let protocol = self.pick(&[V5, V5, V311]);
        let clean = self.draw(4) == 0;
        let mut connecting = self.world.connect(protocol, IDS[who]).clean(clean);
        if protocol == V5 {
            connecting = connecting.expiry(self.pick(&[0, 30, 100, u32::MAX]));
            connecting = connecting.receive_maximum(self.pick(&[1, 3, 65_535]));
        }
        if self.draw(2) == 0 {
            let delay_secs = (protocol == V5).then(|| self.pick(&[0, 10, 60]));
            let retain = self.draw(3) == 0;
            let will = will("t/1", "will", ExactlyOnce);
            connecting = connecting.will(LastWill { delay_secs, retain, ..will });
        }
        self.clients[who] = Some(Peer { client: connecting.send(), owed: Vec::new() });
    }

    fn disconnect(&mut self, client: Client) {
        let session_expiry_secs = self.pick(&[None, Some(0), Some(20)]);
        client.disconnect_with(Disconnect { session_expiry_secs, ..Disconnect::default() });
    }

    fn subscribe(&mut self, client: &mut Client) {
        let (packet_id, user_properties) = (client.next_id(), Vec::new());
        let filter = self.pick(&FILTERS);
        if self.draw(4) == 0 {
            let filters = vec![filter];
            client.send(Packet::Unsubscribe(Unsubscribe { packet_id, filters, user_properties }));
            return;
        }
        let qos = self.pick(&[AtMostOnce, AtLeastOnce, ExactlyOnce]);
        let options = SubscriptionOptions { qos, ..Default::default() };
        let filters = vec![SubscribeFilter { filter, options }];
        client.send(Packet::Subscribe(Subscribe { packet_id, filters, user_properties }));
    }

    fn publish(&mut self, client: &mut Client) {
        self.published += 1;
        let payload = self.published.to_string();
        let payload = if self.draw(8) == 0 { "" } else { &payload };
        let (topic, qos) = (self.pick(&TOPICS), self.pick(&[AtLeastOnce, ExactlyOnce]));
        let packet_id = Some(self.inbound_id(client, qos));
        let message_expiry_secs = self.pick(&[None, None, Some(25)]);
        let properties = PublishProperties { message_expiry_secs, ..Default::default() };
        let retain = self.draw(3) == 0;
        let publish = message(topic, payload.as_bytes(), qos);
        client.send(Packet::Publish(Publish { retain, packet_id, properties, ..publish }));
    }

    /// Of QoS 2 there are few, so that some are sent twice.
    fn inbound_id(&mut self, client: &mut Client, qos: QoS) -> PacketId {
        match qos {
            ExactlyOnce => packet_id(self.draw(3) as u16 + 60_000),
            _ => client.next_id(),
        }
    }

    /// Gives one of the answers it owes, whichever, and now and then twice.
    fn answer(&mut self, who: usize, peer: &mut Peer) {
        for packet in peer.client.received() {
            self.replayed.assert_shown(IDS[who], &packet);
            peer.owed.extend(answer_to(&packet));
        }
        if !peer.owed.is_empty() {
            let at = self.draw(peer.owed.len() as u64) as usize;
            peer.client.send(peer.owed[at].clone());
            if self.draw(8) > 0 {
                peer.owed.remove(at);
            }
        }
    }

    /// Everything decided becomes durable, and with it what follows from that.
    fn settle(&mut self) {
        loop {
            let oldest = self.world.shell().borrow().waiting.front().cloned();
            let Some(batch) = oldest else { return };
            self.replayed.apply(&batch);
            self.world.commit_one();
        }
    }

    /// Nothing that could be sent has waited for a connection to ask: each was woken for it.
    fn assert_nothing_was_left(&mut self) {
        self.world.shell().borrow_mut().take_log();
        for peer in self.clients.iter_mut().flatten() {
            let received = peer.client.received();
            peer.owed.extend(received.iter().filter_map(answer_to));
        }
        let log = self.world.shell().borrow_mut().take_log();
        assert!(log.is_empty(), "nobody was woken for {log:?}");
    }

    fn drop_all(&mut self) {
        for client in &mut self.clients {
            client.take().into_iter().for_each(|peer| peer.client.drop_link());
        }
        self.settle();
    }

    /// The client is sent what the journal has for it, under the packet ids that it has there.
    fn assert_delivers(&mut self, id: &str) {
        let mut client = self.world.connect(V5, id).persistent().send();
        self.settle();
        let mut found: Vec<_> = client.received().iter().filter_map(numbered).collect();
        found.sort();
        let kept = self.replayed.durable().find(|kept| kept.client_id.as_str() == id);
        let in_journal = |(number, (message, seen)): (&u64, &(_, bool))| {
            let message: &fulmar::types::Message = message;
            let payload = (!seen).then(|| message.payload().to_vec());
            ((number % 65_535 + 1) as u16, payload)
        };
        let mut expected: Vec<_> = kept.expect("durable").queue.iter().map(in_journal).collect();
        expected.sort();
        assert_eq!(found, expected, "{id}");
        client.drop_link();
        self.settle();
    }
}

fn answer_to(packet: &Packet<'static>) -> Option<Packet<'static>> {
    match packet {
        Packet::Publish(publish) => {
            let id = publish.packet_id?;
            Some(match publish.qos {
                ExactlyOnce => Packet::PubRec(ack(id)),
                _ => Packet::PubAck(ack(id)),
            })
        }
        Packet::PubRel(it) => Some(Packet::PubComp(ack(it.packet_id))),
        Packet::PubRec(it) if !it.reason.is_error() => Some(Packet::PubRel(ack(it.packet_id))),
        _ => None,
    }
}

/// The packet id of a delivery, with its payload unless only PUBREL is left of it.
fn numbered(packet: &Packet<'static>) -> Option<(u16, Option<Vec<u8>>)> {
    match packet {
        Packet::Publish(it) => Some((it.packet_id?.get(), Some(it.payload.to_vec()))),
        Packet::PubRel(it) => Some((it.packet_id.get(), None)),
        _ => None,
    }
}

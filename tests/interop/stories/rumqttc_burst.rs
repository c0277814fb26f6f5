//! rumqttc: a thousand messages in one breath, none lost and none twice.

/// How many messages a burst has.
const MESSAGES: u32 = 1000;

/// Room for all requests of a story, so that making them never waits for the connection.
const REQUESTS_MAX: usize = 2 * MESSAGES as usize;

/// The stories, written once for rumqttc's two sets of types of the same names.
macro_rules! burst_stories {
    () => {
        use std::time::Instant;

        use super::{MESSAGES, REQUESTS_MAX};
        use crate::peer::DEADLINE;
        use crate::stage::Stage;
        use crate::stories::with_stage;

        #[test]
        fn qos_1_loses_nothing() {
            with_stage(|stage| a_burst_arrives(stage, QoS::AtLeastOnce));
        }

        #[test]
        fn qos_2_loses_and_repeats_nothing() {
            with_stage(|stage| a_burst_arrives(stage, QoS::ExactlyOnce));
        }

        fn a_burst_arrives(stage: &Stage, qos: QoS) {
            let (reader, mut incoming) = client(stage, "reader");
            reader.try_subscribe("burst", qos).expect("there is room for the request");
            await_packets(stage, &mut incoming, "SUBACK", 1, |packet| {
                matches!(packet, Packet::SubAck(_)).then_some(())
            });

            let (sender, mut acknowledged) = client(stage, "sender");
            for n in 0..MESSAGES {
                let payload = n.to_string();
                sender.try_publish("burst", qos, false, payload).expect("there is room");
            }

            // Both connections are driven at once: the reader's in a thread of its own.
            let received = std::thread::scope(|scope| {
                let reading = scope
                    .spawn(|| await_packets(stage, &mut incoming, "messages", MESSAGES, number_of));
                await_packets(stage, &mut acknowledged, "acknowledgements", MESSAGES, |packet| {
                    matches!(packet, Packet::PubAck(_) | Packet::PubComp(_)).then_some(())
                });
                reading.join().expect("every message arrives")
            });
            assert_eq!(received, (0..MESSAGES).collect::<Vec<_>>());

            // Nothing that was sent twice stands before what is sent next.
            sender.try_publish("burst", qos, false, MESSAGES.to_string()).expect("there is room");
            await_packets(stage, &mut acknowledged, "an acknowledgement", 1, |packet| {
                matches!(packet, Packet::PubAck(_) | Packet::PubComp(_)).then_some(())
            });
            let last = await_packets(stage, &mut incoming, "the last message", 1, number_of);
            assert_eq!(last, [MESSAGES]);
        }

        fn client(stage: &Stage, name: &str) -> (Client, Connection) {
            let mut options = MqttOptions::new(name, "127.0.0.1", stage.port());
            limit_in_flight(&mut options);
            Client::new(options, REQUESTS_MAX)
        }

        /// Drives `connection` until `find` has found something in `count` packets.
        fn await_packets<T>(
            stage: &Stage,
            connection: &mut Connection,
            what: &str,
            count: u32,
            find: impl Fn(&Packet) -> Option<T>,
        ) -> Vec<T> {
            let until = Instant::now() + DEADLINE;
            let mut found = Vec::new();
            while found.len() < count as usize {
                let left = until.saturating_duration_since(Instant::now());
                match connection.recv_timeout(left) {
                    Ok(Ok(Event::Incoming(packet))) => found.extend(find(&packet)),
                    Ok(Ok(Event::Outgoing(_))) => {}
                    ended => {
                        stage.fail(&format!("{} of {count} {what}, then {ended:?}", found.len()))
                    }
                }
            }
            found
        }

        fn number_of(packet: &Packet) -> Option<u32> {
            let Packet::Publish(publish) = packet else { return None };
            let text = str::from_utf8(&publish.payload).expect("the payload is text");
            Some(text.parse().expect("the payload is a number"))
        }
    };
}

mod v311 {
    use rumqttc::{Client, Connection, Event, MqttOptions, Packet, QoS};

    burst_stories!();

    /// Mosquitto loses what a 3.1.1 client has in flight beyond its receive maximum of version 5.
    fn limit_in_flight(options: &mut MqttOptions) {
        options.set_inflight(20);
    }
}

mod v5 {
    use rumqttc::v5::mqttbytes::QoS;
    use rumqttc::v5::mqttbytes::v5::Packet;
    use rumqttc::v5::{Client, Connection, Event, MqttOptions};

    burst_stories!();

    /// The broker's receive maximum is the limit.
    fn limit_in_flight(_options: &mut MqttOptions) {}
}

use std::collections::VecDeque;

use fulmar::codec::{Connect, Packet, Publish};
use fulmar::types::Timestamp;

use crate::packets::Key;

/// The last events of a run, if anybody wants to know them.
pub struct Trace(Option<VecDeque<String>>);

const EVENTS_MAX: usize = 1_000;

impl Trace {
    pub fn new(wanted: bool) -> Self {
        Self(wanted.then(VecDeque::new))
    }

    pub fn note(&mut self, now: Timestamp, text: impl FnOnce() -> String) {
        let Some(events) = &mut self.0 else { return };
        if events.len() == EVENTS_MAX {
            events.pop_front();
        }
        events.push_back(format!("{} {}", now.0, text()));
    }

    pub fn text(&self) -> String {
        self.0.iter().flatten().fold(String::new(), |text, event| text + event + "\n")
    }
}

/// A packet in few words.
pub fn told(packet: &Packet<'_>) -> String {
    match packet {
        Packet::Publish(Publish { dup, qos, retain, topic, packet_id, payload, .. }) => {
            let id = packet_id.map_or(0, |id| id.get());
            let key = Key::of(payload).0;
            let (dup, retain) = (u8::from(*dup), u8::from(*retain));
            format!("PUBLISH {key} {topic:?} {qos:?} id {id} dup {dup} retain {retain}")
        }
        Packet::Connect(connect) => {
            let will = connect.will.as_ref();
            let will = will.map(|will| (Key::of(will.payload).0, will.qos, will.delay_secs));
            let Connect { clean_start, keep_alive_secs, session_expiry_secs, .. } = &**connect;
            format!(
                "CONNECT clean {clean_start} keep alive {keep_alive_secs} \
                 expiry {session_expiry_secs:?} will {will:?}"
            )
        }
        Packet::ConnAck(connack) => {
            format!("CONNACK {:?} session {}", connack.reason, connack.session_present)
        }
        Packet::PubAck(ack) => format!("PUBACK {} {:?}", ack.packet_id, ack.reason),
        Packet::PubRec(ack) => format!("PUBREC {} {:?}", ack.packet_id, ack.reason),
        Packet::PubRel(ack) => format!("PUBREL {} {:?}", ack.packet_id, ack.reason),
        Packet::PubComp(ack) => format!("PUBCOMP {} {:?}", ack.packet_id, ack.reason),
        Packet::Subscribe(subscribe) => {
            let filters: Vec<_> =
                subscribe.filters.iter().map(|asked| (asked.filter, asked.options.qos)).collect();
            format!("SUBSCRIBE {} {filters:?}", subscribe.packet_id)
        }
        other => format!("{other:?}"),
    }
}

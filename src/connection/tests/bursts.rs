use proptest::collection::vec;
use proptest::prelude::*;
use proptest::sample::select;

use super::*;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    /// What is found out about one packet holds for others that begin so, and for no others.
    #[test]
    fn a_burst_is_what_its_packets_are_one_by_one(
        some in vec(some_packets(), 1..6),
        check_payload_format in any::<bool>(),
    ) {
        for connect in [CONNECT_V311.to_vec(), connect_v5(b"", b"c")] {
            let is_v5 = connect[8] == 5;
            let packets: Vec<_> = some.iter().flat_map(|some| some.packets(is_v5)).collect();
            let [mut whole, mut apart] = [(); 2].map(|()| connected(&connect, check_payload_format));

            whole.receive(&packets.concat());
            for packet in &packets {
                apart.receive(packet);
            }

            prop_assert_eq!(&whole.inputs, &apart.inputs);
        }
    }
}

fn connected(connect: &[u8], check_payload_format: bool) -> Rig {
    let limits =
        Limits { topic_alias_maximum: 2, topic_levels_max: 2, check_payload_format, ..unlimited() };
    Rig::connected(limits, connect)
}

/// Packets that begin alike, each with its id and payload, or another one.
#[derive(Debug, Clone)]
enum Any {
    Publishes {
        first: u8,
        topic: &'static [u8],
        properties: &'static [u8],
        each: Vec<(u16, &'static [u8])>,
    },
    Other(&'static [u8]),
}

// QoS 0, 1 and 2; DUP; RETAIN; 3 is no QoS.
const FIRST: &[u8] = &[0x30, 0x30, 0x30, 0x32, 0x32, 0x32, 0x34, 0x34, 0x3a, 0x31, 0x36];
// `a/b/c` has too many levels, `a/+` is not valid, the last is not valid.
const TOPICS: &[&[u8]] = &[b"a/b", b"a/b", b"a/b", b"a/c", b"a/b/c", b"", b"a/+"];
// Expiry, a content type, aliases, and that the payload is UTF-8.
const PROPERTIES: &[&[u8]] = &[
    b"",
    b"",
    b"",
    b"\x02\0\0\0\x05",
    b"\x02\0\0\0\x06",
    b"\x03\0\x01c",
    b"\x23\0\x01",
    b"\x23\0\x02",
    b"\x01\x01",
];
const PAYLOADS: &[&[u8]] = &[b"payload", b"other", b"", b"\xff", &[b'x'; 200], &[0; 3000]];
const OTHERS: &[&[u8]] = &[b"\x40\x02\0\x01", b"\x62\x02\0\x03", b"\xc0\0"];

fn some_packets() -> impl Strategy<Value = Any> {
    let each = vec((prop_oneof![1 => Just(0), 19 => 1..4_u16], select(PAYLOADS)), 1..4);
    let publishes = (select(FIRST), select(TOPICS), select(PROPERTIES), each).prop_map(
        |(first, topic, properties, each)| Any::Publishes { first, topic, properties, each },
    );
    prop_oneof![9 => publishes, 1 => select(OTHERS).prop_map(Any::Other)]
}

impl Any {
    fn packets(&self, is_v5: bool) -> Vec<Vec<u8>> {
        let (first, topic, properties, each) = match self {
            Self::Publishes { first, topic, properties, each } => (*first, topic, properties, each),
            Self::Other(bytes) => return vec![bytes.to_vec()],
        };
        let properties = if is_v5 { section(properties) } else { Vec::new() };
        let has_id = first >> 1 & 0b11 != 0;
        let id = |id: u16| if has_id { id.to_be_bytes().to_vec() } else { Vec::new() };
        let whole = |&(packet_id, payload): &(u16, &[u8])| {
            packet(first, &[&string(topic), &id(packet_id), &properties, payload])
        };
        each.iter().map(whole).collect()
    }
}

//! What is accepted says the same when it is written, in no more bytes, and then stays.
#![no_main]

use fulmar::codec::{Packet, decode, encode, frame};
use fulmar::types::Protocol;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for protocol in [Protocol::V31, Protocol::V311, Protocol::V5] {
        check(bytes, protocol);
    }
});

fn check(bytes: &[u8], protocol: Protocol) {
    let Some((packet, len)) = parsed(bytes, protocol) else { return };
    let canonical = encoded(&packet, protocol);
    assert!(canonical.len() <= len, "{packet:?} has grown");

    let (again, again_len) = parsed(&canonical, protocol).expect("what we wrote is legal");
    assert_eq!(again_len, canonical.len());
    assert_eq!(again, packet);
    assert_eq!(encoded(&again, protocol), canonical);
}

fn parsed(bytes: &[u8], protocol: Protocol) -> Option<(Packet<'_>, usize)> {
    let frame = frame(bytes, usize::MAX).ok()??;
    let packet = decode(frame, protocol).ok()?;
    Some((packet, frame.len))
}

fn encoded(packet: &Packet<'_>, protocol: Protocol) -> Vec<u8> {
    let mut out = Vec::new();
    encode(packet, protocol, &mut out);
    out
}

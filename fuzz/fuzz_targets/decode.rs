//! Any bytes as a stream of packets in each version: an answer, never a panic, and no packet that
//! takes more bytes than there are.
#![no_main]

use fulmar::codec::{decode, frame};
use fulmar::types::Protocol;
use libfuzzer_sys::fuzz_target;

const PACKET_BYTES_MAX: usize = 1 << 20;

fuzz_target!(|bytes: &[u8]| {
    for protocol in [Protocol::V31, Protocol::V311, Protocol::V5] {
        decode_all(bytes, protocol);
    }
});

fn decode_all(mut bytes: &[u8], protocol: Protocol) {
    while let Ok(Some(frame)) = frame(bytes, PACKET_BYTES_MAX) {
        let _ = decode(frame, protocol);
        bytes = &bytes[frame.len..];
    }
}

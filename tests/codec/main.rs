//! The codec from outside: generated packets, an independent codec, and bytes made by hand.

mod differential;
mod illegal;
mod illegal_v3;
mod illegal_v5;
mod legal;
mod mqttbytes_reading;
mod packets;
mod property_table;
mod reading;
mod robustness;
mod round_trip;

use fulmar::codec::{DecodeError, Packet, decode, encode, frame};
use fulmar::types::Protocol;

const VERSIONS: [Protocol; 3] = [Protocol::V31, Protocol::V311, Protocol::V5];

fn encoded(packet: &Packet<'_>, protocol: Protocol) -> Vec<u8> {
    let mut out = Vec::new();
    encode(packet, protocol, &mut out);
    out
}

/// The packet that `bytes` are, all of them; `None` where more are needed.
fn parsed(bytes: &[u8], protocol: Protocol) -> Result<Option<Packet<'_>>, DecodeError> {
    match frame(bytes, usize::MAX)? {
        Some(frame) => decode(frame, protocol).map(Some),
        None => Ok(None),
    }
}

#![no_main]
//! WebSocket frames in arbitrary pieces: taken apart or refused, and the same in other pieces.

use fulmar::net::websocket::{Frames, Violation, Wish};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    let Some((&piece, bytes)) = bytes.split_first() else { return };
    let at_once = decode(bytes, bytes.len().max(1));
    let in_pieces = decode(bytes, usize::from(piece).max(1));
    assert_eq!(at_once.0, in_pieces.0, "the same payload");
    assert_eq!(at_once.1.is_err(), in_pieces.1.is_err(), "the same end");
});

/// The payload, and how it ended.
fn decode(bytes: &[u8], piece: usize) -> (Vec<u8>, Result<(), Violation>) {
    let mut frames = Frames::new(10_000);
    let (mut payload, mut wishes) = (Vec::new(), Vec::new());
    for part in bytes.chunks(piece) {
        let mut part = part.to_vec();
        let count = frames.decode(&mut part, &mut wishes);
        payload.extend_from_slice(&part[..count]);
        assert!(wishes.iter().filter(|wish| matches!(wish, Wish::Pong(_))).count() <= 1);
    }
    (payload, frames.violation().map_or(Ok(()), Err))
}

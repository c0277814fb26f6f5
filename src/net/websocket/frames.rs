use std::io::Cursor;

use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

/// What a client sends in WebSocket frames, taken apart as it arrives. Nothing of a message is
/// kept: a packet may begin in one frame and end in another (`[MQTT-6.0.0-2]`), so its bytes are
/// handed on as they come.
#[derive(Debug)]
pub struct Frames {
    state: State,
    /// The message that is open, if one is: between its first frame and its last.
    message_is_open: bool,
    /// Bytes of that message so far.
    message_bytes: u64,
    message_bytes_max: u64,
}

#[derive(Debug)]
enum State {
    Header(Partial<HEADER_BYTES_MAX>),
    Data {
        left: u64,
        mask: Mask,
    },
    Control {
        kind: Control,
        left: usize,
        mask: Mask,
        payload: Box<Partial<CONTROL_BYTES_MAX>>,
    },
    /// The client has closed: nothing follows.
    Closed,
    /// Nothing that follows can be read.
    Broken(Violation),
}

/// What a client wants besides its bytes.
#[derive(Debug, PartialEq, Eq)]
pub enum Wish {
    /// PONG with these bytes.
    Pong(Vec<u8>),
    /// The end, with the code that it gave.
    Close(Option<[u8; 2]>),
}

/// How a client breaks the rules of WebSocket, or those of MQTT in it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Violation {
    /// A text frame (`[MQTT-6.0.0-1]`).
    #[error("a WebSocket text frame: MQTT is binary")]
    Text,
    /// A frame that is not masked, an unknown kind, or one where it may not stand.
    #[error("a malformed WebSocket frame")]
    Frame,
    /// A message longer than `websocket.message_bytes_max`.
    #[error("a WebSocket message that is too long")]
    TooLong,
}

/// The longest header of a frame.
const HEADER_BYTES_MAX: usize = 14;
/// The longest payload of a control frame (RFC 6455, 5.5).
const CONTROL_BYTES_MAX: usize = 125;

impl Frames {
    /// Nothing has come yet. Messages longer than `message_bytes_max` are a violation.
    pub fn new(message_bytes_max: u64) -> Self {
        let state = State::Header(Partial::default());
        Self { state, message_is_open: false, message_bytes: 0, message_bytes_max }
    }

    /// Replaces what arrived in `bytes` by the payload that is in it; returns how many bytes that
    /// is. What the client wants besides is added to `wishes`: at most the last PONG, as RFC 6455
    /// has it (5.5.3), and a close. All of that came before the [`Frames::violation`], if there is one.
    pub fn decode(&mut self, bytes: &mut [u8], wishes: &mut Vec<Wish>) -> usize {
        let mut out = 0;
        if let Err(violation) = self.take_apart(bytes, &mut out, wishes) {
            self.state = State::Broken(violation);
        }
        out
    }

    fn take_apart(
        &mut self,
        bytes: &mut [u8],
        out: &mut usize,
        wishes: &mut Vec<Wish>,
    ) -> Result<(), Violation> {
        let mut at = 0;
        while at < bytes.len() {
            match &mut self.state {
                State::Header(partial) => {
                    let held = partial.len;
                    let taken = partial.fill(&bytes[at..], HEADER_BYTES_MAX - held);
                    let mut cursor = Cursor::new(partial.bytes());
                    match FrameHeader::parse(&mut cursor).map_err(|_| Violation::Frame)? {
                        Some((header, length)) => {
                            // What it holds of the frame's payload is still in `bytes`.
                            let header_bytes = usize::try_from(cursor.position())
                                .expect("a header is 14 bytes at most");
                            at += header_bytes - held;
                            self.state = self.begin(&header, length)?;
                        }
                        None => at += taken,
                    }
                }
                State::Data { left, mask } => {
                    let count = usize::try_from(*left).unwrap_or(usize::MAX).min(bytes.len() - at);
                    bytes.copy_within(at..at + count, *out);
                    mask.apply(&mut bytes[*out..*out + count]);
                    at += count;
                    *out += count;
                    *left -= count as u64;
                }
                State::Control { left, payload, .. } => {
                    let taken = payload.fill(&bytes[at..], *left);
                    at += taken;
                    *left -= taken;
                }
                State::Closed | State::Broken(_) => break,
            }
            self.finish_frame(wishes);
        }
        Ok(())
    }

    /// Whether the client has closed.
    pub fn is_closed(&self) -> bool {
        matches!(self.state, State::Closed)
    }

    /// What the client did wrong, after which the connection is over.
    pub fn violation(&self) -> Option<Violation> {
        match self.state {
            State::Broken(violation) => Some(violation),
            _ => None,
        }
    }

    fn begin(&mut self, header: &FrameHeader, length: u64) -> Result<State, Violation> {
        let mask = Mask { key: header.mask.ok_or(Violation::Frame)?, at: 0 };
        if header.rsv1 || header.rsv2 || header.rsv3 {
            return Err(Violation::Frame);
        }
        match header.opcode {
            OpCode::Data(Data::Text) => Err(Violation::Text),
            OpCode::Data(kind) => self.begin_data(kind, header.is_final, length, mask),
            OpCode::Control(kind) => {
                let left = usize::try_from(length).unwrap_or(usize::MAX);
                let known = matches!(kind, Control::Close | Control::Ping | Control::Pong);
                if !known || !header.is_final || left > CONTROL_BYTES_MAX {
                    return Err(Violation::Frame);
                }
                Ok(State::Control { kind, left, mask, payload: Box::default() })
            }
        }
    }

    fn begin_data(
        &mut self,
        kind: Data,
        is_final: bool,
        length: u64,
        mask: Mask,
    ) -> Result<State, Violation> {
        match (kind, self.message_is_open) {
            (Data::Binary, false) => self.message_bytes = 0,
            (Data::Continue, true) => {}
            _ => return Err(Violation::Frame),
        }
        self.message_is_open = !is_final;
        self.message_bytes = self.message_bytes.saturating_add(length);
        if self.message_bytes > self.message_bytes_max {
            return Err(Violation::TooLong);
        }
        Ok(State::Data { left: length, mask })
    }

    /// Goes on to the next header if nothing is left of this frame.
    fn finish_frame(&mut self, wishes: &mut Vec<Wish>) {
        match &mut self.state {
            State::Data { left: 0, .. } => self.state = State::Header(Partial::default()),
            State::Control { kind, left: 0, mask, payload } => {
                let mut payload = payload.bytes().to_vec();
                mask.apply(&mut payload);
                let kind = *kind;
                self.state = match kind {
                    Control::Close => State::Closed,
                    _ => State::Header(Partial::default()),
                };
                wish(kind, payload, wishes);
            }
            _ => {}
        }
    }
}

fn wish(kind: Control, payload: Vec<u8>, wishes: &mut Vec<Wish>) {
    match kind {
        Control::Ping => {
            wishes.retain(|wish| !matches!(wish, Wish::Pong(_)));
            wishes.push(Wish::Pong(payload));
        }
        Control::Close => wishes.push(Wish::Close(payload.first_chunk().copied())),
        Control::Pong | Control::Reserved(_) => {}
    }
}

impl Violation {
    /// What the client is told.
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::Text => CloseCode::Unsupported,
            Self::Frame => CloseCode::Protocol,
            Self::TooLong => CloseCode::Size,
        }
    }
}

/// The first bytes of something of at most `N` bytes.
#[derive(Debug)]
struct Partial<const N: usize> {
    bytes: [u8; N],
    len: usize,
}

impl<const N: usize> Default for Partial<N> {
    fn default() -> Self {
        Self { bytes: [0; N], len: 0 }
    }
}

impl<const N: usize> Partial<N> {
    /// Takes at most `wanted` of `bytes`; returns how many it took.
    fn fill(&mut self, bytes: &[u8], wanted: usize) -> usize {
        let count = wanted.min(bytes.len()).min(N - self.len);
        self.bytes[self.len..self.len + count].copy_from_slice(&bytes[..count]);
        self.len += count;
        count
    }

    fn bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }
}

/// The key that a client mixes into its payload, and how far that has got.
#[derive(Debug)]
struct Mask {
    key: [u8; 4],
    at: usize,
}

impl Mask {
    fn apply(&mut self, bytes: &mut [u8]) {
        let mut key = self.key;
        key.rotate_left(self.at % 4);
        for chunk in bytes.chunks_mut(4) {
            for (byte, mask) in chunk.iter_mut().zip(key) {
                *byte ^= mask;
            }
        }
        self.at = (self.at + bytes.len()) % 4;
    }
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    const BINARY: u8 = 2;
    const CONTINUATION: u8 = 0;
    const CLOSE: u8 = 8;
    const PING: u8 = 9;
    const FINAL: u8 = 0x80;

    #[test]
    fn control_frames_may_stand_between_those_of_a_message() {
        let sent = [
            frame(BINARY, b"ab"),
            frame(FINAL | PING, b"1"),
            frame(CONTINUATION, b"cd"),
            frame(FINAL | PING, b"2"),
            frame(FINAL | CONTINUATION, b"e"),
        ];

        let (payload, wishes) = decode(&sent.concat(), usize::MAX).expect("no violation");

        assert_eq!(payload, b"abcde");
        assert_eq!(wishes, [Wish::Pong(b"2".to_vec())], "only the last is owed");
    }

    #[test]
    fn nothing_counts_behind_a_close() {
        let sent =
            [frame(FINAL | CLOSE, &[3, 0xE8, b'x']), frame(FINAL | BINARY, b"late")].concat();

        let (payload, wishes) = decode(&sent, usize::MAX).expect("no violation");

        assert_eq!(payload, b"");
        assert_eq!(wishes, [Wish::Close(Some([3, 0xE8]))]);
    }

    // A frame of text, [MQTT-6.0.0-1].
    #[test]
    fn each_violation_is_named() {
        let unmasked = vec![FINAL | BINARY, 1, b'x'];
        for (sent, expected) in [
            (frame(FINAL | 1, b"text"), Violation::Text),
            (unmasked, Violation::Frame),
            (frame(FINAL | 0x40 | BINARY, b""), Violation::Frame),
            (frame(FINAL | CONTINUATION, b"x"), Violation::Frame),
            ([frame(BINARY, b"x"), frame(FINAL | BINARY, b"y")].concat(), Violation::Frame),
            (frame(PING, b"x"), Violation::Frame),
            (frame(FINAL | PING, &[0; CONTROL_BYTES_MAX + 1]), Violation::Frame),
            (frame(FINAL | 3, b"x"), Violation::Frame),
            (frame(FINAL | 11, b"x"), Violation::Frame),
        ] {
            assert_eq!(decode(&sent, usize::MAX).expect_err("a violation"), expected, "{sent:?}");
        }
        assert!(decode(&frame(FINAL | PING, &[0; CONTROL_BYTES_MAX]), usize::MAX).is_ok());
    }

    #[test]
    fn a_message_has_a_length_in_one_frame_or_in_several() {
        let longest = MESSAGE_BYTES_MAX as usize;
        for sent in [
            frame(FINAL | BINARY, &vec![0; longest]),
            [frame(BINARY, &vec![0; longest - 1]), frame(FINAL | CONTINUATION, b"x")].concat(),
            [frame(FINAL | BINARY, &vec![0; longest]), frame(FINAL | BINARY, b"x")].concat(),
        ] {
            assert!(decode(&sent, usize::MAX).is_ok());
        }
        for sent in [
            frame(FINAL | BINARY, &vec![0; longest + 1]),
            [frame(BINARY, &vec![0; longest]), frame(FINAL | CONTINUATION, b"x")].concat(),
            vec![FINAL | BINARY, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 0],
        ] {
            assert_eq!(decode(&sent, usize::MAX).expect_err("too long"), Violation::TooLong);
        }
    }

    proptest! {
        // Packets are independent of frames, and frames of reads, [MQTT-6.0.0-2].
        #[test]
        fn payload_comes_through_however_it_is_cut(
            parts in vec(vec(any::<u8>(), 0..300), 1..8),
            piece in 1_usize..40,
        ) {
            let sent: Vec<u8> = parts.iter().flat_map(|part| frame(FINAL | BINARY, part)).collect();
            let (payload, _) = decode(&sent, piece).expect("no violation");
            prop_assert_eq!(payload, parts.concat());
        }

        #[test]
        fn no_bytes_panic(bytes in vec(any::<u8>(), 0..400), piece in 1_usize..40) {
            let _ = decode(&bytes, piece);
        }
    }

    const MESSAGE_BYTES_MAX: u64 = 70_000;

    /// What comes of `sent` that arrives in pieces of `piece` bytes.
    fn decode(sent: &[u8], piece: usize) -> Result<(Vec<u8>, Vec<Wish>), Violation> {
        let mut frames = Frames::new(MESSAGE_BYTES_MAX);
        let (mut payload, mut wishes) = (Vec::new(), Vec::new());
        for bytes in sent.chunks(piece.min(sent.len().max(1))) {
            let mut bytes = bytes.to_vec();
            let count = frames.decode(&mut bytes, &mut wishes);
            payload.extend_from_slice(&bytes[..count]);
        }
        frames.violation().map_or(Ok((payload, wishes)), Err)
    }

    /// A masked frame, as a client sends it.
    fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
        let key = [0x12, 0x34, 0x56, 0x78];
        let mut bytes = vec![first];
        match payload.len() {
            length @ ..126 => bytes.push(0x80 | length as u8),
            length @ ..65_536 => {
                bytes.push(0xFE);
                bytes.extend((length as u16).to_be_bytes());
            }
            length => {
                bytes.push(0xFF);
                bytes.extend((length as u64).to_be_bytes());
            }
        }
        bytes.extend(key);
        bytes.extend(payload.iter().zip(key.iter().cycle()).map(|(byte, mask)| byte ^ mask));
        bytes
    }
}

use std::collections::BTreeMap;
use std::ops::Range;

use super::blob::{Blob, BlobError};
use super::keys::{self, SEGMENT_NUMBERS};
use crate::journal::SessionNumber;
use crate::store::Operation;

/// What is unfinished of [`SEGMENT_NUMBERS`] successive queue numbers of a session, and where their
/// messages stand. A message in a part whose number is not unfinished here is done with.
///
/// As bytes, numbers big-endian: how many parts there are (2 bytes), of each the first number counted
/// from the segment's (1 byte) and its chunks (2 bytes); one past the highest number that was ever
/// stored (2 bytes, counted likewise); then of each unfinished number, counted likewise (1 byte), what
/// is left of it: 0 and the message's length (4 bytes); 1, the length, and the number under which the
/// message is stored apart (8 bytes); or 2, PUBREC has come.
#[derive(Debug, Clone, PartialEq)]
pub struct Segment {
    session: SessionNumber,
    /// Its first number.
    base: u64,
    /// Chunks of each part, by first number from `base`.
    parts: BTreeMap<u8, u16>,
    /// From `base`.
    end: u16,
    unfinished: BTreeMap<u8, Left>,
}

/// What is left of a delivery.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Left {
    /// A message of `len` bytes, in a part or, if it is shared, under the number of a body.
    Message { len: u32, body: Option<u64> },
    /// PUBREC has come.
    Released,
}

/// About what removing a part costs: the engine looks for its pieces.
pub const REMOVE_COST: usize = 512;

impl Segment {
    /// One that has nothing.
    pub fn new(session: SessionNumber, index: u64) -> Self {
        let (parts, unfinished) = Default::default();
        Self { session, base: index.saturating_mul(SEGMENT_NUMBERS), parts, end: 0, unfinished }
    }

    /// Reads what [`Self::put`] wrote.
    pub fn open(blob: &Blob) -> Result<Self, BlobError> {
        let session = keys::session(&blob.key).ok_or(BlobError::Damaged)?;
        let index = keys::second_number(&blob.key).ok_or(BlobError::Damaged)?;
        if index > keys::segment_of(u64::MAX) {
            return Err(BlobError::Damaged);
        }
        let bytes = blob.open()?;
        let mut segment = Self::new(session, index);
        segment.decode(&bytes).filter(|rest| rest.is_empty()).ok_or(BlobError::Damaged)?;
        Ok(segment)
    }

    fn decode<'a>(&mut self, bytes: &'a [u8]) -> Option<&'a [u8]> {
        let (parts, mut rest) = take_u16(bytes)?;
        for _ in 0..parts {
            let (first, after) = rest.split_first()?;
            let (chunks, after) = take_u16(after)?;
            self.parts.insert(*first, chunks);
            rest = after;
        }
        (self.end, rest) = take_u16(rest)?;
        while let [at, kind, after @ ..] = rest {
            let (left, after) = decode_left(*kind, after)?;
            self.unfinished.insert(*at, left);
            rest = after;
        }
        (u64::from(self.end) <= SEGMENT_NUMBERS).then_some(rest)
    }

    /// Puts it into a store; if nothing in it is unfinished, removes it and its parts instead, those
    /// unread.
    pub fn put(&self, operations: &mut Vec<Operation>) {
        match self.unfinished.is_empty() {
            true => self.remove(operations),
            false => _ = Blob::put(&self.key(), &self.encode(), operations),
        }
    }

    /// Removes it from a store, with its parts.
    pub fn remove(&self, operations: &mut Vec<Operation>) {
        for (first, chunks) in &self.parts {
            let key = keys::part(self.session, self.number(*first));
            Blob::delete_unread(&key, usize::from(*chunks), operations);
        }
        Blob::delete_unread(&self.key(), 1, operations);
    }

    /// About what [`Self::remove`] costs.
    pub fn remove_cost(&self) -> usize {
        self.parts.values().map(|chunks| usize::from(*chunks)).sum::<usize>() * REMOVE_COST
    }

    fn key(&self) -> Vec<u8> {
        keys::segment(self.session, keys::segment_of(self.base))
    }

    fn encode(&self) -> Vec<u8> {
        let mut bytes = (self.parts.len() as u16).to_be_bytes().to_vec();
        for (first, chunks) in &self.parts {
            bytes.push(*first);
            bytes.extend_from_slice(&chunks.to_be_bytes());
        }
        bytes.extend_from_slice(&self.end.to_be_bytes());
        for (at, left) in &self.unfinished {
            bytes.push(*at);
            match left {
                Left::Message { len, body: None } => {
                    bytes.push(0);
                    bytes.extend_from_slice(&len.to_be_bytes());
                }
                Left::Message { len, body: Some(body) } => {
                    bytes.push(1);
                    bytes.extend_from_slice(&len.to_be_bytes());
                    bytes.extend_from_slice(&body.to_be_bytes());
                }
                Left::Released => bytes.push(2),
            }
        }
        bytes
    }

    /// Notes what is left of a number, and returns what was left of it.
    pub fn set(&mut self, number: u64, left: Left) -> Option<Left> {
        self.end = self.end.max(u16::from(offset(number)) + 1);
        self.unfinished.insert(offset(number), left)
    }

    /// The number is done with; returns what was left of it.
    pub fn settle(&mut self, number: u64) -> Option<Left> {
        self.unfinished.remove(&offset(number))
    }

    /// Messages from `first` on stand in a part of so many chunks.
    pub fn add_part(&mut self, first: u64, chunks: usize) {
        let chunks = u16::try_from(chunks).expect("as many as a blob has");
        self.parts.insert(offset(first), chunks);
    }

    /// The parts in which some of these numbers may stand: of each the numbers that may.
    pub fn parts(&self, numbers: Range<u64>) -> impl Iterator<Item = Range<u64>> + '_ {
        let firsts = self.parts.keys().map(|first| self.number(*first));
        let after = self.parts.keys().skip(1).map(|first| self.number(*first));
        let ends = after.chain(std::iter::once(u64::MAX));
        let is_wanted =
            move |part: &Range<u64>| part.start < numbers.end && part.end > numbers.start;
        firsts.zip(ends).map(|(first, end)| first..end).filter(is_wanted)
    }

    /// What is unfinished, in order.
    pub fn unfinished(&self) -> impl Iterator<Item = (u64, Left)> + '_ {
        self.unfinished.iter().map(|(at, left)| (self.number(*at), *left))
    }

    /// The messages of these that are stored apart.
    pub fn bodies(&self) -> impl Iterator<Item = u64> + '_ {
        self.unfinished.values().filter_map(|left| left.body())
    }

    /// One past the highest number that was ever stored.
    pub fn end(&self) -> u64 {
        self.base.saturating_add(u64::from(self.end))
    }

    fn number(&self, at: u8) -> u64 {
        self.base + u64::from(at)
    }
}

impl Left {
    /// Under which number the message is stored apart.
    pub fn body(self) -> Option<u64> {
        match self {
            Self::Message { body, .. } => body,
            Self::Released => None,
        }
    }
}

/// The length of a message as [`Left::Message`] has it; no packet has a message that is longer.
pub fn len_of(message: &[u8]) -> u32 {
    u32::try_from(message.len()).unwrap_or(u32::MAX)
}

fn offset(number: u64) -> u8 {
    u8::try_from(number % SEGMENT_NUMBERS).expect("there are 256")
}

fn decode_left(kind: u8, bytes: &[u8]) -> Option<(Left, &[u8])> {
    if kind == 2 {
        return Some((Left::Released, bytes));
    }
    let (len, rest) = bytes.split_first_chunk()?;
    let len = u32::from_be_bytes(*len);
    match kind {
        0 => Some((Left::Message { len, body: None }, rest)),
        1 => {
            let (body, rest) = rest.split_first_chunk()?;
            Some((Left::Message { len, body: Some(u64::from_be_bytes(*body)) }, rest))
        }
        _ => None,
    }
}

fn take_u16(bytes: &[u8]) -> Option<(u16, &[u8])> {
    let (value, rest) = bytes.split_first_chunk()?;
    Some((u16::from_be_bytes(*value), rest))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::store::{MemoryStore, Store};

    const SESSION: SessionNumber = SessionNumber(7);

    #[test]
    fn a_segment_comes_back_with_all_its_numbers() {
        let mut segment = Segment::new(SESSION, 3);
        for number in 768..1024 {
            let left = match number % 3 {
                0 => Left::Released,
                1 => Left::Message { len: u32::MAX, body: None },
                _ => Left::Message { len: 0, body: Some(u64::MAX) },
            };
            segment.set(number, left);
            segment.add_part(number, 1);
        }
        assert_eq!(segment.end(), 1024);
        assert_eq!(stored(&segment), Ok(segment));
    }

    #[test]
    fn a_number_past_the_last_one_makes_no_segment() {
        let last = Segment::new(SESSION, keys::segment_of(u64::MAX));
        let mut last = last;
        last.set(u64::MAX, Left::Released);
        assert_eq!((stored(&last), last.end()), (Ok(last.clone()), u64::MAX));

        let mut blob = Blob { key: keys::segment(SESSION, u64::MAX), chunks: Vec::new() };
        assert_eq!(Segment::open(&blob), Err(BlobError::Damaged));
        blob.key.push(0);
        assert_eq!(Segment::open(&blob), Err(BlobError::Damaged));
    }

    #[test]
    fn a_number_stands_in_the_last_part_that_begins_before_it() {
        let mut segment = Segment::new(SESSION, 0);
        [0, 10, 20].into_iter().for_each(|first| segment.add_part(first, 1));
        let parts =
            |numbers| segment.parts(numbers).map(|part| (part.start, part.end)).collect::<Vec<_>>();

        assert_eq!(parts(0..10), [(0, 10)]);
        assert_eq!(parts(9..11), [(0, 10), (10, 20)]);
        assert_eq!(parts(10..20), [(10, 20)]);
        assert_eq!(parts(255..256), [(20, u64::MAX)]);
    }

    #[test]
    fn bytes_cut_short_are_damage() {
        let mut segment = Segment::new(SESSION, 0);
        segment.set(1, Left::Message { len: 5, body: Some(9) });
        segment.add_part(1, 1);
        let bytes = segment.encode();
        let whole =
            |len| Segment::new(SESSION, 0).decode(&bytes[..len]).is_some_and(<[u8]>::is_empty);

        let read: Vec<usize> = (0..=bytes.len()).filter(|len| whole(*len)).collect();

        // Without the last number it is another segment; the checksum is what tells.
        assert_eq!(read, [bytes.len() - 14, bytes.len()]);
    }

    fn stored(segment: &Segment) -> Result<Segment, BlobError> {
        let mut operations = Vec::new();
        segment.put(&mut operations);
        let mut store = MemoryStore::default();
        store.apply(operations).expect("memory");
        Segment::open(&Blob::read(&store, &segment.key()).expect("memory"))
    }
}

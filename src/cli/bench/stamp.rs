/// What stands at the start of every payload: whose message it is, which one, and when it was sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stamp {
    /// The publisher, below 2^24.
    pub stream: u32,
    /// Counts the publisher's messages from 0, below 2^40.
    pub number: u64,
    /// Nanoseconds on the generator's clock: when it was sent, or was to be sent.
    pub sent_nanos: u64,
}

/// Bytes of a stamp, and so of the smallest payload.
pub const STAMP_LEN: usize = 16;

const NUMBER_BITS: u32 = 40;

impl Stamp {
    pub fn bytes(self) -> [u8; STAMP_LEN] {
        let who = u64::from(self.stream) << NUMBER_BITS | self.number;
        let mut bytes = [0; STAMP_LEN];
        bytes[..8].copy_from_slice(&who.to_be_bytes());
        bytes[8..].copy_from_slice(&self.sent_nanos.to_be_bytes());
        bytes
    }

    /// The stamp of a payload; `None` if it is too short to be one of ours.
    pub fn read(payload: &[u8]) -> Option<Self> {
        let (who, rest) = payload.split_first_chunk()?;
        let (sent, _) = rest.split_first_chunk()?;
        let who = u64::from_be_bytes(*who);
        Some(Self {
            stream: (who >> NUMBER_BITS) as u32,
            number: who & ((1 << NUMBER_BITS) - 1),
            sent_nanos: u64::from_be_bytes(*sent),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_stamp_comes_back_from_its_bytes_and_from_no_fewer() {
        let largest = ((1 << 24) - 1, (1 << NUMBER_BITS) - 1, u64::MAX);
        for (stream, number, sent_nanos) in [(0, 0, 0), (7, 258, 1), largest] {
            let stamp = Stamp { stream, number, sent_nanos };
            assert_eq!(Stamp::read(&stamp.bytes()), Some(stamp));
            assert_eq!(Stamp::read(&[&stamp.bytes()[..], b"padding"].concat()), Some(stamp));
            assert_eq!(Stamp::read(&stamp.bytes()[..STAMP_LEN - 1]), None);
        }
    }
}

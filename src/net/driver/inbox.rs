use std::future::Future;
use std::io;
use std::pin::{Pin, pin};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncReadExt, ReadBuf};

/// How much is read of a client from which nothing is taken for now, to see whether it is still there.
pub const LOOK_BYTES_MAX: usize = 64;

/// Bytes that arrived and could not be taken yet: the first part of a packet. Holds no memory while
/// there are none.
#[derive(Debug, Default)]
pub struct Inbox {
    left: Vec<u8>,
    /// How many of those at its end nobody was shown.
    unseen: u32,
    /// Bytes that ever arrived.
    pub total: u64,
}

impl Inbox {
    /// Reads once, through `buffer`. `take` is shown all bytes that were left and those that are
    /// new in one piece, and returns how many it took. Ready with how many are new, 0 at the end of
    /// the stream.
    ///
    /// What is kept grows with what has arrived, never with what a header announces.
    pub fn poll_read<S: AsyncRead + Unpin>(
        &mut self,
        socket: &mut S,
        cx: &mut Context<'_>,
        buffer: &mut [u8],
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        let kept = self.left.len();
        if kept > buffer.len() / 2 {
            // The buffer would be too small for a good read.
            return self.poll_gather(socket, cx, take);
        }
        let mut read = ReadBuf::new(&mut buffer[kept..]);
        ready!(Pin::new(socket).poll_read(cx, &mut read))?;
        let new = read.filled().len();
        self.total += new as u64;
        if new == 0 {
            return Poll::Ready(Ok(0));
        }

        // The start of a packet moves in front of the rest of it.
        self.unseen = 0;
        buffer[..kept].copy_from_slice(&self.left);
        let bytes = &buffer[..kept + new];
        let taken = take(bytes);
        self.keep(&bytes[taken..]);
        Poll::Ready(Ok(new))
    }

    /// Reads behind what was left, at most as much again: the rest of a large packet is not moved.
    fn poll_gather<S: AsyncRead + Unpin>(
        &mut self,
        socket: &mut S,
        cx: &mut Context<'_>,
        take: impl FnOnce(&[u8]) -> usize,
    ) -> Poll<io::Result<usize>> {
        self.left.reserve(self.left.len() / 2);
        let new = ready!(pin!(socket.read_buf(&mut self.left)).poll(cx))?;
        self.total += new as u64;
        if new > 0 {
            self.take_left(take);
        }
        Poll::Ready(Ok(new))
    }

    /// Shows `take` what is left once more: now it may take it.
    pub fn take_left(&mut self, take: impl FnOnce(&[u8]) -> usize) {
        self.unseen = 0;
        let taken = take(&self.left);
        self.forget(taken);
    }

    /// Reads a little and shows it to nobody, to see whether the client is still there. Pending, too,
    /// where as much lies unseen as may. Ready as in [`Self::poll_read`].
    pub fn poll_look<S: AsyncRead + Unpin>(
        &mut self,
        socket: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let room = LOOK_BYTES_MAX.saturating_sub(self.unseen as usize);
        if room == 0 {
            return Poll::Pending;
        }
        let mut bytes = [0; LOOK_BYTES_MAX];
        let mut read = ReadBuf::new(&mut bytes[..room]);
        ready!(Pin::new(socket).poll_read(cx, &mut read))?;
        let new = read.filled();
        self.total += new.len() as u64;
        self.unseen += new.len() as u32;
        self.left.extend_from_slice(new);
        Poll::Ready(Ok(new.len()))
    }

    /// What is left waits, and counts as unseen.
    pub fn defer(&mut self) {
        self.unseen = u32::try_from(self.left.len()).unwrap_or(u32::MAX);
    }

    /// Whether something is left that nobody was shown.
    pub fn has_unseen(&self) -> bool {
        self.unseen > 0
    }

    /// Whether nothing was left.
    pub fn is_empty(&self) -> bool {
        self.left.is_empty()
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.left.capacity()
    }

    fn keep(&mut self, rest: &[u8]) {
        if rest.is_empty() {
            self.left = Vec::new();
        } else {
            self.left.clear();
            self.left.extend_from_slice(rest);
        }
    }

    fn forget(&mut self, taken: usize) {
        if taken > 0 {
            self.left = self.left[taken..].to_vec();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_stands_before_what_is_new() {
        let mut inbox = Inbox::default();
        let mut seen = Vec::new();

        read(&mut inbox, b"abc", |bytes| bytes.len() - 2);
        read(&mut inbox, b"d", |bytes| {
            seen = bytes.to_vec();
            bytes.len()
        });

        assert_eq!(seen, b"bcd");
        assert_eq!(inbox.capacity(), 0, "nothing left, nothing held");
        assert_eq!(inbox.total, 4);
    }

    #[test]
    fn a_packet_larger_than_the_buffer_is_gathered() {
        let mut inbox = Inbox::default();
        let whole: Vec<u8> = (0..100).collect();

        for part in whole.chunks(7) {
            read(
                &mut inbox,
                part,
                |bytes| if bytes.len() < 100 { 0 } else { check(bytes, &whole) },
            );
        }

        assert_eq!(inbox.capacity(), 0);
    }

    #[test]
    fn so_much_is_read_for_a_look_and_no_more() {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        let (mut inbox, mut seen) = (Inbox::default(), 0);
        let mut arrived = &[7; 2 * LOOK_BYTES_MAX][..];
        read(&mut inbox, b"abc", |_| 0);
        let mut few = arrived.split_off(..5).expect("there are more");

        assert!(matches!(inbox.poll_look(&mut few, &mut cx), Poll::Ready(Ok(5))));
        assert!(matches!(inbox.poll_look(&mut few, &mut cx), Poll::Ready(Ok(0))), "the end");
        assert!(inbox.poll_look(&mut arrived, &mut cx).is_ready());
        assert!(inbox.poll_look(&mut arrived, &mut cx).is_pending());
        assert!(inbox.has_unseen());

        inbox.take_left(|bytes| {
            seen = bytes.len();
            seen
        });
        assert_eq!((seen, inbox.has_unseen()), (3 + LOOK_BYTES_MAX, false));
    }

    #[test]
    fn the_end_of_the_stream_shows_nobody_anything() {
        let mut inbox = Inbox::default();

        assert_eq!(read(&mut inbox, b"", |_| panic!("no bytes")), 0);
    }

    fn check(bytes: &[u8], whole: &[u8]) -> usize {
        assert_eq!(bytes, whole);
        bytes.len()
    }

    /// Reads `arrived` through a buffer of 16 bytes.
    fn read(inbox: &mut Inbox, mut arrived: &[u8], take: impl FnOnce(&[u8]) -> usize) -> usize {
        let mut cx = Context::from_waker(std::task::Waker::noop());
        match inbox.poll_read(&mut arrived, &mut cx, &mut [0; 16], take) {
            Poll::Ready(Ok(new)) => new,
            other => panic!("a slice is always ready: {other:?}"),
        }
    }
}

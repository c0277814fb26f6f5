use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::AsyncWrite;

use crate::connection::Output;

/// How many pieces one gathering write hands to the kernel.
const SLICES_MAX: usize = 64;

/// What is encoded and not yet sent.
#[derive(Debug, Default)]
pub struct Outbox {
    /// To be sent, in order.
    pub output: Output,
    /// How much of `output` the socket has taken, in bytes.
    sent: usize,
    /// The socket has all bytes but may hold some back.
    unflushed: bool,
    /// Bytes that the socket ever took.
    pub total: u64,
}

impl Outbox {
    /// Whether nothing waits for the socket.
    pub fn is_empty(&self) -> bool {
        self.output.is_empty() && !self.unflushed
    }

    /// Writes until everything is sent (ready) or the socket takes no more (pending).
    pub fn poll_write<S: AsyncWrite + Unpin>(
        &mut self,
        socket: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<()>> {
        while !self.output.is_empty() {
            let count = ready!(self.poll_write_some(socket, cx))?;
            if count == 0 {
                return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
            }
            self.advance(count);
        }
        if self.unflushed {
            ready!(Pin::new(socket).poll_flush(cx))?;
            self.unflushed = false;
        }
        Poll::Ready(Ok(()))
    }

    /// Forgets what was not sent: the socket takes nothing any more.
    pub fn give_up(&mut self) {
        self.output.clear();
        self.sent = 0;
        self.unflushed = false;
    }

    /// Bytes of memory held.
    #[cfg(test)]
    pub fn capacity(&self) -> usize {
        self.output.bytes.capacity() + self.output.bodies.capacity()
    }

    fn poll_write_some<S: AsyncWrite + Unpin>(
        &self,
        socket: &mut S,
        cx: &mut Context<'_>,
    ) -> Poll<io::Result<usize>> {
        let socket = Pin::new(socket);
        if self.output.bodies.is_empty() {
            return socket.poll_write(cx, &self.output.bytes[self.sent..]);
        }
        let mut slices = [IoSlice::new(&[]); SLICES_MAX];
        let mut count = 0;
        for (slice, chunk) in slices.iter_mut().zip(self.output.chunks(self.sent)) {
            *slice = IoSlice::new(chunk);
            count += 1;
        }
        socket.poll_write_vectored(cx, &slices[..count])
    }

    fn advance(&mut self, count: usize) {
        self.sent += count;
        self.total += count as u64;
        self.unflushed = true;
        if self.sent >= self.output.len() {
            self.output.clear();
            self.sent = 0;
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::AsyncReadExt;

    use super::*;
    use crate::types::{Message, MessageHead};

    #[tokio::test]
    async fn everything_arrives_in_order_however_little_the_socket_takes() {
        let (mut near, mut far) = tokio::io::duplex(7);
        let mut outbox = Outbox::default();
        let expected = fill(&mut outbox.output);

        let reading = tokio::spawn(async move {
            let mut arrived = Vec::new();
            far.read_to_end(&mut arrived).await.map(|_| arrived)
        });
        std::future::poll_fn(|cx| outbox.poll_write(&mut near, cx)).await.expect("far end reads");
        drop(near);

        assert_eq!(reading.await.expect("no panic").expect("reads"), expected);
        assert_eq!(outbox.total, expected.len() as u64);
        assert!(outbox.is_empty());
    }

    #[tokio::test]
    async fn a_socket_that_is_gone_is_an_error() {
        let (mut near, far) = tokio::io::duplex(7);
        drop(far);
        let mut outbox = Outbox::default();
        fill(&mut outbox.output);

        let written = std::future::poll_fn(|cx| outbox.poll_write(&mut near, cx)).await;

        assert!(written.is_err());
    }

    /// A hundred bodies among bytes: more pieces than one write takes.
    fn fill(output: &mut Output) -> Vec<u8> {
        for number in 0..100_u8 {
            output.bytes.push(number);
            let payload = [number; 30];
            let body = Message::new(MessageHead::default(), "t", &[], &payload);
            output.bodies.push((output.bytes.len(), body));
        }
        output.bytes.push(b'!');
        output.chunks(0).flatten().copied().collect()
    }
}

use std::io::{self, IoSlice};
use std::pin::Pin;
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tungstenite::protocol::frame::FrameHeader;
use tungstenite::protocol::frame::coding::{CloseCode, Control, Data, OpCode};

use super::Violation;
use super::frames::{Frames, Wish};

/// Most bytes of MQTT in one frame to a client.
pub const FRAME_BYTES_MAX: usize = 64 * 1024;

/// An open WebSocket as a stream of the bytes in it. While nothing is under way it holds no buffer.
#[derive(Debug)]
pub struct WebSocket<S> {
    socket: S,
    frames: Frames,
    /// A frame that was begun, and how much of it was sent.
    out: Vec<u8>,
    sent: usize,
    /// The answer to a PING, until there is room for it.
    pong: Option<Vec<u8>>,
    /// What answers the client is not all sent and flushed yet.
    answering: bool,
    /// Our close was put into `out`.
    closing: bool,
}

impl<S> WebSocket<S> {
    /// The WebSocket that was opened over `socket`; longer messages than `message_bytes_max` end it.
    pub fn new(socket: S, message_bytes_max: u64) -> Self {
        let frames = Frames::new(message_bytes_max);
        let out = Vec::new();
        Self { socket, frames, out, sent: 0, pong: None, answering: false, closing: false }
    }

    fn begin_frame(&mut self, opcode: OpCode, payload: &[IoSlice<'_>], length: usize) {
        let header = FrameHeader { opcode, ..FrameHeader::default() };
        let total = header.len(length as u64) + length;
        self.out = Vec::with_capacity(total);
        header.format(length as u64, &mut self.out).expect("memory takes what is written to it");
        for slice in payload {
            let room = total - self.out.len();
            self.out.extend_from_slice(&slice[..slice.len().min(room)]);
        }
    }

    fn begin_close(&mut self, code: Option<[u8; 2]>) {
        self.closing = true;
        let code = code.unwrap_or_default();
        let length = if code == [0, 0] { 0 } else { code.len() };
        self.begin_frame(OpCode::Control(Control::Close), &[IoSlice::new(&code)], length);
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> WebSocket<S> {
    /// Sends what was begun and what is owed.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        loop {
            while self.sent < self.out.len() {
                let count =
                    ready!(Pin::new(&mut self.socket).poll_write(cx, &self.out[self.sent..]))?;
                if count == 0 {
                    return Poll::Ready(Err(io::ErrorKind::WriteZero.into()));
                }
                self.sent += count;
            }
            (self.out, self.sent) = (Vec::new(), 0);
            match self.pong.take().filter(|_| !self.closing) {
                Some(pong) => {
                    let opcode = OpCode::Control(Control::Pong);
                    self.begin_frame(opcode, &[IoSlice::new(&pong)], pong.len());
                }
                None => return Poll::Ready(Ok(())),
            }
        }
    }

    /// Answers what the client wants, as far as there is room.
    fn grant(&mut self, wishes: Vec<Wish>, cx: &mut Context<'_>) {
        self.answering |= !wishes.is_empty();
        for wish in wishes {
            match wish {
                Wish::Pong(payload) => self.pong = Some(payload),
                Wish::Close(code) if !self.closing && self.has_sent(cx) => self.begin_close(code),
                Wish::Close(_) => {}
            }
        }
        self.answer(cx);
    }

    /// Goes on with what answers the client. Reading has to do it, because there may be nothing of MQTT
    /// to write; but it says nothing of a socket that takes no more, from which what the client sent
    /// before can still be read.
    fn answer(&mut self, cx: &mut Context<'_>) {
        if self.answering && self.has_sent(cx) {
            self.answering = Pin::new(&mut self.socket).poll_flush(cx).is_pending();
        }
    }

    fn has_sent(&mut self, cx: &mut Context<'_>) -> bool {
        matches!(self.poll_send(cx), Poll::Ready(Ok(())))
    }

    /// Tells the client what it did wrong, if there is room for that.
    fn refuse(&mut self, violation: Violation, cx: &mut Context<'_>) -> io::Error {
        if !self.closing && self.has_sent(cx) {
            let code: u16 = violation.close_code().into();
            self.begin_close(Some(code.to_be_bytes()));
            // The violation is the error to report, whatever becomes of the last words.
            if self.has_sent(cx) {
                let _ = Pin::new(&mut self.socket).poll_flush(cx);
            }
        }
        io::Error::new(io::ErrorKind::InvalidData, violation)
    }

    fn poll_write_frame(
        &mut self,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        ready!(self.poll_send(cx))?;
        if self.closing {
            return Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()));
        }
        let length = slices.iter().map(|slice| slice.len()).sum::<usize>().min(FRAME_BYTES_MAX);
        if length > 0 {
            self.begin_frame(OpCode::Data(Data::Binary), slices, length);
            // The frame is ours now, whether or not the socket takes it at once.
            if let Poll::Ready(Err(error)) = self.poll_send(cx) {
                return Poll::Ready(Err(error));
            }
        }
        Poll::Ready(Ok(length))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for WebSocket<S> {
    fn poll_read(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        this.answer(cx);
        while !this.frames.is_closed() {
            if let Some(violation) = this.frames.violation() {
                return Poll::Ready(Err(this.refuse(violation, cx)));
            }
            let mut read = ReadBuf::new(buffer.initialize_unfilled());
            ready!(Pin::new(&mut this.socket).poll_read(cx, &mut read))?;
            if read.filled().is_empty() {
                return Poll::Ready(Ok(()));
            }
            let mut wishes = Vec::new();
            let count = this.frames.decode(read.filled_mut(), &mut wishes);
            this.grant(wishes, cx);
            if count > 0 {
                buffer.advance(count);
                return Poll::Ready(Ok(()));
            }
        }
        Poll::Ready(Ok(()))
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for WebSocket<S> {
    fn poll_write(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_frame(cx, &[IoSlice::new(bytes)])
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        slices: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.get_mut().poll_write_frame(cx, slices)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        Pin::new(&mut this.socket).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        let this = self.get_mut();
        ready!(this.poll_send(cx))?;
        if !this.closing {
            let code: u16 = CloseCode::Normal.into();
            this.begin_close(Some(code.to_be_bytes()));
            ready!(this.poll_send(cx))?;
        }
        ready!(Pin::new(&mut this.socket).poll_flush(cx))?;
        Pin::new(&mut this.socket).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::io::{AsyncReadExt, AsyncWriteExt, BufWriter, DuplexStream};

    use super::*;

    const MESSAGE_BYTES_MAX: u64 = 1 << 20;

    #[tokio::test]
    async fn what_is_written_arrives_in_binary_frames() {
        let (mut near, mut far) = open(64);
        let reading = tokio::spawn(async move {
            let mut arrived = Vec::new();
            far.read_to_end(&mut arrived).await.map(|_| arrived)
        });

        near.write_all(b"hello").await.expect("open");
        near.write_all(&vec![7; 300]).await.expect("open");
        near.shutdown().await.expect("open");
        drop(near);

        let arrived = reading.await.expect("no panic").expect("reads");
        let mut expected = vec![0x82, 5];
        expected.extend(b"hello");
        expected.extend([0x82, 126, 1, 44]);
        expected.extend([7; 300]);
        expected.extend([0x88, 2, 3, 0xE8]);
        assert_eq!(arrived, expected);
    }

    #[tokio::test]
    async fn a_ping_is_answered_though_nothing_else_is_to_be_sent() {
        let (mut near, mut far) = open(1024);
        far.write_all(&[0x89, 0x82, 0, 0, 0, 0, b'h', b'i']).await.expect("open");

        let mut bytes = [0; 8];
        let read = tokio::time::timeout(Duration::from_millis(20), near.read(&mut bytes));
        read.await.expect_err("no bytes of MQTT came");

        let mut answer = [0; 4];
        far.read_exact(&mut answer).await.expect("open");
        assert_eq!(answer, [0x8A, 2, b'h', b'i']);
    }

    #[tokio::test(start_paused = true)]
    async fn a_pong_that_found_no_room_is_sent_when_there_is_some() {
        let (near, far) = tokio::io::duplex(16);
        await_pong(WebSocket::new(near, MESSAGE_BYTES_MAX), far).await;
        // As TLS does, this one takes bytes that it cannot send on at once.
        let (near, far) = tokio::io::duplex(16);
        await_pong(WebSocket::new(BufWriter::new(near), MESSAGE_BYTES_MAX), far).await;
    }

    #[tokio::test]
    async fn what_came_with_a_ping_is_read_though_nobody_takes_the_answer() {
        let (mut near, mut far) = open(1024);
        far.write_all(&[0x89, 0x80, 0, 0, 0, 0, 0x82, 0x81, 0, 0, 0, 0, b'a']).await.expect("open");
        drop(far);

        let mut bytes = [0; 32];
        let count = near.read(&mut bytes).await.expect("what has arrived");

        assert_eq!(bytes[..count], *b"a");
    }

    #[tokio::test]
    async fn a_close_is_answered_with_its_code_and_ends_the_stream() {
        let (mut near, mut far) = open(1024);
        far.write_all(&[0x88, 0x82, 0, 0, 0, 0, 3, 0xE9]).await.expect("open");

        assert_eq!(near.read(&mut [0; 8]).await.expect("an end"), 0);
        near.shutdown().await.expect("open");
        drop(near);

        let mut answer = Vec::new();
        far.read_to_end(&mut answer).await.expect("an end");
        assert_eq!(answer, [0x88, 2, 3, 0xE9], "and no second one");
    }

    #[tokio::test]
    async fn text_is_refused_and_said_to_be_unsupported() {
        let (mut near, mut far) = open(1024);
        far.write_all(&[0x81, 0x81, 0, 0, 0, 0, b'x']).await.expect("open");

        let error = near.read(&mut [0; 8]).await.expect_err("a violation");
        drop(near);

        assert_eq!(error.to_string(), Violation::Text.to_string());
        let mut answer = Vec::new();
        far.read_to_end(&mut answer).await.expect("an end");
        assert_eq!(answer, [0x88, 2, 3, 0xEB]);
    }

    #[tokio::test]
    async fn what_came_before_a_violation_counts() {
        let (mut near, mut far) = open(1024);
        let (binary, text) = ([0x82, 0x81, 0, 0, 0, 0, b'a'], [0x81, 0x81, 0, 0, 0, 0, b'x']);
        far.write_all(&[binary, text].concat()).await.expect("open");

        let mut bytes = [0; 32];
        let count = near.read(&mut bytes).await.expect("bytes of MQTT first");
        let error = near.read(&mut [0; 32]).await.expect_err("a violation then");

        assert_eq!(bytes[..count], *b"a");
        assert_eq!(error.to_string(), Violation::Text.to_string());
    }

    #[tokio::test]
    async fn a_frame_has_a_length() {
        let (mut near, _far) = open(1 << 20);

        let written = near.write(&vec![0; FRAME_BYTES_MAX]).await.expect("open");
        assert_eq!(written, FRAME_BYTES_MAX);
        let written = near.write(&vec![0; FRAME_BYTES_MAX + 1]).await.expect("open");
        assert_eq!(written, FRAME_BYTES_MAX);
    }

    #[tokio::test]
    async fn nothing_is_held_when_nothing_is_under_way() {
        let (mut near, _far) = open(1 << 20);

        near.write_all(&vec![0; FRAME_BYTES_MAX]).await.expect("open");
        near.flush().await.expect("open");

        assert_eq!(near.out.capacity(), 0);
    }

    /// Over a pipe of 16 bytes, with nothing to be sent besides.
    async fn await_pong<S>(mut near: WebSocket<S>, mut far: DuplexStream)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        near.write_all(&[7; 14]).await.expect("open");
        near.flush().await.expect("fills the pipe");
        far.write_all(&[0x89, 0x82, 0, 0, 0, 0, b'h', b'i']).await.expect("open");
        let _reading = tokio::spawn(async move { near.read(&mut [0; 8]).await });
        tokio::task::yield_now().await;

        far.read_exact(&mut [0; 16]).await.expect("open");

        let mut answer = [0; 4];
        let read = tokio::time::timeout(Duration::from_secs(1), far.read_exact(&mut answer));
        read.await.expect("somebody sends it").expect("open");
        assert_eq!(answer, [0x8A, 2, b'h', b'i']);
    }

    fn open(buffer: usize) -> (WebSocket<DuplexStream>, DuplexStream) {
        let (near, far) = tokio::io::duplex(buffer);
        (WebSocket::new(near, MESSAGE_BYTES_MAX), far)
    }
}

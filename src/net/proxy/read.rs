use std::io;

use tokio::io::{AsyncRead, AsyncReadExt};

use super::v2::FIXED_BYTES;
use super::{Header, Malformed, parse};

/// No whole header of version 1 or 2 is shorter: `PROXY UNKNOWN` and the end of its line.
const HEADER_BYTES_MIN: usize = 15;

/// Why there is no header.
#[derive(Debug, thiserror::Error)]
pub enum ReadError {
    /// Something else came.
    #[error("{0}")]
    Malformed(#[from] Malformed),
    /// The connection ended.
    #[error("the connection ended: {0}")]
    Lost(#[from] io::Error),
}

/// Reads the header from `socket`, and not a byte of what stands behind it.
///
/// A line of version 1 is read byte by byte from where it could end: the price of one connection,
/// and there is no buffer that somebody would have to hand on.
///
/// # Errors
///
/// [`ReadError`]. How long it waits is for the caller to limit.
pub async fn read_header(socket: &mut (impl AsyncRead + Unpin)) -> Result<Header, ReadError> {
    let mut bytes = Vec::with_capacity(FIXED_BYTES);
    let mut wanted = HEADER_BYTES_MIN;
    loop {
        let read = socket.take((wanted - bytes.len()) as u64).read_buf(&mut bytes).await?;
        match parse(&bytes)? {
            Some((header, _)) => return Ok(header),
            None if read == 0 => return Err(io::Error::from(io::ErrorKind::UnexpectedEof).into()),
            None if bytes.len() == wanted => wanted = wanted_with(&bytes),
            None => {}
        }
    }
}

/// So many bytes the header has at least, of which these are the first.
fn wanted_with(bytes: &[u8]) -> usize {
    match bytes {
        [b'\r', .., high, low] if bytes.len() == FIXED_BYTES => {
            FIXED_BYTES + usize::from(u16::from_be_bytes([*high, *low]))
        }
        [b'\r', ..] if bytes.len() < FIXED_BYTES => FIXED_BYTES,
        _ => bytes.len() + 1,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn not_a_byte_behind_the_header_is_read() {
        for header in [
            &b"PROXY UNKNOWN\r\n"[..],
            b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 1883\r\n",
            b"\r\n\r\n\0\r\nQUIT\n\x20\x00\0\0",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01\x02\x03\x04\x01\x02\x03\x04\0\x01\0\x01",
        ] {
            let sent = [header, b"behind"].concat();
            let mut socket = &sent[..];

            read_header(&mut socket).await.expect("a header");

            assert_eq!(socket, b"behind");
        }
    }

    #[tokio::test]
    async fn a_socket_that_ends_early_is_lost() {
        for mut socket in [
            &b""[..],
            b"PROXY",
            b"PROXY TCP4 192.0.2.1 1",
            b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0c\x01",
        ] {
            assert!(matches!(read_header(&mut socket).await, Err(ReadError::Lost(_))));
        }
    }

    #[tokio::test]
    async fn what_is_no_header_is_said_at_once() {
        let mut mqtt = &b"\x10\x0c\x00\x04MQTT\x04\x02\x00\x3c\x00\x00"[..];
        let error = read_header(&mut mqtt).await.expect_err("no header");
        assert!(matches!(error, ReadError::Malformed(Malformed::Signature)));
    }
}

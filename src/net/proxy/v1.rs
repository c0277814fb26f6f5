use std::net::{IpAddr, SocketAddr};

use super::{Header, Malformed};

/// What each line of version 1 begins with.
pub const SIGNATURE: &[u8] = b"PROXY ";

/// The longest line, its end included.
const LINE_BYTES_MAX: usize = 107;

/// `PROXY TCP4 source destination source-port destination-port`, or `PROXY UNKNOWN` and anything.
pub fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let window = &bytes[..bytes.len().min(LINE_BYTES_MAX)];
    let Some(end) = window.iter().position(|byte| *byte == b'\n') else {
        return if window.len() < LINE_BYTES_MAX { Ok(None) } else { Err(Malformed::Line) };
    };
    let line = window[..end].strip_suffix(b"\r").ok_or(Malformed::Line)?;
    let text = std::str::from_utf8(line).map_err(|_| Malformed::Line)?;
    let header = header_of(text).ok_or(Malformed::Line)?;
    Ok(Some((header, end + 1)))
}

fn header_of(line: &str) -> Option<Header> {
    let mut words = line.split(' ').skip(1);
    let is_v4 = match words.next()? {
        "UNKNOWN" => return Some(Header::default()),
        "TCP4" => true,
        "TCP6" => false,
        _ => return None,
    };
    let mut address = || words.next()?.parse().ok().filter(|ip: &IpAddr| ip.is_ipv4() == is_v4);
    let (source, _destination) = (address()?, address()?);
    let mut port = || words.next().and_then(port_of);
    let (source_port, _destination_port) = (port()?, port()?);
    let source = SocketAddr::new(source, source_port);
    words.next().is_none().then_some(Header { source: Some(source), common_name: None })
}

/// Digits alone: `parse` would take a sign.
fn port_of(text: &str) -> Option<u16> {
    text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok())?
}

#[cfg(test)]
pub mod tests {
    use super::*;

    #[test]
    fn a_line_names_the_client() {
        let line = b"PROXY TCP4 192.0.2.1 198.51.100.7 56324 1883\r\n\x10\x0c";
        let source = "192.0.2.1:56324".parse().ok();
        assert_eq!(parse(line), Ok(Some((Header { source, common_name: None }, line.len() - 2))));

        let line = b"PROXY TCP6 2001:db8::1 2001:db8::2 1 65535\r\n";
        let source = "[2001:db8::1]:1".parse().ok();
        assert_eq!(parse(line), Ok(Some((Header { source, common_name: None }, line.len()))));
    }

    #[test]
    fn a_proxy_may_not_know() {
        for line in [&b"PROXY UNKNOWN\r\n"[..], b"PROXY UNKNOWN ffff::1 what ever\r\n"] {
            assert_eq!(parse(line), Ok(Some((Header::default(), line.len()))));
        }
    }

    #[test]
    fn anything_else_is_malformed() {
        for line in [
            "PROXY TCP4 192.0.2.1 198.51.100.7 56324 1883\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 56324\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 56324 1883 1\r\n",
            "PROXY TCP4 2001:db8::1 2001:db8::2 1 2\r\n",
            "PROXY TCP6 192.0.2.1 198.51.100.7 1 2\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 65536 1\r\n",
            "PROXY TCP4 192.0.2.1 198.51.100.7 +1 1\r\n",
            "PROXY TCP4  192.0.2.1 198.51.100.7 1 1\r\n",
            "PROXY UDP4 192.0.2.1 198.51.100.7 1 1\r\n",
            "PROXY \r\n",
        ] {
            assert_eq!(parse(line.as_bytes()), Err(Malformed::Line), "{line}");
        }
        assert_eq!(parse(b"PROXY UNKNOWN \xff\r\n"), Err(Malformed::Line));
    }

    #[test]
    fn a_line_has_a_length() {
        let longest = format!("PROXY UNKNOWN {}\r\n", "x".repeat(LINE_BYTES_MAX - 16));
        assert_eq!(longest.len(), LINE_BYTES_MAX);
        assert!(matches!(parse(longest.as_bytes()), Ok(Some(_))));

        let longer = format!("PROXY UNKNOWN {}\r\n", "x".repeat(LINE_BYTES_MAX - 15));
        assert_eq!(parse(longer.as_bytes()), Err(Malformed::Line));
    }

    /// The line for a connection between these two.
    pub fn line(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
        let family = if source.is_ipv4() { "TCP4" } else { "TCP6" };
        let (ip, to) = (source.ip(), destination.ip());
        let (port, to_port) = (source.port(), destination.port());
        format!("PROXY {family} {ip} {to} {port} {to_port}\r\n").into_bytes()
    }
}

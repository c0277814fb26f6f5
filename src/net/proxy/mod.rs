//! The PROXY protocol: what a proxy says of the client for whom it connected, before the client
//! itself says anything. Versions 1 (a line of text) and 2 (binary).

use std::net::SocketAddr;

mod read;
mod v1;
mod v2;

pub use read::{ReadError, read_header};
pub use v2::BODY_BYTES_MAX;

/// For whom a connection was made.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Header {
    /// The client's address. `None` if the proxy speaks for itself, as in a health check, or does
    /// not know: then the connection is its own.
    pub source: Option<SocketAddr>,
    /// The common name of a client certificate that the proxy has verified.
    pub common_name: Option<String>,
}

/// Bytes that begin no connection of a proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum Malformed {
    /// Neither version's first bytes.
    #[error("no PROXY header")]
    Signature,
    /// A line of version 1 that says nothing, or is longer than 107 bytes.
    #[error("a malformed PROXY line")]
    Line,
    /// Version 2 with another version, command or family than there are.
    #[error("a PROXY header of an unknown kind")]
    Kind,
    /// Version 2 whose parts are longer or shorter than they say.
    #[error("a PROXY header whose lengths do not fit")]
    Length,
    /// Longer than [`BODY_BYTES_MAX`].
    #[error("a PROXY header that is too long")]
    TooLong,
}

/// What `bytes` begin with: the header and its length, or nothing as long as it is not whole.
///
/// # Errors
///
/// [`Malformed`], as soon as it is certain.
pub fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let common = bytes.len().min(v2::SIGNATURE.len());
    if bytes[..common] == v2::SIGNATURE[..common] {
        return v2::parse(bytes);
    }
    let common = bytes.len().min(v1::SIGNATURE.len());
    if bytes[..common] == v1::SIGNATURE[..common] {
        return v1::parse(bytes);
    }
    Err(Malformed::Signature)
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn mqtt_is_no_header() {
        assert_eq!(parse(&[0x10]), Err(Malformed::Signature));
        assert_eq!(parse(b"GET / HTTP/1.1"), Err(Malformed::Signature));
    }

    #[test]
    fn nothing_yet_is_no_mistake() {
        assert_eq!(parse(b""), Ok(None));
        assert_eq!(parse(b"P"), Ok(None));
        assert_eq!(parse(b"\r\n\r\n"), Ok(None));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in vec(any::<u8>(), 0..600)) {
            let _ = parse(&bytes);
            let _ = parse(&[&v2::SIGNATURE[..], &bytes].concat());
            let _ = parse(&[v1::SIGNATURE, &bytes].concat());
        }

        #[test]
        fn a_header_in_pieces_is_the_same(bytes in header(), behind in vec(any::<u8>(), 0..20)) {
            let whole = parse(&bytes);
            let (_, length) = whole.clone().expect("well formed").expect("whole");
            prop_assert_eq!(length, bytes.len());
            for end in 0..bytes.len() {
                prop_assert_eq!(parse(&bytes[..end]), Ok(None));
            }
            prop_assert_eq!(parse(&[&bytes[..], &behind].concat()), whole);
        }

        #[test]
        fn addresses_come_through(source: SocketAddr, destination: SocketAddr) {
            // Both of one family, and without the parts of IPv6 that no header carries.
            let plain = |address: SocketAddr| SocketAddr::new(address.ip(), address.port());
            let (source, destination) = (plain(source), plain(destination));
            prop_assume!(source.is_ipv4() == destination.is_ipv4());
            for bytes in [v1::tests::line(source, destination), v2::tests::header(source, destination)] {
                let (header, _) = parse(&bytes).expect("well formed").expect("whole");
                prop_assert_eq!(header, Header { source: Some(source), common_name: None });
            }
        }
    }

    fn header() -> impl Strategy<Value = Vec<u8>> {
        let plain = |address: SocketAddr| SocketAddr::new(address.ip(), address.port());
        (any::<SocketAddr>(), any::<u16>(), any::<bool>()).prop_map(move |(source, port, old)| {
            let (source, destination) = (plain(source), SocketAddr::new(source.ip(), port));
            match old {
                true => v1::tests::line(source, destination),
                false => v2::tests::header(source, destination),
            }
        })
    }
}

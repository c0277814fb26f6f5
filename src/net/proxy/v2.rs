use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{Header, Malformed};

/// What each header of version 2 begins with.
pub const SIGNATURE: [u8; 12] = *b"\r\n\r\n\0\r\nQUIT\n";

/// Most bytes behind the fixed part: addresses and what else a proxy tells.
pub const BODY_BYTES_MAX: usize = 4_096;

/// Signature, version and command, family and transport, length of the rest.
pub const FIXED_BYTES: usize = 16;
/// The addresses of Unix sockets take so many bytes.
const UNIX_BYTES: usize = 216;

const TLV_SSL: u8 = 0x20;
const TLV_SSL_COMMON_NAME: u8 = 0x22;
/// The client sent a certificate: in this connection, or in the session that it resumed.
const SSL_CLIENT_CERTIFICATE: u8 = 0x02 | 0x04;

/// The header at the beginning of `bytes`, once it is whole.
pub fn parse(bytes: &[u8]) -> Result<Option<(Header, usize)>, Malformed> {
    let Some((fixed, rest)) = bytes.split_first_chunk::<FIXED_BYTES>() else { return Ok(None) };
    let length = usize::from(u16::from_be_bytes([fixed[14], fixed[15]]));
    if length > BODY_BYTES_MAX {
        return Err(Malformed::TooLong);
    }
    let is_local = match fixed[12] {
        0x20 => true,
        0x21 => false,
        _ => return Err(Malformed::Kind),
    };
    let Some(body) = rest.get(..length) else { return Ok(None) };
    let header = if is_local { Header::default() } else { header_of(fixed[13], body)? };
    Ok(Some((header, FIXED_BYTES + length)))
}

fn header_of(family: u8, body: &[u8]) -> Result<Header, Malformed> {
    let (source, tlvs) = match family {
        0x00 => return Ok(Header::default()),
        0x11 | 0x12 => {
            let (addresses, tlvs) = body.split_first_chunk::<12>().ok_or(Malformed::Length)?;
            let [a, b, c, d, ..] = *addresses;
            let port = u16::from_be_bytes([addresses[8], addresses[9]]);
            (Some(SocketAddr::from((Ipv4Addr::new(a, b, c, d), port))), tlvs)
        }
        0x21 | 0x22 => {
            let (addresses, tlvs) = body.split_first_chunk::<36>().ok_or(Malformed::Length)?;
            let (ip, _) = addresses.split_first_chunk::<16>().ok_or(Malformed::Length)?;
            let port = u16::from_be_bytes([addresses[32], addresses[33]]);
            (Some(SocketAddr::from((Ipv6Addr::from(*ip), port))), tlvs)
        }
        0x31 | 0x32 => (None, body.get(UNIX_BYTES..).ok_or(Malformed::Length)?),
        _ => return Err(Malformed::Kind),
    };
    Ok(Header { source, common_name: common_name(tlvs)? })
}

/// The name of a certificate that the proxy says it has verified.
fn common_name(tlvs: &[u8]) -> Result<Option<String>, Malformed> {
    let Some(ssl) = find(TLV_SSL, tlvs)? else { return Ok(None) };
    let ([client, verify @ ..], inner) = ssl.split_first_chunk::<5>().ok_or(Malformed::Length)?;
    let verified = client & SSL_CLIENT_CERTIFICATE != 0 && *verify == [0; 4];
    let name = find(TLV_SSL_COMMON_NAME, inner)?.filter(|_| verified);
    Ok(name.and_then(|name| String::from_utf8(name.to_vec()).ok()))
}

/// The value of this kind among `tlvs`, all of which must be whole.
fn find(kind: u8, mut tlvs: &[u8]) -> Result<Option<&[u8]>, Malformed> {
    let mut found = None;
    while !tlvs.is_empty() {
        let ([each, high, low], rest) = tlvs.split_first_chunk::<3>().ok_or(Malformed::Length)?;
        let length = usize::from(u16::from_be_bytes([*high, *low]));
        let (value, behind) = rest.split_at_checked(length).ok_or(Malformed::Length)?;
        if *each == kind {
            found.get_or_insert(value);
        }
        tlvs = behind;
    }
    Ok(found)
}

#[cfg(test)]
pub mod tests {
    use super::*;

    const PROXY: u8 = 0x21;
    const LOCAL: u8 = 0x20;
    const TCP4: u8 = 0x11;

    #[test]
    fn a_proxy_that_speaks_for_itself_names_nobody() {
        let bytes = with(LOCAL, TCP4, &[1; 12]);

        assert_eq!(parse(&bytes), Ok(Some((Header::default(), bytes.len()))));
    }

    #[test]
    fn a_family_that_is_not_of_the_internet_names_no_address() {
        for (family, body) in [(0x00, &[][..]), (0x00, &[9; 5]), (0x31, &[0; UNIX_BYTES])] {
            let bytes = with(PROXY, family, body);
            assert_eq!(parse(&bytes), Ok(Some((Header::default(), bytes.len()))));
        }
    }

    #[test]
    fn a_verified_certificate_has_a_name() {
        for (client, verify, expected) in [
            (0x03, 0, Some("sensor-1")),
            (0x05, 0, Some("sensor-1")),
            (0x01, 0, None),
            (0x03, 1, None),
        ] {
            let bytes = with_tlvs(&ssl(client, verify, b"sensor-1"));
            let (header, _) = parse(&bytes).expect("well formed").expect("whole");
            assert_eq!(header.common_name.as_deref(), expected, "{client} {verify}");
        }
    }

    #[test]
    fn a_name_that_is_no_text_is_none() {
        let (header, _) = parse(&with_tlvs(&ssl(3, 0, b"\xff"))).expect("fits").expect("whole");
        assert_eq!(header.common_name, None);
    }

    #[test]
    fn what_is_not_understood_is_passed_over() {
        let other = [&[0x04, 0, 2, 7, 7][..], &ssl(3, 0, b"a"), &[0xEE, 0, 0]].concat();
        let (header, _) = parse(&with_tlvs(&other)).expect("well formed").expect("whole");
        assert_eq!(header.common_name.as_deref(), Some("a"));
    }

    #[test]
    fn lengths_must_fit() {
        assert_eq!(parse(&with(PROXY, TCP4, &[0; 11])), Err(Malformed::Length));
        assert_eq!(parse(&with(PROXY, 0x21, &[0; 35])), Err(Malformed::Length));
        assert_eq!(parse(&with(PROXY, 0x31, &[0; UNIX_BYTES - 1])), Err(Malformed::Length));
        for tlvs in [
            &[4, 0][..],
            &[4, 0, 1],
            &[TLV_SSL, 0, 4, 3, 0, 0, 0],
            &[TLV_SSL, 0, 6, 3, 0, 0, 0, 0, 9],
        ] {
            assert_eq!(parse(&with_tlvs(tlvs)), Err(Malformed::Length), "{tlvs:?}");
        }
    }

    #[test]
    fn unknown_kinds_are_refused() {
        for (command, family) in [(0x22, TCP4), (0x11, TCP4), (PROXY, 0x41), (PROXY, 0x13)] {
            assert_eq!(parse(&with(command, family, &[0; 12])), Err(Malformed::Kind));
        }
    }

    #[test]
    fn a_header_has_a_length() {
        let filled = |total: usize| {
            let padding = total - 12 - 3;
            let mut body = vec![0; 12];
            body.extend([4, (padding >> 8) as u8, padding as u8]);
            body.resize(total, 0);
            with(PROXY, TCP4, &body)
        };
        assert!(matches!(parse(&filled(BODY_BYTES_MAX)), Ok(Some(_))));
        assert_eq!(parse(&filled(BODY_BYTES_MAX + 1)), Err(Malformed::TooLong));
    }

    /// The header for a connection between these two.
    pub fn header(source: SocketAddr, destination: SocketAddr) -> Vec<u8> {
        let octets = |address: SocketAddr| match address {
            SocketAddr::V4(v4) => v4.ip().octets().to_vec(),
            SocketAddr::V6(v6) => v6.ip().octets().to_vec(),
        };
        let family = if source.is_ipv4() { TCP4 } else { 0x21 };
        let ports = [source.port().to_be_bytes(), destination.port().to_be_bytes()].concat();
        with(PROXY, family, &[octets(source), octets(destination), ports].concat())
    }

    fn with(command: u8, family: u8, body: &[u8]) -> Vec<u8> {
        let length = u16::try_from(body.len()).expect("short").to_be_bytes();
        [&SIGNATURE[..], &[command, family], &length, body].concat()
    }

    fn with_tlvs(tlvs: &[u8]) -> Vec<u8> {
        with(PROXY, TCP4, &[&[0; 12], tlvs].concat())
    }

    fn ssl(client: u8, verify: u32, name: &[u8]) -> Vec<u8> {
        let name = tlv(TLV_SSL_COMMON_NAME, name);
        let version = tlv(0x21, b"TLSv1.3");
        tlv(TLV_SSL, &[&[client][..], &verify.to_be_bytes(), &version, &name].concat())
    }

    fn tlv(kind: u8, value: &[u8]) -> Vec<u8> {
        let length = u16::try_from(value.len()).expect("short").to_be_bytes();
        [&[kind][..], &length, value].concat()
    }
}

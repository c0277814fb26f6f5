use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;
use std::str::FromStr;

/// Addresses that begin alike, as in `192.0.2.0/24`. An IPv4 address that is mapped into IPv6 counts
/// as the IPv4 address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Network {
    address: IpAddr,
    prefix_bits: u8,
}

/// Why a text is no [`Network`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum NetworkError {
    /// Neither an address nor an address with a length.
    #[error("must be an IP address or a network, as in 192.0.2.7, 192.0.2.0/24 or 2001:db8::/32")]
    Unreadable,
    /// `192.0.2.7/24` is one or the other.
    #[error("has bits behind its length: is it one address, or a network?")]
    HostBits,
}

impl Network {
    /// What only this machine has.
    pub fn loopback() -> Vec<Self> {
        let v4 = Self { address: Ipv4Addr::new(127, 0, 0, 0).into(), prefix_bits: 8 };
        vec![v4, Self { address: Ipv6Addr::LOCALHOST.into(), prefix_bits: 128 }]
    }

    /// Whether `address` is one of it.
    pub fn contains(&self, address: IpAddr) -> bool {
        let address = address.to_canonical();
        self.address.is_ipv4() == address.is_ipv4()
            && self.prefix(address) == self.prefix(self.address)
    }

    /// The bits that count, in front of zeros.
    fn prefix(&self, address: IpAddr) -> u128 {
        let (bits, width) = match address {
            IpAddr::V4(address) => (u128::from(address.to_bits()), 32),
            IpAddr::V6(address) => (address.to_bits(), 128),
        };
        let rest = width - u32::from(self.prefix_bits);
        bits.checked_shr(rest).unwrap_or(0).checked_shl(rest).unwrap_or(0)
    }
}

impl FromStr for Network {
    type Err = NetworkError;

    fn from_str(text: &str) -> Result<Self, NetworkError> {
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let address: IpAddr = address.parse().map_err(|_| NetworkError::Unreadable)?;
        let canonical = address.to_canonical();
        if bits.is_some() && canonical != address {
            return Err(NetworkError::Unreadable);
        }
        let address = canonical;
        let width = if address.is_ipv4() { 32 } else { 128 };
        let digits = |bits: &&str| bits.bytes().all(|byte| byte.is_ascii_digit());
        let prefix_bits = match bits {
            None => width,
            Some(bits) => Some(bits)
                .filter(digits)
                .and_then(|bits| bits.parse().ok())
                .filter(|bits| *bits <= width)
                .ok_or(NetworkError::Unreadable)?,
        };
        let network = Self { address, prefix_bits };
        let whole = Self { address, prefix_bits: width };
        match network.prefix(address) == whole.prefix(address) {
            true => Ok(network),
            false => Err(NetworkError::HostBits),
        }
    }
}

impl fmt::Display for Network {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.address, self.prefix_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_are_compared_as_far_as_the_length_says() {
        for (network, address, expected) in [
            ("192.0.2.0/24", "192.0.2.255", true),
            ("192.0.2.0/24", "192.0.3.0", false),
            ("192.0.2.0/24", "::ffff:192.0.2.1", true),
            ("192.0.2.7", "192.0.2.7", true),
            ("192.0.2.7", "192.0.2.6", false),
            ("::ffff:192.0.2.7", "192.0.2.7", true),
            ("0.0.0.0/0", "198.51.100.1", true),
            ("0.0.0.0/0", "::1", false),
            ("::/0", "2001:db8::1", true),
            ("::/0", "192.0.2.1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/33", "2001:db8:8000::", false),
            ("::1/128", "::1", true),
        ] {
            let network: Network = network.parse().expect("valid");
            let address = address.parse().expect("an address");
            assert_eq!(network.contains(address), expected, "{network} {address}");
        }
    }

    #[test]
    fn what_is_no_network_is_refused() {
        for text in [
            "",
            "x",
            "192.0.2.0/33",
            "::/129",
            "192.0.2.0/",
            "192.0.2.0/+8",
            "1.2.3/8",
            "::ffff:192.0.2.0/120",
        ] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::Unreadable), "{text}");
        }
        for text in ["192.0.2.7/24", "2001:db8::1/32", "1.0.0.0/0"] {
            assert_eq!(text.parse::<Network>(), Err(NetworkError::HostBits), "{text}");
        }
    }

    #[test]
    fn a_network_is_written_as_it_is_read() {
        for text in ["192.0.2.0/24", "0.0.0.0/0", "2001:db8::/32"] {
            assert_eq!(text.parse::<Network>().expect("valid").to_string(), text);
        }
    }
}

use core::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::fmt;

/// The addresses that one subscriber of a network commonly has: one of IPv4, a /64 of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum AddressGroup {
    /// This address.
    V4(Ipv4Addr),
    /// All addresses that begin with these bits.
    V6(u64),
}

const HALF_BITS: u32 = 64;

impl From<IpAddr> for AddressGroup {
    /// An IPv4 address that came over IPv6 is that IPv4 address.
    fn from(address: IpAddr) -> Self {
        match address.to_canonical() {
            IpAddr::V4(address) => Self::V4(address),
            IpAddr::V6(address) => Self::V6((address.to_bits() >> HALF_BITS) as u64),
        }
    }
}

impl fmt::Display for AddressGroup {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::V4(address) => address.fmt(f),
            Self::V6(bits) => {
                let first = Ipv6Addr::from_bits(u128::from(*bits) << HALF_BITS);
                write!(f, "{first}/64")
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn addresses_of_one_subscriber_are_one_group() {
        for (one, other, same) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("192.0.2.1", "::ffff:192.0.2.1", true),
            ("2001:db8:1:2::1", "2001:db8:1:2:ffff::", true),
            ("2001:db8:1:2::1", "2001:db8:1:3::1", false),
        ] {
            assert_eq!(group(one) == group(other), same, "{one} and {other}");
        }
    }

    #[test]
    fn a_group_is_shown_as_addresses_are_written() {
        assert_eq!(group("192.0.2.1").to_string(), "192.0.2.1");
        assert_eq!(group("2001:db8:1:2:3::").to_string(), "2001:db8:1:2::/64");
        assert_eq!(group("::2").to_string(), "::/64");
    }

    fn group(text: &str) -> AddressGroup {
        text.parse::<IpAddr>().expect("an address").into()
    }
}

use std::net::IpAddr;

use crate::config::value::Entry;

/// The addresses that begin with the same bits, as in `10.0.0.0/8`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AddressRange {
    first: IpAddr,
    prefix_bits: u8,
}

impl AddressRange {
    /// Whether `address` is one of them. An IPv4 address that came over IPv6 is that IPv4 address.
    pub fn contains(&self, address: IpAddr) -> bool {
        match (self.first, address.to_canonical()) {
            (IpAddr::V4(first), IpAddr::V4(address)) => {
                let shift = 32 - u32::from(self.prefix_bits);
                shifted(first.to_bits().into(), shift) == shifted(address.to_bits().into(), shift)
            }
            (IpAddr::V6(first), IpAddr::V6(address)) => {
                let shift = 128 - u32::from(self.prefix_bits);
                shifted(first.to_bits(), shift) == shifted(address.to_bits(), shift)
            }
            _ => false,
        }
    }
}

fn shifted(bits: u128, by: u32) -> u128 {
    bits.checked_shr(by).unwrap_or(0)
}

impl Entry for AddressRange {
    fn read(text: &str) -> Result<Self, String> {
        let wrong = || format!("{text:?} is no address, as in \"192.0.2.1\" or \"10.0.0.0/8\"");
        let (address, bits) = match text.split_once('/') {
            Some((address, bits)) => (address, Some(bits)),
            None => (text, None),
        };
        let first: IpAddr = address.parse().map_err(|_| wrong())?;
        let all = if first.is_ipv4() { 32 } else { 128 };
        let prefix_bits = bits.map_or(Ok(all), str::parse).map_err(|_| wrong())?;
        if prefix_bits > all { Err(wrong()) } else { Ok(Self { first, prefix_bits }) }
    }

    fn show(&self) -> String {
        format!("{}/{}", self.first, self.prefix_bits)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_range_holds_what_begins_with_its_bits() {
        for (range, address, held) in [
            ("192.0.2.1", "192.0.2.1", true),
            ("192.0.2.1", "192.0.2.2", false),
            ("10.0.0.0/8", "10.255.255.255", true),
            ("10.0.0.0/8", "11.0.0.0", false),
            ("10.0.0.0/8", "::ffff:10.1.1.1", true),
            ("0.0.0.0/0", "203.0.113.9", true),
            ("0.0.0.0/0", "2001:db8::1", false),
            ("2001:db8::/32", "2001:db8:ffff::1", true),
            ("2001:db8::/32", "2001:db9::1", false),
            ("::/0", "2001:db9::1", true),
            ("::1", "::1", true),
        ] {
            let held_now = range_of(range).contains(address.parse().expect("an address"));
            assert_eq!(held_now, held, "{range} and {address}");
        }
    }

    #[test]
    fn more_bits_than_an_address_has_are_refused() {
        assert!(AddressRange::read("10.0.0.0/32").is_ok());
        for text in ["10.0.0.0/33", "::/129", "10.0.0.0/", "10.0.0.0/-1", "host", ""] {
            assert!(AddressRange::read(text).is_err(), "{text}");
        }
    }

    #[test]
    fn it_is_shown_as_it_is_read() {
        assert_eq!(range_of("::1").show(), "::1/128");
        assert_eq!(range_of("10.0.0.0/8").show(), "10.0.0.0/8");
    }

    fn range_of(text: &str) -> AddressRange {
        AddressRange::read(text).expect("a range")
    }
}

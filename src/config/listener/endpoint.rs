use std::fmt;
use std::net::SocketAddr;
use std::path::PathBuf;

use crate::config::value::{Range, Value, Written};

/// Where a listener is reached.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// By TCP; port 0 is a free one of the system's choice.
    Tcp(SocketAddr),
    /// By a file of this machine.
    Unix(UnixSocket),
}

/// A socket in the file system.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnixSocket {
    /// Where it stands while the broker runs.
    pub path: PathBuf,
    /// Who may connect.
    pub mode: FileMode,
}

/// Permissions of a file, written as octal digits: `"0660"`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMode(pub u32);

const MODE_MAX: u32 = 0o777;

impl Endpoint {
    /// The address, where it has one.
    pub fn address(&self) -> Option<SocketAddr> {
        match self {
            Self::Tcp(address) => Some(*address),
            Self::Unix(_) => None,
        }
    }

    /// Whether no other machine can reach it.
    pub fn is_local(&self) -> bool {
        self.address().is_none_or(|address| address.ip().to_canonical().is_loopback())
    }
}

impl fmt::Display for Endpoint {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp(address) => address.fmt(f),
            Self::Unix(socket) => socket.path.display().fmt(f),
        }
    }
}

impl Default for FileMode {
    /// The owner and the group.
    fn default() -> Self {
        Self(0o660)
    }
}

impl Value for FileMode {
    fn read(written: &Written<'_>, range: &Range) -> Result<Self, String> {
        let text = written.text().map_err(|_| written.instead_of(&Self::allowed(range)))?;
        match u32::from_str_radix(text, 8) {
            Ok(mode) if mode <= MODE_MAX => Ok(Self(mode)),
            _ => Err(written.instead_of(&Self::allowed(range))),
        }
    }

    fn show(&self) -> String {
        format!("\"{:04o}\"", self.0)
    }

    fn allowed(_: &Range) -> String {
        "octal digits in quotes, as in \"0660\"".into()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn permissions_are_octal_digits_up_to_777() {
        assert_eq!(read("0660"), Some(0o660));
        assert_eq!(read("777"), Some(0o777));
        assert_eq!(read("1000"), None);
        assert_eq!(read("0680"), None);
        assert_eq!(read("-1"), None);
        assert_eq!(FileMode(0o600).show(), "\"0600\"");
    }

    #[test]
    fn a_number_is_not_taken_for_octal_digits() {
        assert!(FileMode::read(&Written::Number(660), &None).is_err());
    }

    #[test]
    fn files_and_loopback_addresses_are_local() {
        let unix = UnixSocket { path: "/run/mqtt".into(), mode: FileMode::default() };
        assert!(Endpoint::Unix(unix).is_local());
        for (address, local) in [
            ("127.0.0.1:1", true),
            ("[::1]:1", true),
            ("[::ffff:127.0.0.1]:1", true),
            ("0.0.0.0:1", false),
        ] {
            let address = address.parse().expect("an address");
            assert_eq!(Endpoint::Tcp(address).is_local(), local, "{address}");
        }
    }

    fn read(text: &str) -> Option<u32> {
        FileMode::read(&Written::Text(text), &None).ok().map(|mode| mode.0)
    }
}

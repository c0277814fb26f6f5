use std::io;

use rustix::rand::{GetRandomFlags, getrandom};

/// `N` bytes that nobody can foresee, from the operating system.
///
/// # Errors
///
/// Those of the system.
pub fn random<const N: usize>() -> io::Result<[u8; N]> {
    let mut bytes = [0; N];
    let mut filled = 0;
    while filled < N {
        filled += getrandom(&mut bytes[filled..], GetRandomFlags::empty())?;
    }
    Ok(bytes)
}

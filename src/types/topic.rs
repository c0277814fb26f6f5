//! Topic names: what a PUBLISH is addressed to.

use memchr::memchr3;

/// Whether `name` may stand in a PUBLISH: not empty, no wildcard, no NUL
/// (`[MQTT-3.3.2-2]`, `[MQTT-4.7.3-1]`, `[MQTT-4.7.3-2]`).
/// Its length is bounded by the length field of a string, 65,535 bytes (`[MQTT-4.7.3-3]`).
pub fn is_valid_name(name: &str) -> bool {
    !name.is_empty()
        && name.len() <= usize::from(u16::MAX)
        && memchr3(b'+', b'#', 0, name.as_bytes()).is_none()
}

/// Whether leading wildcards pass this topic by (`[MQTT-4.7.2-1]`).
pub fn is_reserved(name: &str) -> bool {
    name.starts_with('$')
}

/// The levels between the slashes; empty ones count.
pub fn levels(name: &str) -> std::str::Split<'_, char> {
    name.split('/')
}

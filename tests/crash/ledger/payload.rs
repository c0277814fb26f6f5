/// A payload that carries `number`. Most are short; some are longer than what the broker copies,
/// some longer than a piece of a record. Among those to be retained some are empty and clear their
/// topic.
pub fn payload(topic: &str, number: u64) -> Vec<u8> {
    if clears(topic, number) {
        return Vec::new();
    }
    let padding = match number {
        _ if number % 89 == 7 => 70_000,
        _ if number % 13 == 5 => 3_000,
        _ => number as usize % 50,
    };
    let mut payload = format!("{number}:").into_bytes();
    payload.resize(payload.len() + padding, b'.');
    payload
}

/// The number in a payload, of which every byte is as it was sent.
pub fn number_in(topic: &str, bytes: &[u8]) -> Option<u64> {
    let end = bytes.iter().position(|&byte| byte == b':')?;
    let number = std::str::from_utf8(&bytes[..end]).ok()?.parse().ok()?;
    (payload(topic, number) == bytes).then_some(number)
}

/// Whether this message of `topic` clears it.
pub fn clears(topic: &str, number: u64) -> bool {
    topic.starts_with("r/") && number % 4 == 3
}

use base64::Engine;
use base64::alphabet::STANDARD;
use base64::engine::{DecodePaddingMode, GeneralPurpose, GeneralPurposeConfig};

/// Base64 that takes what it reads with `=` at the end and without, and writes it with.
const PADDED: GeneralPurpose = GeneralPurpose::new(&STANDARD, READ_BOTH);
const BARE: GeneralPurpose = GeneralPurpose::new(&STANDARD, READ_BOTH.with_encode_padding(false));
const READ_BOTH: GeneralPurposeConfig =
    GeneralPurposeConfig::new().with_decode_padding_mode(DecodePaddingMode::Indifferent);

/// The bytes of `text`, if it is base64 and has as many of them as `len` allows.
pub fn decoded(text: &str, len: std::ops::RangeInclusive<usize>) -> Option<Box<[u8]>> {
    // Four characters are at most three bytes: a longer text need not be looked at.
    if text.len() > len.end() / 3 * 4 + 8 {
        return None;
    }
    let bytes = PADDED.decode(text).ok()?;
    len.contains(&bytes.len()).then(|| bytes.into())
}

/// `bytes` as base64 with padding.
pub fn padded(bytes: &[u8]) -> String {
    PADDED.encode(bytes)
}

/// `bytes` as base64 without padding.
pub fn bare(bytes: &[u8]) -> String {
    BARE.encode(bytes)
}

use fulmar::types::Protocol;
use proptest::prelude::*;
use proptest::sample::select;

use super::packets::packet_of_any_version;
use super::robustness::mutations;
use super::{VERSIONS, encoded, parsed};

proptest! {
    #[test]
    fn what_was_written_is_read_back((protocol, packet) in packet_of_any_version()) {
        let bytes = encoded(&packet, protocol);
        prop_assert_eq!(parsed(&bytes, protocol), Ok(Some(packet)));
    }

    #[test]
    fn what_was_read_is_written_in_its_one_short_form(
        (protocol, packet) in packet_of_any_version(),
        change in mutations(),
    ) {
        let bytes = change.apply(&encoded(&packet, protocol));
        assert_canonical(&bytes, protocol)?;
    }

    #[test]
    fn a_packet_read_in_another_version_is_written_in_that_version(
        (protocol, packet) in packet_of_any_version(),
        other in select(&VERSIONS[..]),
    ) {
        assert_canonical(&encoded(&packet, protocol), other)?;
    }
}

/// Whatever is accepted says the same when it is written, in no more bytes, and then stays.
fn assert_canonical(bytes: &[u8], protocol: Protocol) -> Result<(), TestCaseError> {
    let Ok(Some(packet)) = parsed(bytes, protocol) else { return Ok(()) };
    let canonical = encoded(&packet, protocol);
    prop_assert!(canonical.len() <= bytes.len());
    let again = parsed(&canonical, protocol);
    prop_assert_eq!(again.clone(), Ok(Some(packet)));
    let again = again.expect("just compared").expect("just compared");
    prop_assert_eq!(encoded(&again, protocol), canonical);
    Ok(())
}

#![no_main]
//! PROXY headers of either version: read or refused, and the same however many bytes stand behind.

use fulmar::net::proxy::parse;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|bytes: &[u8]| {
    for signature in [&b""[..], b"PROXY ", b"\r\n\r\n\0\r\nQUIT\n\x21"] {
        let bytes = [signature, bytes].concat();
        if let Ok(Some((header, length))) = parse(&bytes) {
            assert!(length <= bytes.len());
            assert_eq!(parse(&bytes[..length]), Ok(Some((header, length))));
            assert_eq!(parse(&bytes[..length - 1]), Ok(None));
        }
    }
});

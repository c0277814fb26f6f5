//! Who does the cryptography, named here and nowhere else: another one in the process changes
//! nothing for us.

use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::ProducesTickets;

#[cfg(feature = "aws-lc-rs")]
use rustls::crypto::aws_lc_rs as chosen;
#[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
use rustls::crypto::ring as chosen;

#[cfg(not(any(feature = "aws-lc-rs", feature = "ring")))]
compile_error!("TLS needs one of the features aws-lc-rs and ring");

use crate::config::CipherSuite;

/// The cryptography with these cipher suites, the first most wanted; none are all of them.
pub fn crypto_provider(ciphers: &[CipherSuite]) -> Arc<CryptoProvider> {
    let mut provider = chosen::default_provider();
    if !ciphers.is_empty() {
        let known = std::mem::take(&mut provider.cipher_suites);
        let find =
            |cipher: &CipherSuite| known.iter().find(|suite| name(suite) == cipher.0).copied();
        provider.cipher_suites = ciphers.iter().filter_map(find).collect();
    }
    Arc::new(provider)
}

/// What seals the tickets by which clients resume sessions, with keys that nobody else has.
///
/// # Errors
///
/// The system has no randomness.
pub fn ticketer() -> Result<Arc<dyn ProducesTickets>, rustls::Error> {
    chosen::Ticketer::new()
}

/// SHA-256 of `bytes`.
pub fn sha256(bytes: &[u8]) -> [u8; 32] {
    let suite = chosen::cipher_suite::TLS13_AES_128_GCM_SHA256;
    let suite = suite.tls13().expect("it is a suite of TLS 1.3");
    let hash = suite.common.hash_provider.hash(bytes);
    hash.as_ref().try_into().expect("SHA-256 is 32 bytes long")
}

fn name(suite: &rustls::SupportedCipherSuite) -> String {
    format!("{:?}", suite.suite())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::CIPHER_SUITES;

    #[test]
    fn every_suite_that_can_be_configured_is_there_and_no_other() {
        let mut known: Vec<String> = crypto_provider(&[]).cipher_suites.iter().map(name).collect();
        let mut named = CIPHER_SUITES.to_vec();
        known.sort();
        named.sort_unstable();

        assert_eq!(known, named);
    }

    #[test]
    fn suites_are_preferred_in_the_order_in_which_they_are_written() {
        let wanted = [CipherSuite(CIPHER_SUITES[2]), CipherSuite(CIPHER_SUITES[0])];

        let names: Vec<String> = crypto_provider(&wanted).cipher_suites.iter().map(name).collect();

        assert_eq!(names, [CIPHER_SUITES[2], CIPHER_SUITES[0]]);
    }

    #[test]
    fn the_hash_is_sha_256() {
        assert_eq!(sha256(b"abc")[..4], [0xba, 0x78, 0x16, 0xbf]);
    }
}

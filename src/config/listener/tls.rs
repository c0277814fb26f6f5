use super::Files;
use crate::config::choice::choices;
use crate::config::value::{Entry, Range, Value, Written};

/// How a listener encrypts its connections.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tls {
    /// Certificates in PEM, each with its chain behind it. The first is for clients that name no
    /// server, or one that no certificate is for.
    pub cert: Files,
    /// Their private keys in PEM, in the same order; none if each stands in its certificate's file.
    pub key: Files,
    /// Authorities in PEM that client certificates come from.
    pub ca: Files,
    /// Lists in PEM of client certificates that these authorities have revoked.
    pub crl: Files,
    /// Whether clients show a certificate.
    pub client_certificates: ClientCertificates,
    /// The oldest version that is spoken.
    pub minimum_version: TlsVersion,
    /// Cipher suites by preference; none for all that are safe.
    pub ciphers: Vec<CipherSuite>,
    /// Whether private keys may be readable for other users.
    pub allow_readable_key: bool,
}

/// The name of a cipher suite, one of [`CIPHER_SUITES`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct CipherSuite(pub &'static str);

/// Every cipher suite that can be chosen, as the IANA names them but for `TLS13`.
pub const CIPHER_SUITES: &[&str] = &[
    "TLS13_AES_256_GCM_SHA384",
    "TLS13_AES_128_GCM_SHA256",
    "TLS13_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256",
    "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384",
    "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256",
    "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256",
];

choices! {
    /// Whether the clients of a listener show a certificate.
    #[derive(Default)]
    ClientCertificates {
        /// They are not asked for one.
        #[default]
        Off = "off",
        /// Those that have one show it; the others come in without.
        Optional = "optional",
        /// Without one nobody comes in.
        Required = "required",
    }

    /// A version of TLS.
    #[derive(Default)]
    TlsVersion {
        /// Of 2008.
        #[default]
        V12 = "1.2",
        /// Of 2018.
        V13 = "1.3",
    }
}

impl Tls {
    /// What contradicts itself, by key.
    pub(super) fn mistakes(&self) -> Vec<(&'static str, String)> {
        let (certs, keys) = (self.cert.len(), self.key.len());
        let asks = self.client_certificates != ClientCertificates::Off;
        let mut found = Vec::new();
        if certs == 0 {
            found.push(("tls.cert", "is missing: mqtts and wss need a certificate".into()));
        } else if keys != 0 && keys != certs {
            found.push((
                "tls.key",
                format!("must name as many files as tls.cert: {certs}, not {keys}"),
            ));
        }
        if asks && self.ca.is_empty() {
            found.push(("tls.ca", "is missing: client certificates come from an authority".into()));
        }
        if !asks && !self.ca.is_empty() {
            found.push((
                "tls.ca",
                "needs tls.client_certificates = \"optional\" or \"required\"".into(),
            ));
        }
        if !asks && !self.crl.is_empty() {
            found.push((
                "tls.crl",
                "needs tls.client_certificates = \"optional\" or \"required\"".into(),
            ));
        }
        found.extend(self.without_a_suite());
        found
    }

    /// The oldest version must find a cipher suite of its own or a newer one.
    fn without_a_suite(&self) -> Option<(&'static str, String)> {
        let new = self.ciphers.iter().filter(|suite| suite.0.starts_with("TLS13_")).count();
        let lacks = self.minimum_version == TlsVersion::V13 && new == 0 && !self.ciphers.is_empty();
        lacks.then(|| ("tls.ciphers", "names none of TLS 1.3, which is all that is spoken".into()))
    }
}

impl Entry for CipherSuite {
    fn read(text: &str) -> Result<Self, String> {
        let known = CIPHER_SUITES.iter().find(|name| **name == text);
        let wrong = || format!("{text:?} is none of {}", CIPHER_SUITES.join(", "));
        known.map(|name| Self(name)).ok_or_else(wrong)
    }

    fn show(&self) -> String {
        self.0.into()
    }
}

use x509_parser::extensions::GeneralName;
use x509_parser::prelude::{FromDer, X509Certificate};
use x509_parser::time::ASN1Time;

use super::provider::sha256;
use crate::auth::Certificate;
use crate::types::Timestamp;

/// What a certificate says.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Facts {
    /// Of its holder.
    pub holder: Certificate,
    /// The first moment at which it is valid.
    pub not_before: Timestamp,
}

impl Facts {
    /// Reads a certificate in DER; `None` if it is none.
    pub fn read(der: &[u8]) -> Option<Self> {
        let (_, certificate) = X509Certificate::from_der(der).ok()?;
        let mut holder = Certificate {
            common_name: common_name(&certificate),
            san_dns: Vec::new(),
            san_email: Vec::new(),
            san_uri: Vec::new(),
            fingerprint_sha256: sha256(der),
            not_after: timestamp(certificate.validity().not_after),
        };
        if let Ok(Some(names)) = certificate.subject_alternative_name() {
            names.value.general_names.iter().for_each(|name| add(name, &mut holder));
        }
        Some(Self { holder, not_before: timestamp(certificate.validity().not_before) })
    }

    /// How it is called in the log: its common name, or its first alternative one.
    pub fn name(&self) -> &str {
        let Certificate { common_name, san_dns, san_uri, san_email, .. } = &self.holder;
        let mut alternatives = san_dns.iter().chain(san_uri).chain(san_email);
        common_name.as_ref().or_else(|| alternatives.next()).map_or("(no name)", String::as_str)
    }
}

/// The last one: the most specific part of the name stands behind the others.
fn common_name(certificate: &X509Certificate<'_>) -> Option<String> {
    let name = certificate.subject().iter_common_name().last()?;
    name.as_str().ok().map(str::to_owned)
}

fn add(name: &GeneralName<'_>, holder: &mut Certificate) {
    match name {
        GeneralName::DNSName(name) => holder.san_dns.push((*name).into()),
        GeneralName::RFC822Name(name) => holder.san_email.push((*name).into()),
        GeneralName::URI(name) => holder.san_uri.push((*name).into()),
        _ => {}
    }
}

/// A time before 1970 counts as 1970.
fn timestamp(time: ASN1Time) -> Timestamp {
    Timestamp(u64::try_from(time.timestamp()).unwrap_or(0).saturating_mul(1_000))
}

#[cfg(test)]
mod tests {
    use proptest::collection::vec;
    use proptest::prelude::*;
    use rcgen::{CertificateParams, DnType, KeyPair, SanType, date_time_ymd};

    use super::*;

    #[test]
    fn names_and_times_are_read() {
        let mut params = CertificateParams::new(vec!["sensor.example.org".into()]).expect("a name");
        params.distinguished_name.push(DnType::CommonName, "sensor-1");
        let uri = "urn:dev:mac:0024befffe804ff1".try_into().expect("ASCII");
        let mail = "sensor@example.org".try_into().expect("ASCII");
        params.subject_alt_names.extend([SanType::URI(uri), SanType::Rfc822Name(mail)]);
        params.not_before = date_time_ymd(2024, 1, 1);
        params.not_after = date_time_ymd(2024, 1, 2);
        let key = KeyPair::generate().expect("a key");
        let der = params.self_signed(&key).expect("a certificate").der().to_vec();

        let facts = Facts::read(&der).expect("a certificate");

        assert_eq!(facts.name(), "sensor-1");
        assert_eq!(facts.holder.san_dns, ["sensor.example.org"]);
        assert_eq!(facts.holder.san_uri, ["urn:dev:mac:0024befffe804ff1"]);
        assert_eq!(facts.holder.san_email, ["sensor@example.org"]);
        assert_eq!(facts.holder.fingerprint_sha256, sha256(&der));
        assert_eq!(facts.not_before, Timestamp(1_704_067_200_000));
        assert_eq!(facts.holder.not_after, Timestamp(1_704_153_600_000));
    }

    proptest! {
        #[test]
        fn no_bytes_panic(bytes in vec(any::<u8>(), 0..300)) {
            let _ = Facts::read(&bytes);
        }
    }
}

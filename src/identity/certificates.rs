use crate::auth::{Certificate, Login, Verdict};

/// Which part of a client certificate is the user name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum CertificateUser {
    /// The common name of the subject.
    CommonName,
    /// The first DNS name among the subject's alternative names.
    Dns,
    /// The first mail address among them.
    Email,
    /// The first URI among them.
    Uri,
}

impl CertificateUser {
    /// Accepts whoever has a certificate with such a name; a user name and a password beside it are
    /// not looked at. Without one it is not its own.
    pub fn check(self, login: &Login) -> Verdict {
        let Some(certificate) = &login.peer.certificate else {
            return Verdict::NotMine("it showed no certificate");
        };
        let usable = |name: &&str| !name.is_empty() && !name.contains('\0');
        match self.name(certificate).filter(usable) {
            Some(name) => Verdict::accept(name),
            None => Verdict::NotMine("its certificate names no user"),
        }
    }

    fn name(self, certificate: &Certificate) -> Option<&str> {
        match self {
            Self::CommonName => certificate.common_name.as_deref(),
            Self::Dns => certificate.san_dns.first().map(String::as_str),
            Self::Email => certificate.san_email.first().map(String::as_str),
            Self::Uri => certificate.san_uri.first().map(String::as_str),
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::auth::PeerInfo;
    use crate::types::{ClientId, Timestamp};

    #[test]
    fn the_configured_part_is_the_user_name() {
        for (part, name) in [
            (CertificateUser::CommonName, "common"),
            (CertificateUser::Dns, "a.example"),
            (CertificateUser::Email, "a@example"),
            (CertificateUser::Uri, "urn:a"),
        ] {
            assert_eq!(part.check(&login(Some(full()))), Verdict::accept(name));
        }
    }

    #[test]
    fn without_the_part_or_without_a_certificate_another_source_is_asked() {
        let bare = Certificate { common_name: Some(String::new()), san_uri: Vec::new(), ..full() };
        for part in [CertificateUser::CommonName, CertificateUser::Uri] {
            for certificate in [None, Some(bare.clone())] {
                assert!(matches!(part.check(&login(certificate)), Verdict::NotMine(_)), "{part:?}");
            }
        }
    }

    fn login(certificate: Option<Certificate>) -> Login {
        let peer = PeerInfo { certificate: certificate.map(Arc::new), ..PeerInfo::default() };
        let (username, password) = (Some("other".to_owned()), Some(b"wrong".to_vec()));
        Login { client_id: ClientId::new("c"), username, password, peer }
    }

    fn full() -> Certificate {
        Certificate {
            common_name: Some("common".into()),
            san_dns: vec!["a.example".into(), "b.example".into()],
            san_email: vec!["a@example".into()],
            san_uri: vec!["urn:a".into()],
            fingerprint_sha256: [0; 32],
            not_after: Timestamp::NEVER,
        }
    }
}

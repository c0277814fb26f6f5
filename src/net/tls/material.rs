use std::path::{Path, PathBuf};
use std::sync::Arc;

use rustls::crypto::CryptoProvider;
use rustls::server::WebPkiClientVerifier;
use rustls::server::danger::ClientCertVerifier;
use rustls::sign::CertifiedKey;
use rustls::{RootCertStore, ServerConfig};

use super::certificate::Facts;
use super::files;
use super::names::{Named, Names};
use super::{Expiry, provider};
use crate::config::{ClientCertificates, Tls, TlsVersion};
use crate::net::FileError;

/// Everything that the files of a TLS listener hold, ready for handshakes.
#[derive(Debug)]
pub struct Material {
    /// For handshakes.
    pub config: Arc<ServerConfig>,
    /// When its certificates end.
    pub expiries: Vec<Expiry>,
}

/// TLS 1.3 first.
const VERSIONS: &[&rustls::SupportedProtocolVersion] =
    &[&rustls::version::TLS13, &rustls::version::TLS12];

impl Material {
    /// Reads the files of `tls`; `protocol` is what clients may name by ALPN.
    ///
    /// Sessions begun before cannot be resumed with it: whoever was let in by certificates that are
    /// no longer trusted has to show them again.
    ///
    /// # Errors
    ///
    /// Everything that is wrong with any file.
    pub fn read(tls: &Tls, protocol: &[u8]) -> Result<Self, Vec<FileError>> {
        let provider = provider::crypto_provider(&tls.ciphers);
        let (mut problems, mut expiries) = (Vec::new(), Vec::new());
        let named = read_certificates(tls, &provider, &mut expiries, &mut problems);
        let verifier = client_verifier(tls, &provider, &mut expiries, &mut problems);
        match (verifier, problems.is_empty()) {
            (Some(verifier), true) => {
                let config = server_config(tls, provider, verifier, Names::new(named), protocol);
                let config = config.map_err(|error| vec![about(&tls.cert[0], &error)])?;
                Ok(Self { config: Arc::new(config), expiries })
            }
            _ => Err(problems),
        }
    }
}

fn server_config(
    tls: &Tls,
    provider: Arc<CryptoProvider>,
    verifier: Arc<dyn ClientCertVerifier>,
    names: Names,
    protocol: &[u8],
) -> Result<ServerConfig, rustls::Error> {
    let newest = match tls.minimum_version {
        TlsVersion::V12 => VERSIONS,
        TlsVersion::V13 => &VERSIONS[..1],
    };
    // A version without a suite of its own would be an error instead of a version less.
    let spoken = |version: &&&rustls::SupportedProtocolVersion| {
        provider.cipher_suites.iter().any(|suite| suite.version().version == version.version)
    };
    let versions: Vec<_> = newest.iter().filter(spoken).copied().collect();
    let mut config = ServerConfig::builder_with_provider(provider)
        .with_protocol_versions(&versions)?
        .with_client_cert_verifier(verifier)
        .with_cert_resolver(Arc::new(names));
    config.alpn_protocols = vec![protocol.to_vec()];
    config.ticketer = provider::ticketer()?;
    config.ignore_client_order = !tls.ciphers.is_empty();
    Ok(config)
}

fn read_certificates(
    tls: &Tls,
    provider: &CryptoProvider,
    expiries: &mut Vec<Expiry>,
    problems: &mut Vec<FileError>,
) -> Vec<Named> {
    let mut named = Vec::new();
    for (index, path) in tls.cert.iter().enumerate() {
        let key_path = tls.key.get(index).unwrap_or(path);
        match read_certificate(path, key_path, tls.allow_readable_key, provider) {
            Ok((certificate, facts)) => {
                expiries.push(Expiry::new(path, &facts));
                named.push(certificate);
            }
            Err(found) => problems.extend(found),
        }
    }
    named
}

fn read_certificate(
    path: &Path,
    key_path: &Path,
    allow_readable_key: bool,
    provider: &CryptoProvider,
) -> Result<(Named, Facts), Vec<FileError>> {
    let chain = files::certificates(path);
    let key = files::private_key(key_path, allow_readable_key);
    let (chain, key) = match (chain, key) {
        (Ok(chain), Ok(key)) => (chain, key),
        (chain, key) => return Err(chain.err().into_iter().chain(key.err()).collect()),
    };
    let facts = Facts::read(&chain[0])
        .ok_or_else(|| vec![FileError::new(path, "its first certificate cannot be read")])?;
    let key = CertifiedKey::from_der(chain, key, provider).map_err(|error| match error {
        rustls::Error::InconsistentKeys(_) => {
            let what = format!("is not the key of the certificate in {}", path.display());
            vec![FileError::new(key_path, what)]
        }
        error => vec![about(key_path, &error)],
    })?;
    Ok((Named { names: facts.holder.san_dns.clone(), key: Arc::new(key) }, facts))
}

fn client_verifier(
    tls: &Tls,
    provider: &Arc<CryptoProvider>,
    expiries: &mut Vec<Expiry>,
    problems: &mut Vec<FileError>,
) -> Option<Arc<dyn ClientCertVerifier>> {
    if tls.client_certificates == ClientCertificates::Off {
        return Some(WebPkiClientVerifier::no_client_auth());
    }
    let roots = roots(&tls.ca, expiries, problems);
    let lists = gather(&tls.crl, files::revocation_lists, problems);
    if !problems.is_empty() {
        return None;
    }
    let lists = lists.into_iter().map(|(_, list)| list);
    let builder =
        WebPkiClientVerifier::builder_with_provider(Arc::new(roots), Arc::clone(provider))
            .with_crls(lists)
            .only_check_end_entity_revocation();
    let builder = match tls.client_certificates {
        ClientCertificates::Optional => builder.allow_unauthenticated(),
        _ => builder,
    };
    let file = tls.crl.first().or(tls.ca.first())?;
    let told =
        |error: rustls::server::VerifierBuilderError| FileError::new(file, error.to_string());
    builder.build().map_err(|error| problems.push(told(error))).ok()
}

fn roots(
    paths: &[PathBuf],
    expiries: &mut Vec<Expiry>,
    problems: &mut Vec<FileError>,
) -> RootCertStore {
    let mut roots = RootCertStore::empty();
    for (path, certificate) in gather(paths, files::certificates, problems) {
        if let Some(facts) = Facts::read(&certificate) {
            expiries.push(Expiry::new(path, &facts));
        }
        if let Err(error) = roots.add(certificate) {
            problems.push(about(path, &error));
        }
    }
    roots
}

/// What each of the files holds, with the file.
fn gather<'a, T>(
    paths: &'a [PathBuf],
    read: impl Fn(&Path) -> Result<Vec<T>, FileError>,
    problems: &mut Vec<FileError>,
) -> Vec<(&'a Path, T)> {
    let mut found = Vec::new();
    for path in paths {
        match read(path) {
            Ok(all) => found.extend(all.into_iter().map(|one| (path.as_path(), one))),
            Err(problem) => problems.push(problem),
        }
    }
    found
}

fn about(path: &Path, error: &rustls::Error) -> FileError {
    FileError::new(path, error.to_string())
}

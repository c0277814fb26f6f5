use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::{Path, PathBuf};

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

/// Most bytes of one file: lists of revoked certificates may be long.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Whoever is neither the owner of the file nor of its group.
const OTHERS: u32 = 0o007;

/// What is wrong with a file of a TLS listener.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}: {what}", path.display())]
pub struct FileProblem {
    /// Which file.
    pub path: PathBuf,
    /// What is wrong with it.
    pub what: String,
}

impl FileProblem {
    /// `what` about the file at `path`.
    pub fn new(path: &Path, what: impl Into<String>) -> Self {
        Self { path: path.into(), what: what.into() }
    }
}

/// The certificates in a file: at least one.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileProblem> {
    sections(path, "certificate")
}

/// The lists of revoked certificates in a file: at least one.
pub fn revocation_lists(
    path: &Path,
) -> Result<Vec<CertificateRevocationListDer<'static>>, FileProblem> {
    sections(path, "list of revoked certificates")
}

/// The private key in a file, which nobody else may be able to read.
pub fn private_key(
    path: &Path,
    allow_readable: bool,
) -> Result<PrivateKeyDer<'static>, FileProblem> {
    let file = open(path)?;
    let mode = file.metadata().map_err(|error| unreadable(path, &error))?.mode();
    if mode & OTHERS != 0 && !allow_readable {
        let what = format!(
            "everybody can read this private key (mode {:04o}): chmod 600, \
             or set tls.allow_readable_key = true",
            mode & 0o7777
        );
        return Err(FileProblem::new(path, what));
    }
    let pem = content(path, file)?;
    PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| FileProblem::new(path, "has no private key in PEM"))
}

fn sections<T: PemObject>(path: &Path, name: &str) -> Result<Vec<T>, FileProblem> {
    let pem = content(path, open(path)?)?;
    let sections: Vec<T> = T::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| FileProblem::new(path, format!("is no PEM: {error:?}")))?;
    if sections.is_empty() {
        return Err(FileProblem::new(path, format!("has no {name} in PEM")));
    }
    Ok(sections)
}

fn open(path: &Path) -> Result<File, FileProblem> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

fn content(path: &Path, file: File) -> Result<Vec<u8>, FileProblem> {
    let mut bytes = Vec::new();
    let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
    match read.map_err(|error| unreadable(path, &error))? as u64 {
        ..=FILE_BYTES_MAX => Ok(bytes),
        _ => Err(FileProblem::new(path, format!("is longer than {FILE_BYTES_MAX} bytes"))),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> FileProblem {
    FileProblem::new(path, format!("cannot be read: {error}"))
}

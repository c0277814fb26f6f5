use std::fs::File;
use std::io::Read;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use rustls::pki_types::pem::PemObject;
use rustls::pki_types::{CertificateDer, CertificateRevocationListDer, PrivateKeyDer};

use crate::net::FileError;

/// Most bytes of one file: lists of revoked certificates may be long.
pub const FILE_BYTES_MAX: u64 = 64 * 1024 * 1024;

/// Whoever is neither the owner of the file nor of its group.
const OTHERS: u32 = 0o007;

/// The certificates in a file: at least one.
pub fn certificates(path: &Path) -> Result<Vec<CertificateDer<'static>>, FileError> {
    sections(path, "certificate")
}

/// The lists of revoked certificates in a file: at least one.
pub fn revocation_lists(
    path: &Path,
) -> Result<Vec<CertificateRevocationListDer<'static>>, FileError> {
    sections(path, "list of revoked certificates")
}

/// The private key in a file, which nobody else may be able to read.
pub fn private_key(path: &Path, allow_readable: bool) -> Result<PrivateKeyDer<'static>, FileError> {
    let file = open(path)?;
    let mode = file.metadata().map_err(|error| unreadable(path, &error))?.mode();
    if mode & OTHERS != 0 && !allow_readable {
        let what = format!(
            "everybody can read this private key (mode {:04o}): chmod 600, \
             or set tls.allow_readable_key = true",
            mode & 0o7777
        );
        return Err(FileError::new(path, what));
    }
    let pem = content(path, file)?;
    PrivateKeyDer::from_pem_slice(&pem)
        .map_err(|_| FileError::new(path, "has no private key in PEM"))
}

fn sections<T: PemObject>(path: &Path, name: &str) -> Result<Vec<T>, FileError> {
    let pem = content(path, open(path)?)?;
    let sections: Vec<T> = T::pem_slice_iter(&pem)
        .collect::<Result<_, _>>()
        .map_err(|error| FileError::new(path, format!("is no PEM: {error:?}")))?;
    if sections.is_empty() {
        return Err(FileError::new(path, format!("has no {name} in PEM")));
    }
    Ok(sections)
}

fn open(path: &Path) -> Result<File, FileError> {
    File::open(path).map_err(|error| unreadable(path, &error))
}

fn content(path: &Path, file: File) -> Result<Vec<u8>, FileError> {
    let mut bytes = Vec::new();
    let read = file.take(FILE_BYTES_MAX + 1).read_to_end(&mut bytes);
    match read.map_err(|error| unreadable(path, &error))? as u64 {
        ..=FILE_BYTES_MAX => Ok(bytes),
        _ => Err(FileError::new(path, format!("is longer than {FILE_BYTES_MAX} bytes"))),
    }
}

fn unreadable(path: &Path, error: &std::io::Error) -> FileError {
    FileError::new(path, format!("cannot be read: {error}"))
}

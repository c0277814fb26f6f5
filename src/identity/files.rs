//! Files with secrets.

use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::net::FileError;

/// Permissions for users who are neither the owner nor of the group.
const OTHERS_WRITE: u32 = 0o002;
const OTHERS_READ: u32 = 0o004;

/// The bytes of the file at `path`, at most `bytes_max`. It is refused if every user of the machine
/// can change it, with `private` also if they can read it.
///
/// # Errors
///
/// [`FileError`].
pub fn read(path: &Path, bytes_max: usize, private: bool) -> Result<Vec<u8>, FileError> {
    let failed = |error: io::Error| FileError::new(path, format!("cannot be read: {error}"));
    let file = File::open(path).map_err(failed)?;
    let metadata = file.metadata().map_err(failed)?;
    if metadata.mode() & OTHERS_WRITE != 0 {
        return Err(FileError::new(path, "every user of this machine can change it: chmod o-w"));
    }
    if private && metadata.mode() & OTHERS_READ != 0 {
        let what = "every user of this machine can read it: chmod o-r, \
                    or set auth.allow_readable_files = true";
        return Err(FileError::new(path, what));
    }
    let mut bytes = Vec::new();
    file.take(bytes_max as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    if bytes.len() > bytes_max {
        return Err(FileError::new(path, format!("has more than {bytes_max} bytes")));
    }
    Ok(bytes)
}

#[cfg(test)]
mod tests {
    use std::fs::Permissions;
    use std::os::unix::fs::PermissionsExt;
    use std::path::PathBuf;

    use super::*;

    #[test]
    fn what_everybody_can_read_or_change_is_no_secret() {
        for (mode, private, is_read) in [
            (0o600, true, true),
            (0o640, true, true),
            (0o644, true, false),
            (0o602, true, false),
            (0o602, false, false),
            (0o644, false, true),
        ] {
            let (_directory, path) = file(b"x");
            std::fs::set_permissions(&path, Permissions::from_mode(mode)).expect("ours");

            assert_eq!(read(&path, 10, private).is_ok(), is_read, "{mode:o}");
        }
    }

    #[test]
    fn a_file_has_a_bounded_length() {
        let (_directory, path) = file(b"12345");

        assert_eq!(read(&path, 5, false).expect("five bytes"), b"12345");
        assert!(read(&path, 4, false).is_err());
    }

    fn file(bytes: &[u8]) -> (tempfile::TempDir, PathBuf) {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("file");
        std::fs::write(&path, bytes).expect("written");
        std::fs::set_permissions(&path, Permissions::from_mode(0o600)).expect("ours");
        (directory, path)
    }
}

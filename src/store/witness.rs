use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;
use std::path::Path;

use super::StoreError;

const FILE_NAME: &str = "acknowledged";
/// The count, and the count again with every bit turned over.
const BYTES: usize = 16;

/// Remembers, beside the engine's files, how many batches were durable.
///
/// An engine takes a damaged end of its log for a write that the crash cut off, and drops it without
/// a word. So each batch carries its number: a store whose last number is lower than the witness has
/// lost what was acknowledged. The witness is written after the batch is durable and never synced
/// for its own sake: it costs no wait, survives the process, and after a power cut it is at worst
/// behind, which accuses nobody wrongly.
#[derive(Debug)]
pub(super) struct Witness {
    file: File,
}

impl Witness {
    /// Makes the witness of a new engine, which has no batch yet. It is the caller's to sync.
    pub(super) fn create(directory: &Path) -> io::Result<()> {
        let witness = Self { file: File::create_new(directory.join(FILE_NAME))? };
        witness.record(0)
    }

    /// Removes the witness, so that another one can be made.
    pub(super) fn remove(directory: &Path) -> io::Result<()> {
        match std::fs::remove_file(directory.join(FILE_NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
            other => other,
        }
    }

    /// Opens the witness of an engine's directory and holds `count`, the number of the last batch
    /// that the engine has, against it.
    pub(super) fn open(directory: &Path, count: u64) -> Result<Self, StoreError> {
        let file = match File::options().read(true).write(true).open(directory.join(FILE_NAME)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                return Err(StoreError::damaged(directory, format!("{FILE_NAME} is missing")));
            }
            other => other?,
        };
        let witness = Self { file };
        match witness.count()? {
            Some(acknowledged) if count < acknowledged => {
                let lost = acknowledged - count;
                let what = format!("{lost} of {acknowledged} acknowledged batches are missing");
                Err(StoreError::damaged(directory, what))
            }
            Some(_) => Ok(witness),
            None => Err(StoreError::damaged(directory, format!("{FILE_NAME} cannot be read"))),
        }
    }

    /// All batches up to `count` are durable.
    pub(super) fn record(&self, count: u64) -> io::Result<()> {
        let mut bytes = [0; BYTES];
        bytes[..8].copy_from_slice(&count.to_be_bytes());
        bytes[8..].copy_from_slice(&(!count).to_be_bytes());
        // One write inside one sector: there is no moment at which half of it is there.
        self.file.write_all_at(&bytes, 0)
    }

    fn count(&self) -> io::Result<Option<u64>> {
        let mut bytes = [0; BYTES];
        match self.file.read_exact_at(&mut bytes, 0) {
            Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => return Ok(None),
            other => other?,
        }
        let half = |at: usize| u64::from_be_bytes(bytes[at..at + 8].try_into().expect("8 bytes"));
        Ok((half(0) == !half(8)).then(|| half(0)))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_store_that_has_less_than_was_acknowledged_is_damaged() {
        let dir = tempfile::tempdir().expect("temporary directory");
        Witness::create(dir.path()).expect("new");
        Witness::open(dir.path(), 0).expect("new").record(7).expect("written");

        Witness::open(dir.path(), 7).expect("all there");
        Witness::open(dir.path(), 8).expect("one more than was said");
        let error = Witness::open(dir.path(), 5).expect_err("two are missing");

        assert!(error.to_string().ends_with("2 of 7 acknowledged batches are missing"), "{error}");
    }

    #[test]
    fn a_witness_that_cannot_be_read_is_damage() {
        let dir = tempfile::tempdir().expect("temporary directory");
        for bytes in [&b""[..], &[0; 15], &[1; 16]] {
            std::fs::write(dir.path().join(FILE_NAME), bytes).expect("written");
            let error = Witness::open(dir.path(), 0).expect_err("unreadable");
            assert!(matches!(error, StoreError::Damaged { .. }), "{error}");
        }
    }

    #[test]
    fn a_witness_that_is_missing_is_damage() {
        let dir = tempfile::tempdir().expect("temporary directory");
        let error = Witness::open(dir.path(), 0).expect_err("there is none");
        assert!(error.to_string().ends_with("acknowledged is missing"), "{error}");
    }
}

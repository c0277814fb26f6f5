use std::fs::{self, File, OpenOptions, Permissions};
use std::io::{self, Read, Write};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt, chown};
use std::path::{Path, PathBuf};

use crate::auth::password::FILE_BYTES_MAX;

/// For the owner alone.
const MODE: u32 = 0o600;
/// How often another process may put a new file in place before this gives up.
const TRIES: usize = 100;

/// The text of the file at `path`.
///
/// # Errors
///
/// Why it cannot be read.
pub fn read(path: &Path) -> Result<String, String> {
    let file = File::open(path).map_err(|error| failed(path, &error))?;
    text(&file).map_err(|error| failed(path, &error))
}

/// Puts what `change` makes of the text of the file at `path` in its place, all at once: a broker that
/// reads it meanwhile, and whoever comes after a power cut, finds the one or the other. Two that do so
/// at the same time wait for each other. With `create` a file that is missing is an empty one.
///
/// # Errors
///
/// Why nothing was changed.
pub fn replace(
    path: &Path,
    create: bool,
    change: impl FnOnce(&str) -> Result<String, String>,
) -> Result<(), String> {
    let locked = lock(path, create).map_err(|error| failed(path, &error))?;
    let new = change(&text(&locked).map_err(|error| failed(path, &error))?)?;
    put(path, &locked, &new).map_err(|error| failed(path, &error))
}

/// The file that stands at `path` once nobody else holds it.
fn lock(path: &Path, create: bool) -> io::Result<File> {
    for _ in 0..TRIES {
        let mut options = OpenOptions::new();
        let file = options.read(true).write(true).create(create).mode(MODE).open(path)?;
        file.lock()?;
        let (ours, there) = (file.metadata()?, fs::metadata(path)?);
        if (ours.dev(), ours.ino()) == (there.dev(), there.ino()) {
            return Ok(file);
        }
    }
    Err(io::Error::new(io::ErrorKind::ResourceBusy, "others change it all the time"))
}

fn text(file: &File) -> io::Result<String> {
    let mut text = String::new();
    file.take(FILE_BYTES_MAX as u64 + 1).read_to_string(&mut text)?;
    Ok(text)
}

/// Writes beside the file, and moves that over it.
fn put(path: &Path, old: &File, text: &str) -> io::Result<()> {
    // A link stays one: what it leads to is replaced.
    let path = path.canonicalize()?;
    let new_path = beside(&path);
    let _ = fs::remove_file(&new_path);
    let mut new = OpenOptions::new().write(true).create_new(true).mode(MODE).open(&new_path)?;
    let written = write(&mut new, &new_path, old, text).and_then(|()| fs::rename(&new_path, &path));
    if written.is_err() {
        // What is left of it would be in the way of nobody.
        let _ = fs::remove_file(&new_path);
    }
    written?;
    path.parent().map_or(Ok(()), |directory| File::open(directory)?.sync_all())
}

fn write(new: &mut File, new_path: &Path, old: &File, text: &str) -> io::Result<()> {
    let metadata = old.metadata()?;
    let ours = new.metadata()?;
    if (metadata.uid(), metadata.gid()) != (ours.uid(), ours.gid()) {
        // Else the broker could not read it any more.
        chown(new_path, Some(metadata.uid()), Some(metadata.gid()))?;
    }
    new.set_permissions(Permissions::from_mode(metadata.mode() & 0o777))?;
    new.write_all(text.as_bytes())?;
    new.sync_all()
}

fn beside(path: &Path) -> PathBuf {
    let mut name = path.file_name().unwrap_or_default().to_owned();
    name.push(".new");
    path.with_file_name(name)
}

fn failed(path: &Path, error: &io::Error) -> String {
    format!("{}: {error}", path.display())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_new_file_is_for_its_owner_alone_and_an_old_one_stays_as_it_is() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("passwords");

        replace(&path, true, |text| Ok(format!("{text}a\n"))).expect("created");
        assert_eq!(mode(&path), 0o600);
        fs::set_permissions(&path, Permissions::from_mode(0o640)).expect("ours");
        replace(&path, false, |text| Ok(format!("{text}b\n"))).expect("replaced");

        assert_eq!((mode(&path), read(&path)), (0o640, Ok("a\nb\n".into())));
        let files = fs::read_dir(&directory).expect("a directory").count();
        assert_eq!(files, 1, "nothing is left behind");
    }

    #[test]
    fn nothing_is_written_where_the_change_fails_or_the_file_is_missing() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("passwords");

        assert!(replace(&path, false, |_| Ok(String::new())).is_err());
        assert!(!path.exists());
        replace(&path, true, |_| Ok("a".into())).expect("created");
        assert!(replace(&path, true, |_| Err("no".into())).is_err());

        assert_eq!(read(&path), Ok("a".into()));
    }

    #[test]
    fn changes_at_the_same_time_are_all_made() {
        let directory = tempfile::tempdir().expect("a directory");
        let path = directory.path().join("passwords");

        std::thread::scope(|scope| {
            for _ in 0..4 {
                scope.spawn(|| {
                    for _ in 0..5 {
                        replace(&path, true, |text| Ok(format!("{text}x"))).expect("replaced");
                    }
                });
            }
        });

        assert_eq!(read(&path), Ok("x".repeat(20)));
    }

    fn mode(path: &Path) -> u32 {
        fs::metadata(path).expect("it is there").mode() & 0o777
    }
}

//! A file system of a few megabytes, for stories about one that is full.

use std::fs::File;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use tempfile::TempDir;

/// Tells a story that it has its disk, and where.
const DIRECTORY_VARIABLE: &str = "FULMAR_ENGINES_SMALL_DISK";

/// Tells the story of the running test on a disk of `bytes`: in a process of its own, whose mounts
/// nobody else sees and which needs no rights for them. Where the system does not allow that, the
/// test says that it was skipped.
pub fn on_a_small_disk(bytes: u64, story: impl FnOnce(&SmallDisk)) {
    if let Some(directory) = std::env::var_os(DIRECTORY_VARIABLE) {
        return story(&SmallDisk { directory: directory.into() });
    }
    let parent = env!("CARGO_TARGET_TMPDIR");
    let directory = TempDir::new_in(parent).expect("temporary directory");
    let test = std::thread::current().name().expect("a test has a name").to_owned();
    if !mounted(directory.path(), bytes, &["true"]).status().is_ok_and(|status| status.success()) {
        skip(&test);
        return;
    }
    let program = std::env::current_exe().expect("known");
    let program = program.to_str().expect("UTF-8");
    let arguments = [program, "--exact", &test, "--nocapture"];
    let told = mounted(directory.path(), bytes, &arguments).output().expect("runs");
    let said = String::from_utf8_lossy(&told.stdout) + String::from_utf8_lossy(&told.stderr);
    assert!(told.status.success(), "{said}");
    assert!(said.contains("1 passed"), "{said}");
}

fn mounted(directory: &Path, bytes: u64, command: &[&str]) -> Command {
    let script = "mount -t tmpfs -o size=\"$1\" tmpfs \"$0\" && shift && exec \"$@\"";
    let mut unshare = Command::new("unshare");
    unshare.args(["--map-root-user", "--mount", "sh", "-c", script]);
    unshare.arg(directory).arg(bytes.to_string()).args(command);
    unshare.env(DIRECTORY_VARIABLE, directory);
    unshare
}

/// Past the harness, which shows what a test prints only if it fails.
fn skip(test: &str) {
    let _ = writeln!(std::io::stderr(), "SKIPPED: {test}: no file system can be mounted here");
}

/// The disk that the story has to itself.
pub struct SmallDisk {
    pub directory: PathBuf,
}

impl SmallDisk {
    /// Somebody else takes up or gives back room until so many bytes are free.
    pub fn leave_free(&self, bytes: u64) {
        let filler = self.directory.join("filler");
        let mut filler = File::options().create(true).append(true).open(filler).expect("opens");
        let taken = filler.metadata().expect("known").len();
        let free = fulmar::store::free_bytes(&self.directory).expect("known");
        match free.checked_sub(bytes) {
            Some(more) => filler.write_all(&vec![1; more as usize]).expect("there is room"),
            None => filler.set_len(taken - (bytes - free)).expect("so much can be given back"),
        }
    }
}

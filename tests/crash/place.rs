use std::fs::{self, File, OpenOptions};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// What every broker here is started with: so little of everything that commits are folded and queues
/// are read from the disk in every cycle, and kills fall into both.
const SETTINGS: [(&str, &str); 3] = [
    ("STORE__JOURNAL_BYTES_MAX", "65536"),
    ("SESSION__WINDOW_MESSAGES_MAX", "8"),
    ("SYS__INTERVAL_SECS", "0"),
];

/// A data directory with the broker's log and what the clients saw beside it. It stays behind
/// where a test fails.
pub struct Place {
    settings: Vec<(String, String)>,
    path: PathBuf,
}

impl Place {
    pub fn create(engine: &str, durability: &str) -> Self {
        Self::create_in(Path::new(env!("CARGO_TARGET_TMPDIR")), engine, durability)
    }

    /// On another file system.
    pub fn create_in(parent: &Path, engine: &str, durability: &str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("crash-{engine}-{durability}-{}-{number}", std::process::id());
        let path = parent.join(name);
        fs::create_dir_all(path.join("data")).expect("target/tmp can be written");
        let place = Self { settings: Vec::new(), path };
        let common = SETTINGS
            .into_iter()
            .chain([("STORE__ENGINE", engine), ("STORE__DURABILITY", durability)]);
        common.fold(place, |place, (name, value)| place.with(name, value))
    }

    /// With a setting of the broker, `SECTION__KEY`.
    pub fn with(mut self, name: &str, value: &str) -> Self {
        self.settings.push((format!("FULMAR_{name}"), value.to_owned()));
        self
    }

    /// The data directory.
    pub fn data(&self) -> PathBuf {
        self.path.join("data")
    }

    /// Starts the broker.
    pub fn command(&self) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_fulmar"));
        for (name, _) in std::env::vars_os() {
            // Each FULMAR_ variable is a setting to the broker; those of the tests are not.
            if name.to_string_lossy().starts_with("FULMAR_") {
                command.env_remove(name);
            }
        }
        command.args(["serve", "--listen", "127.0.0.1:0", "--data-dir"]).arg(self.data());
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Leaves everything there to be looked at.
    pub fn keep(self) -> PathBuf {
        std::mem::take(&mut std::mem::ManuallyDrop::new(self).path)
    }

    /// A new file beside the data.
    pub fn create_file(&self, name: &str) -> File {
        File::create(self.beside(name)).expect("target/tmp can be written")
    }

    /// The path of a file beside the data.
    pub fn beside(&self, name: &str) -> PathBuf {
        self.path.join(name)
    }

    pub fn log(&self) -> PathBuf {
        self.beside("log")
    }

    pub fn open_log(&self) -> File {
        OpenOptions::new().create(true).append(true).open(self.log()).expect("a file of ours")
    }

    pub fn log_from(&self, offset: u64) -> String {
        let bytes = fs::read(self.log()).unwrap_or_default();
        let from = usize::try_from(offset).expect("a short log").min(bytes.len());
        String::from_utf8_lossy(&bytes[from..]).into_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // After a panic there may be something to see, unless the store never came to be.
        if !thread::panicking() || fs::remove_dir(self.data()).is_ok() {
            // A folder that stays behind harms no test.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

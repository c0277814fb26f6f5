use std::fs::{self, File, OpenOptions};
use std::net::SocketAddr;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant};

/// Far longer than recovery takes here.
const START_MAX: Duration = Duration::from_secs(60);

/// So little that commits are folded in every cycle, and kills fall into the folding.
const JOURNAL_BYTES_MAX: &str = "65536";

/// The broker in a process of its own; killed and reaped when it is dropped.
pub struct Broker {
    child: Child,
    pub address: SocketAddr,
}

impl Broker {
    /// Returns when it accepts connections. Panics with its log if it never does.
    pub fn start(place: &Place) -> Self {
        let mut starting = Starting::spawn(place);
        let began = Instant::now();
        loop {
            let ended = starting.has_ended();
            let log = place.log_from(starting.log_at);
            if let Some(address) = listening_on(&log) {
                let child = starting.child.take().expect("not yet taken");
                return Self { child, address };
            }
            assert!(!ended, "the broker ended before it listened:\n{log}");
            assert!(began.elapsed() < START_MAX, "the broker does not listen:\n{log}");
            thread::sleep(Duration::from_millis(2));
        }
    }

    /// Kills it on its way up, during recovery as likely as not.
    pub fn start_and_kill(place: &Place, after: Duration) {
        let starting = Starting::spawn(place);
        thread::sleep(after);
        drop(starting);
    }

    /// SIGKILL. It is gone when this returns.
    pub fn kill(self) {
        drop(self);
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        end(&mut self.child);
    }
}

/// A process that may not be listening yet; it too is killed and reaped when dropped.
struct Starting {
    child: Option<Child>,
    log_at: u64,
}

impl Starting {
    fn spawn(place: &Place) -> Self {
        let log_at = fs::metadata(place.log()).map_or(0, |log| log.len());
        let mut command = Command::new(env!("CARGO_BIN_EXE_fulmar"));
        for (name, _) in std::env::vars_os() {
            // Each FULMAR_ variable is a setting to the broker; those of the tests are not.
            if name.to_string_lossy().starts_with("FULMAR_") {
                command.env_remove(name);
            }
        }
        command
            .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
            .arg(place.path.join("data"))
            .env("FULMAR_STORE__ENGINE", place.engine)
            .env("FULMAR_STORE__DURABILITY", place.durability)
            .env("FULMAR_STORE__JOURNAL_BYTES_MAX", JOURNAL_BYTES_MAX)
            .env("FULMAR_SYS__INTERVAL_SECS", "0")
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(place.open_log());
        Self { child: Some(command.spawn().expect("the binary is built")), log_at }
    }

    fn has_ended(&mut self) -> bool {
        let child = self.child.as_mut().expect("not yet taken");
        child.try_wait().expect("a child").is_some()
    }
}

impl Drop for Starting {
    fn drop(&mut self) {
        if let Some(child) = &mut self.child {
            end(child);
        }
    }
}

/// `Child::kill` is SIGKILL, and does nothing to a process that has been reaped.
fn end(child: &mut Child) {
    let _ = child.kill();
    let _ = child.wait();
}

/// The port that the system chose, from the line that says so.
fn listening_on(log: &str) -> Option<SocketAddr> {
    // The last line may be half written.
    let whole = &log[..log.rfind('\n')?];
    let line = whole.lines().find(|line| line.contains("listening"))?;
    let address = line.split_whitespace().find_map(|word| word.strip_prefix("address="));
    Some(address?.parse().expect("an address"))
}

/// A data directory with the broker's log and what the clients saw beside it. It stays behind
/// where a test fails.
pub struct Place {
    engine: &'static str,
    durability: &'static str,
    path: PathBuf,
}

impl Place {
    pub fn create(engine: &'static str, durability: &'static str) -> Self {
        static NEXT: AtomicU32 = AtomicU32::new(0);
        let number = NEXT.fetch_add(1, Ordering::Relaxed);
        let name = format!("crash-{engine}-{durability}-{}-{number}", std::process::id());
        let path = Path::new(env!("CARGO_TARGET_TMPDIR")).join(name);
        fs::create_dir_all(path.join("data")).expect("target/tmp can be written");
        Self { engine, durability, path }
    }

    /// Leaves everything there to be looked at.
    pub fn keep(self) -> PathBuf {
        std::mem::take(&mut std::mem::ManuallyDrop::new(self).path)
    }

    /// A new file beside the data.
    pub fn create_file(&self, name: &str) -> File {
        File::create(self.path.join(name)).expect("target/tmp can be written")
    }

    fn log(&self) -> PathBuf {
        self.path.join("log")
    }

    fn open_log(&self) -> File {
        OpenOptions::new().create(true).append(true).open(self.log()).expect("a file of ours")
    }

    fn log_from(&self, offset: u64) -> String {
        let bytes = fs::read(self.log()).unwrap_or_default();
        let from = usize::try_from(offset).expect("a short log").min(bytes.len());
        String::from_utf8_lossy(&bytes[from..]).into_owned()
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        // After a panic there may be something to see, unless the store never came to be.
        if !thread::panicking() || fs::remove_dir(self.path.join("data")).is_ok() {
            // A folder that stays behind harms no test.
            let _ = fs::remove_dir_all(&self.path);
        }
    }
}

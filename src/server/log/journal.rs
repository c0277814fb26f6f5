use std::fmt::{self, Debug, Write};
use std::io;
use std::os::unix::net::UnixDatagram;
use std::path::{Path, PathBuf};
use std::time::Duration;

use tracing::field::{Field, Visit};
use tracing::{Event, Level, Subscriber};
use tracing_subscriber::layer::{Context, Layer};

/// The journal of systemd: one entry for each event, the fields of the event beside its text
/// (systemd.journal-fields(7)). Filtered by them, as in `journalctl CLIENT_ID=a`, the log is still
/// lines for people.
#[derive(Debug)]
pub struct Journal {
    socket: UnixDatagram,
    path: PathBuf,
}

/// Where entries go, one datagram each.
const SOCKET: &str = "/run/systemd/journal/socket";
/// A journal that takes nothing for so long does without the entry: clients wait for what logs.
const PATIENCE: Duration = Duration::from_secs(1);
/// Most bytes of one field. An event has at most 32, and all of them fit a datagram.
const FIELD_BYTES_MAX: usize = 2_048;
/// Most bytes of the text.
const TEXT_BYTES_MAX: usize = 16_384;

impl Journal {
    /// The journal, if standard error leads there: `JOURNAL_STREAM` names its device and inode.
    pub fn behind_stderr() -> Option<Self> {
        let named = std::env::var("JOURNAL_STREAM").ok()?;
        let stderr = rustix::fs::fstat(io::stderr()).ok()?;
        let leads_there = named == format!("{}:{}", stderr.st_dev, stderr.st_ino);
        if leads_there { Self::open(Path::new(SOCKET)).ok() } else { None }
    }

    fn open(path: &Path) -> io::Result<Self> {
        let socket = UnixDatagram::unbound()?;
        socket.set_write_timeout(Some(PATIENCE))?;
        // An empty datagram means nothing to a journal, and shows that there is one.
        socket.send_to(&[], path)?;
        Ok(Self { socket, path: path.into() })
    }
}

impl<S: Subscriber> Layer<S> for Journal {
    fn on_event(&self, event: &Event<'_>, _: Context<'_, S>) {
        let metadata = event.metadata();
        let mut entry = Entry::default();
        entry.put("PRIORITY", priority(*metadata.level()));
        entry.put("SYSLOG_IDENTIFIER", "fulmar");
        entry.put("TARGET", metadata.target());
        event.record(&mut entry);
        // Whoever logs cannot be told that there is no log.
        let _ = self.socket.send_to(&entry.finish(), &self.path);
    }
}

/// One entry as it grows.
#[derive(Default)]
struct Entry {
    message: String,
    /// The fields as a line has them.
    pairs: String,
    bytes: Vec<u8>,
}

impl Entry {
    fn finish(mut self) -> Vec<u8> {
        let line = printable(&(self.message.clone() + &self.pairs));
        put(&mut self.bytes, "MESSAGE", cut(&line, TEXT_BYTES_MAX));
        self.bytes
    }

    fn put(&mut self, name: &str, value: &str) {
        put(&mut self.bytes, name, cut(value, FIELD_BYTES_MAX));
    }
}

impl Visit for Entry {
    fn record_str(&mut self, field: &Field, value: &str) {
        if field.name() == "message" {
            return self.message.push_str(value);
        }
        self.put(&name(field.name()), value);
        pair(&mut self.pairs, field.name(), format_args!("{value:?}"));
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        let text = format!("{value:?}");
        if field.name() == "message" {
            return self.message.push_str(&text);
        }
        self.put(&name(field.name()), &text);
        pair(&mut self.pairs, field.name(), format_args!("{text}"));
    }
}

fn pair(pairs: &mut String, name: &str, value: fmt::Arguments<'_>) {
    let _ = write!(pairs, " {name}={value}");
}

/// With its length in front, so that no value ends its field early.
fn put(bytes: &mut Vec<u8>, name: &str, value: &str) {
    bytes.extend_from_slice(name.as_bytes());
    bytes.push(b'\n');
    bytes.extend_from_slice(&(value.len() as u64).to_le_bytes());
    bytes.extend_from_slice(value.as_bytes());
    bytes.push(b'\n');
}

/// The name of a field in the journal: capital letters, and no name that others give a meaning.
fn name(field: &str) -> String {
    match field {
        "client" => "CLIENT_ID".into(),
        other => other.to_ascii_uppercase().replace('.', "_"),
    }
}

/// As syslog(3) numbers them. What is worth a look every day is no notice.
fn priority(level: Level) -> &'static str {
    match level {
        Level::ERROR => "3",
        Level::WARN => "4",
        Level::INFO => "6",
        _ => "7",
    }
}

/// The beginning of `text` that fits.
fn cut(text: &str, bytes_max: usize) -> &str {
    let mut end = text.len().min(bytes_max);
    while !text.is_char_boundary(end) {
        end -= 1;
    }
    &text[..end]
}

/// Without what a terminal would obey.
fn printable(text: &str) -> String {
    let mut printable = String::with_capacity(text.len());
    for c in text.chars() {
        match c.is_control() {
            true => printable.extend(c.escape_default()),
            false => printable.push(c),
        }
    }
    printable
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use tempfile::TempDir;
    use tracing_subscriber::layer::SubscriberExt;

    use super::*;

    #[test]
    fn an_entry_has_a_line_for_people_and_fields_for_filters() {
        let entry = logged(|| {
            let (client, address) = ("a", "192.0.2.1:5");
            tracing::warn!(target: "fulmar::net", client, %address, secs = 7, "client at fault");
        });

        let expected = [
            ("ADDRESS", "192.0.2.1:5"),
            ("CLIENT_ID", "a"),
            ("MESSAGE", "client at fault client=\"a\" address=192.0.2.1:5 secs=7"),
            ("PRIORITY", "4"),
            ("SECS", "7"),
            ("SYSLOG_IDENTIFIER", "fulmar"),
            ("TARGET", "fulmar::net"),
        ];
        assert_eq!(entry, BTreeMap::from(expected.map(|(a, b)| (a.into(), b.into()))));
    }

    #[test]
    fn each_level_has_its_priority() {
        let priority = |event: fn()| logged(event)["PRIORITY"].clone();

        assert_eq!(priority(|| tracing::error!("e")), "3");
        assert_eq!(priority(|| tracing::info!("i")), "6");
        assert_eq!(priority(|| tracing::debug!("d")), "7");
    }

    #[test]
    fn a_client_cannot_forge_a_field_or_a_line() {
        let client = "a\nPRIORITY=0\nMESSAGE=all is well\x1b[2J";
        let entry = logged(|| tracing::info!(client, what = %client, "connected"));

        assert_eq!((entry["CLIENT_ID"].as_str(), entry["WHAT"].as_str()), (client, client));
        assert_eq!(entry["PRIORITY"], "6");
        assert!(!entry["MESSAGE"].contains(char::is_control), "{entry:?}");
    }

    #[test]
    fn a_field_is_kept_up_to_its_limit() {
        let fits = "x".repeat(FIELD_BYTES_MAX);
        let entry = logged(|| tracing::info!(a = fits, b = fits.clone() + "y", "m"));

        assert_eq!((&entry["A"], &entry["B"]), (&fits, &fits));
        assert_eq!(cut("aü", 2), "a", "no half characters");
    }

    #[test]
    fn the_text_is_kept_up_to_its_limit() {
        let fits = "x".repeat(TEXT_BYTES_MAX);
        assert_eq!(logged(|| tracing::info!("{fits}"))["MESSAGE"], fits);
        assert_eq!(logged(|| tracing::info!("{fits}y"))["MESSAGE"], fits);
    }

    #[test]
    fn without_a_journal_there_is_none() {
        let home = TempDir::new().expect("a directory");
        assert!(Journal::open(&home.path().join("socket")).is_err());
    }

    /// The entry that comes of one event.
    fn logged(event: impl FnOnce()) -> BTreeMap<String, String> {
        let home = TempDir::new().expect("a directory");
        let path = home.path().join("socket");
        let journal = UnixDatagram::bind(&path).expect("a free name");
        let layer = Journal::open(&path).expect("somebody listens");
        let mut buffer = vec![0; 256 * 1024];
        assert_eq!(journal.recv(&mut buffer).expect("the probe"), 0);

        tracing::subscriber::with_default(tracing_subscriber::registry().with(layer), event);

        let length = journal.recv(&mut buffer).expect("an entry");
        fields(&buffer[..length])
    }

    /// What the native protocol of the journal means by these bytes.
    fn fields(mut bytes: &[u8]) -> BTreeMap<String, String> {
        let mut fields = BTreeMap::new();
        while !bytes.is_empty() {
            let name_len = bytes.iter().position(|byte| *byte == b'\n').expect("a name");
            let (name, rest) = bytes.split_at(name_len);
            let (length, rest) = rest[1..].split_first_chunk().expect("a length");
            let (value, rest) = rest.split_at(u64::from_le_bytes(*length) as usize);
            let text = |bytes: &[u8]| String::from_utf8(bytes.to_vec()).expect("text");
            assert!(fields.insert(text(name), text(value)).is_none(), "a field twice");
            bytes = rest.strip_prefix(b"\n").expect("the end of a field");
        }
        fields
    }
}

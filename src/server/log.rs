//! Where log lines go: standard error, as text for people or JSON for machines. Text for people goes
//! to the journal of systemd with its fields, if standard error leads there.

mod journal;

use std::io::IsTerminal;

use tracing::Subscriber;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::fmt::{self, MakeWriter};
use tracing_subscriber::layer::{Layer, SubscriberExt};
use tracing_subscriber::registry;

use crate::config::{Log, LogFormat};
use journal::Journal;

/// Sends the log lines of this process to standard error, or to the journal behind it. Only the first
/// call has an effect.
pub fn init(log: &Log) {
    let journal = Journal::behind_stderr().filter(|_| log.format == LogFormat::Text);
    let colours = std::io::stderr().is_terminal()
        && std::env::var_os("NO_COLOR").is_none_or(|it| it.is_empty());
    let ours = match journal {
        Some(journal) => {
            let entries = registry().with(journal.with_filter(filter(log)));
            tracing::subscriber::set_global_default(entries)
        }
        None => {
            let lines = subscriber(log, colours, std::io::stderr);
            tracing::subscriber::set_global_default(lines)
        }
    };
    if ours.is_err() {
        tracing::debug!("the log was set up before");
    }
}

/// A closed standard error must not stop the broker, so failed writes are passed over.
fn subscriber<W>(log: &Log, colours: bool, writer: W) -> impl Subscriber + Send + Sync + use<W>
where
    W: for<'a> MakeWriter<'a> + Send + Sync + 'static,
{
    let lines = fmt::layer().log_internal_errors(false).with_ansi(colours).with_writer(writer);
    let lines = match log.format {
        LogFormat::Text => lines.compact().boxed(),
        LogFormat::Json => lines.json().flatten_event(true).boxed(),
    };
    registry().with(lines.with_filter(filter(log)))
}

fn filter(log: &Log) -> Targets {
    log.filter.as_str().parse().expect("the configuration checks filters")
}

#[cfg(test)]
mod tests {
    use std::io::{self, Write};
    use std::sync::{Arc, Mutex};

    use super::*;
    use crate::config::{Sources, load};

    #[test]
    fn people_read_one_line_of_text() {
        let text = logged(&settings("info", "text"), || {
            tracing::info!(target: "fulmar::net", client = "a", "connected");
        });

        let (time, line) = text.split_once("Z ").expect("a time in UTC comes first");
        assert_eq!(time.len(), "2026-01-01T00:00:00.000000".len());
        assert_eq!(line, " INFO fulmar::net: connected client=\"a\"\n");
    }

    #[test]
    fn machines_read_one_object() {
        let text = logged(&settings("info", "json"), || {
            tracing::warn!(target: "fulmar::net", client = "a", "went away");
        });

        let (time, rest) = text.split_once("Z\",").expect("a time in UTC comes first");
        assert!(time.starts_with("{\"timestamp\":\"20"), "{text}");
        let expected = "\"level\":\"WARN\",\"message\":\"went away\",\"client\":\"a\",\"target\":\"fulmar::net\"}\n";
        assert_eq!(rest, expected);
    }

    #[test]
    fn each_module_has_its_level() {
        let text = logged(&settings("fulmar::net=debug,warn", "text"), || {
            tracing::debug!(target: "fulmar::net::tcp", "kept");
            tracing::info!(target: "fulmar::broker", "dropped");
            tracing::warn!(target: "fulmar::broker", "kept");
        });

        assert_eq!(text.matches("kept").count(), 2, "{text}");
        assert!(!text.contains("dropped"), "{text}");
    }

    #[test]
    fn a_client_cannot_forge_a_line() {
        let text = logged(&settings("info", "text"), || {
            tracing::info!(client = "a\n2026-01-01 INFO all is well\x1b[2J", "connected");
        });

        assert_eq!(text.lines().count(), 1, "{text}");
        assert!(!text.contains('\x1b'), "{text}");
    }

    fn settings(filter: &str, format: &str) -> Log {
        let environment = [("FULMAR_LOG__FILTER", filter), ("FULMAR_LOG__FORMAT", format)];
        let environment = environment.map(|(name, value)| (name.into(), value.into())).to_vec();
        load(&Sources { environment, ..Sources::default() }).expect("both are valid").config.log
    }

    fn logged(log: &Log, story: impl FnOnce()) -> String {
        let lines = Lines::default();
        let writer = lines.clone();
        tracing::subscriber::with_default(subscriber(log, false, move || writer.clone()), story);
        let bytes = lines.0.lock().expect("no test panics while it writes").clone();
        String::from_utf8(bytes).expect("log lines are text")
    }

    #[derive(Clone, Default)]
    struct Lines(Arc<Mutex<Vec<u8>>>);

    impl Write for Lines {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            self.0.lock().expect("no test panics while it writes").write(bytes)
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }
}

//! Orders to a running broker, by a socket in its data directory that only its owner reaches.

use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use tokio::io::{AsyncBufReadExt, AsyncReadExt, AsyncWriteExt, BufReader};
use tokio::net::UnixStream;
use tokio::time::timeout;

use crate::config::{Config, Durability};
use crate::guard::Ban;
use crate::net::{ACCEPT_PAUSE, Shared, UnixSocket};
use crate::types::Timestamp;

/// The name of the socket in the data directory.
const SOCKET: &str = "control.sock";
/// For the owner alone, who may read and write everything else in the directory, too.
const MODE: u32 = 0o600;
/// Orders that wait for those before them.
const BACKLOG: u32 = 8;
/// The longest order that gets an answer: the longest client identifier, every character of it escaped,
/// though nobody is listed by one as long.
const ORDER_BYTES_MAX: u64 = 1 << 20;
/// In which an order comes and its answer is taken.
const TIME_MAX: Duration = Duration::from_secs(5);
/// Bans that one answer lists.
const LISTED_MAX: usize = 1_000;

/// What is answered where nobody is banned: an answer that is empty is none.
pub const NOBODY: &str = "\n";

/// Where a broker with this configuration takes orders; `None` for one that has no directory.
pub fn path(config: &Config) -> Option<PathBuf> {
    let directory = config.store.data_dir.as_ref()?;
    (config.store.durability != Durability::Memory).then(|| directory.join(SOCKET))
}

/// Opens the socket of this broker, if it has one. Without it the broker serves all the same. To be
/// called within a runtime.
pub fn open(config: &Config) -> Option<UnixSocket> {
    let path = path(config)?;
    let opened = UnixSocket::bind(&path, MODE, BACKLOG);
    opened.inspect_err(|error| warn(&path, error)).ok()
}

fn warn(path: &Path, error: &io::Error) {
    tracing::warn!(path = %path.display(), %error, "no orders are taken: fulmar bans has no effect");
}

/// Does what it is told, one order after another.
pub async fn obey(socket: UnixSocket, shared: Arc<Shared>) {
    loop {
        match socket.listener.accept().await {
            // Whoever does not finish its order is no loss to anybody.
            Ok((stream, _)) => drop(timeout(TIME_MAX, converse(stream, &shared)).await),
            Err(_) => tokio::time::sleep(ACCEPT_PAUSE).await,
        }
    }
}

async fn converse(stream: UnixStream, shared: &Shared) -> io::Result<()> {
    let mut order = String::new();
    let mut stream = BufReader::new(stream);
    (&mut stream).take(ORDER_BYTES_MAX).read_line(&mut order).await?;
    let answer = answer(order.trim_end_matches('\n'), shared);
    stream.write_all(answer.as_bytes()).await?;
    stream.shutdown().await
}

fn answer(order: &str, shared: &Shared) -> String {
    match order.split_once(' ') {
        _ if order == "bans" => list(&shared.doorkeeper.list_bans(LISTED_MAX), shared.clock.now()),
        _ if order == "lift" => {
            let count = shared.doorkeeper.lift_all_bans();
            tracing::info!(count, "bans lifted by order");
            format!("{count} lifted\n")
        }
        Some(("lift", subject)) => {
            let lifted = shared.doorkeeper.lift_ban(subject);
            tracing::info!(subject, lifted, "ban to be lifted by order");
            if lifted { "1 lifted\n".into() } else { "0 lifted: it is not banned\n".into() }
        }
        _ => "unknown order\n".into(),
    }
}

/// A line for each ban: the seconds left, how often it was banned, why, and who.
fn list(bans: &[Ban], now: Timestamp) -> String {
    if bans.is_empty() {
        return NOBODY.to_owned();
    }
    let line = |Ban { subject, offence, until, times }: &Ban| {
        let secs = until.since(now).as_secs();
        format!("{secs}\t{times}\t{}\t{subject}\n", offence.name())
    };
    bans.iter().map(line).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::guard::{AddressGroup, Offence, Subject};

    #[test]
    fn a_broker_without_a_directory_takes_no_orders() {
        let mut config = Config::default();
        assert_eq!(path(&config), None);

        config.store.data_dir = Some("/d".into());
        assert_eq!(path(&config), Some("/d/control.sock".into()));

        config.store.durability = Durability::Memory;
        assert_eq!(path(&config), None);
    }

    #[test]
    fn a_ban_is_one_line() {
        let subject = Subject::Address(AddressGroup::V4([192, 0, 2, 1].into()));
        let until = Timestamp(61_500);
        let ban = Ban { subject, offence: Offence::FailedLogins, until, times: 2 };

        let text = list(&[ban], Timestamp(1_000));

        assert_eq!(text, "60\t2\tfailed to log in too often\taddress 192.0.2.1\n");
    }
}

//! Brings back what was kept, and keeps what happens from here on.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use super::settings;
use crate::broker::Broker;
use crate::config::{self, Config, Engine};
use crate::net::{Clock, Entropy, Setup, Shared};
use crate::store::{
    CommitSettings, Commits, Durability, EngineOptions, FjallStore, Progress, Recovered, SledStore,
    Store, StoreError, recover,
};

/// How much a power cut may cost where the kernel's word is enough.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);
/// Records between two lines about a recovery under way.
const REPORT_RECORDS: u64 = 1 << 20;

/// The shared part of a server, with everything that its store remembers.
///
/// # Errors
///
/// [`StoreError`] if the store cannot be opened or read: in use, damaged, of another version.
pub fn open(config: &Config, clock: Clock, setup: Setup) -> Result<Arc<Shared>, StoreError> {
    let entropy = Entropy::default().draw();
    let settings = settings::broker(config);
    let Some(mut store) = open_engine(config)? else {
        let broker = Broker::new(settings, entropy, clock.now());
        return Ok(Arc::new(Shared::new(broker, Commits::none(), clock, setup)));
    };
    let Recovered { image, last, quarantined, lost, messages } =
        recover(&mut *store, &mut report())?;
    let (sessions, retained) = (image.sessions.len(), image.retained.len());
    let (engine, durability) = (config.store.engine, config.store.durability);
    let millis = clock.micros() / 1000;
    tracing::info!(?engine, ?durability, sessions, messages, retained, millis, "recovered");
    if quarantined > 0 {
        tracing::error!(records = quarantined, messages = lost, "damaged records were set aside");
    }
    let broker = Broker::restore(settings, entropy, clock.now(), image, last);
    let owner = Arc::new(OnceLock::<Weak<Shared>>::new());
    let told = Arc::clone(&owner);
    let commits = Commits::start(
        store,
        last,
        commit_settings(config),
        Box::new(move || clock.micros()),
        Box::new(move |event| {
            if let Some(shared) = told.get().and_then(Weak::upgrade) {
                shared.handle_store(event);
            }
        }),
    )?;
    let shared = Arc::new(Shared::new(broker, commits, clock, setup));
    // Nothing is committed before somebody visits the broker.
    let _ = owner.set(Arc::downgrade(&shared));
    Ok(shared)
}

fn commit_settings(config: &Config) -> CommitSettings {
    let syncs_itself = config.store.durability != config::Durability::Os;
    let sync_interval = (!syncs_itself).then_some(SYNC_INTERVAL);
    let journal_bytes_max = config.store.journal_bytes_max;
    CommitSettings { sync_interval, journal_bytes_max, ..CommitSettings::default() }
}

fn open_engine(config: &Config) -> Result<Option<Box<dyn Store>>, StoreError> {
    let directory = config.store.data_dir.as_deref().unwrap_or(Path::new("./data"));
    let durability = match config.store.durability {
        config::Durability::Os => Durability::Os,
        config::Durability::Disk | config::Durability::Memory => Durability::Disk,
    };
    let options = EngineOptions { durability, ..EngineOptions::default() };
    Ok(Some(match config.store.engine {
        Engine::Memory => return Ok(None),
        Engine::Sled => Box::new(SledStore::open(prepared(directory)?, &options)?),
        Engine::Fjall => Box::new(FjallStore::open(prepared(directory)?, &options)?),
    }))
}

/// The directory, made if it is not there: for its owner alone.
fn prepared(directory: &Path) -> Result<&Path, StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(directory)?;
    Ok(directory)
}

/// Says how far a long recovery is.
fn report() -> impl FnMut(Progress) {
    let mut next = REPORT_RECORDS;
    move |progress: Progress| {
        if progress.records >= next {
            next += REPORT_RECORDS;
            let Progress { records, bytes, bytes_total } = progress;
            tracing::info!(records, bytes, bytes_total, "recovering");
        }
    }
}

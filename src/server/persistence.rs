//! Brings back what was kept, and keeps what happens from here on.

use std::fs;
use std::path::Path;
use std::sync::{Arc, OnceLock, Weak};

use super::settings;
use crate::broker::Broker;
use crate::config::{Config, Engine};
use crate::net::{Clock, Entropy, Setup, Shared};
use crate::store::{
    CommitSettings, Commits, EngineOptions, FjallStore, Progress, Recovered, SledStore, Store,
    StoreError, recover,
};

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
    let Recovered { image, last, quarantined, lost } = recover(&mut *store, &mut report())?;
    let (sessions, retained) = (image.sessions.len(), image.retained.len());
    tracing::info!(sessions, retained, millis = clock.micros() / 1000, "recovered");
    if quarantined > 0 {
        tracing::error!(records = quarantined, messages = lost, "damaged records were set aside");
    }
    let broker = Broker::restore(settings, entropy, clock.now(), image, last);
    let owner = Arc::new(OnceLock::<Weak<Shared>>::new());
    let told = Arc::clone(&owner);
    let commits = Commits::start(
        store,
        last,
        CommitSettings {
            journal_bytes_max: config.store.journal_bytes_max,
            ..CommitSettings::default()
        },
        Box::new(move || clock.micros()),
        Box::new(move |lsn| {
            if let Some(shared) = told.get().and_then(Weak::upgrade) {
                shared.handle_committed(lsn);
            }
        }),
    )?;
    let shared = Arc::new(Shared::new(broker, commits, clock, setup));
    // Nothing is committed before somebody visits the broker.
    let _ = owner.set(Arc::downgrade(&shared));
    Ok(shared)
}

fn open_engine(config: &Config) -> Result<Option<Box<dyn Store>>, StoreError> {
    let directory = config.store.data_dir.as_deref().unwrap_or(Path::new("./data"));
    let options = EngineOptions::default();
    Ok(Some(match config.store.engine {
        Engine::Memory => return Ok(None),
        Engine::Sled => Box::new(SledStore::open(prepared(directory)?, &options)?),
        Engine::Fjall => Box::new(FjallStore::open(prepared(directory)?, &options)?),
    }))
}

/// The directory, made if it is not there: for its owner alone.
fn prepared(directory: &Path) -> Result<&Path, StoreError> {
    fs::create_dir_all(directory)?;
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

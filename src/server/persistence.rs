//! Brings back what was kept, and keeps what happens from here on.

use std::fs::DirBuilder;
use std::os::unix::fs::DirBuilderExt;
use std::path::Path;
use std::sync::{Arc, OnceLock, Weak};
use std::time::Duration;

use super::recovery::Recovery;
use super::settings;
use super::supervisor::Supervisor;
use crate::broker::Broker;
use crate::config::{self, Config, Engine};
use crate::net::{Clock, Entropy, Setup, Shared};
use crate::store::{
    CommitSettings, Commits, Durability, EngineOptions, FjallStore, Recovered, RoomSettings,
    SledStore, Store, StoreError, recover,
};

/// How much a power cut may cost where the kernel's word is enough.
const SYNC_INTERVAL: Duration = Duration::from_secs(1);

/// The shared part of a server, with everything that its store remembers.
///
/// # Errors
///
/// [`StoreError`] if the store cannot be opened or read: in use, damaged, of another version.
pub fn open(
    config: &Config,
    clock: Clock,
    setup: Setup,
    supervisor: Supervisor,
) -> Result<Arc<Shared>, StoreError> {
    let entropy = Entropy::default().draw();
    let settings = settings::broker(config);
    let room = room(config);
    let mut recovery = Recovery::begin(clock, supervisor);
    let Some(mut store) = open_engine(config, &room)? else {
        let broker = Broker::new(settings, entropy, clock.now());
        return Ok(Arc::new(Shared::new(broker, Commits::none(), clock, setup)));
    };
    recovery.note_opened();
    let recovered = recover(&mut *store, &mut |progress| recovery.note(progress))?;
    let Recovered { image, last, quarantined, lost, messages } = recovered;
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
    let commits = Commits::start_on_disk(
        room,
        store,
        last,
        commit_settings(config),
        Box::new(move || clock.micros()),
        Box::new(move |event| {
            if let Some(shared) = told.wait().upgrade() {
                shared.handle_store(event);
            }
        }),
    )?;
    let shared = Arc::new(Shared::new(broker, commits, clock, setup));
    // The store's thread waits for it with the first that it has to tell.
    let _ = owner.set(Arc::downgrade(&shared));
    Ok(shared)
}

fn commit_settings(config: &Config) -> CommitSettings {
    let syncs_itself = config.store.durability != config::Durability::Os;
    let sync_interval = (!syncs_itself).then_some(SYNC_INTERVAL);
    let journal_bytes_max = config.store.journal_bytes_max;
    CommitSettings { sync_interval, journal_bytes_max, ..CommitSettings::default() }
}

fn room(config: &Config) -> RoomSettings {
    RoomSettings {
        directory: config.store.data_dir.clone().unwrap_or_else(|| "./data".into()),
        free_bytes_min: config.store.free_bytes_min,
        ballast_bytes: config.store.ballast_bytes,
    }
}

fn open_engine(config: &Config, room: &RoomSettings) -> Result<Option<Box<dyn Store>>, StoreError> {
    let durability = match config.store.durability {
        config::Durability::Memory => return Ok(None),
        config::Durability::Os => Durability::Os,
        config::Durability::Disk => Durability::Disk,
    };
    let free_bytes_min = room.kept_bytes();
    let options = EngineOptions { durability, free_bytes_min, ..EngineOptions::default() };
    Ok(Some(match config.store.engine {
        Engine::Memory => return Ok(None),
        Engine::Sled => Box::new(SledStore::open(prepared(room)?, &options)?),
        Engine::Fjall => Box::new(FjallStore::open(prepared(room)?, &options)?),
    }))
}

/// The data directory, made if it is not there: for its owner alone. An engine can be opened in it
/// even if the disk is full.
fn prepared(room: &RoomSettings) -> Result<&Path, StoreError> {
    DirBuilder::new().recursive(true).mode(0o700).create(&room.directory)?;
    room.make_way();
    Ok(&room.directory)
}

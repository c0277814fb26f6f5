//! Wires a configuration into listeners, tasks and signals, and takes them down again.

mod activation;
mod control;
mod deadlines;
mod identity;
mod listeners;
pub mod log;
mod memory;
mod persistence;
mod protection;
mod recovery;
mod reload;
mod running;
mod settings;
mod signals;
mod status;
mod supervisor;
mod watch;
mod watchdog;

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use tokio::runtime::{Builder, Runtime};
use tokio::task::JoinSet;

pub use activation::ActivationError;
pub use control::{NOBODY as NOBODY_IS_BANNED, path as control_path};
pub use identity::SourcesError;
pub use listeners::ListenError;
pub use running::Running;
pub use settings::broker as broker_settings;

use crate::config::Config;
use crate::identity::Reloader;
use crate::net::{Clock, Shared};
use crate::store::StoreError;
use activation::Activation;
use listeners::Bound;
use reload::TlsReloader;
use signals::{Hangups, Signals};
use supervisor::Supervisor;

/// A server that has its addresses and does not serve them yet: clients wait in the backlog.
pub struct Server {
    runtime: Runtime,
    listeners: Vec<Bound>,
    shared: Arc<Shared>,
    reloader: Reloader,
    config: Config,
    supervisor: Supervisor,
}

/// Why a server did not start.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// The system gave no threads or no event queue.
    #[error("cannot start the runtime: {0}")]
    Runtime(#[source] io::Error),
    /// SIGTERM and SIGINT would kill the process instead of ending it.
    #[error("cannot handle signals: {0}")]
    Signals(#[source] io::Error),
    /// All the addresses and files that were not to be had.
    #[error("{}", listeners::in_one_line(.0))]
    Listen(Vec<ListenError>),
    /// What the service manager passes is of no use.
    #[error("{0}")]
    Activation(#[source] ActivationError),
    /// A source of credentials cannot be used.
    #[error("{0}")]
    Identity(#[source] SourcesError),
    /// What was kept cannot be had, or is in use.
    #[error("{0}{advice}", advice = advice(.0))]
    Store(#[source] StoreError),
    /// Nothing could be kept any more. What was acknowledged is on disk: the next start has it.
    #[error("stopped because nothing could be kept any more: {0}")]
    StoreFailed(String),
}

fn advice(error: &StoreError) -> &'static str {
    match error {
        StoreError::Damaged { .. } => {
            ". It was left as it is: `fulmar store repair` mends what can be mended; with \
             store.on_damage = \"start_empty\" it is set aside"
        }
        _ => "",
    }
}

/// Why serving is over.
enum End {
    Asked,
    StoreFailed(String),
}

/// In which a store writes what is waiting for it, at the end.
const FINISH_TIME_MAX: Duration = Duration::from_secs(60);

/// Serves until SIGTERM or SIGINT, then says goodbye to the clients. A second signal spares that.
/// The service manager hears of it.
///
/// # Errors
///
/// [`Error`]: [`Error::StoreFailed`] after a while of serving, any other before anybody is served.
pub fn run(config: Config) -> Result<(), Error> {
    let activation = Activation::of_process().map_err(Error::Activation)?;
    let server = Server::bind_for(config, activation, Supervisor::of_process())?;
    let mut signals = server.install_signals()?;
    server.serve(async || signals.next().await)
}

impl Server {
    /// Takes all addresses of `config`, or none.
    ///
    /// # Errors
    ///
    /// [`Error::Listen`] with every address that is not to be had, [`Error::Identity`],
    /// [`Error::Store`],
    /// [`Error::Runtime`].
    pub fn bind(config: Config) -> Result<Self, Error> {
        Self::bind_for(config, Activation::default(), Supervisor::none())
    }

    fn bind_for(
        config: Config,
        activation: Activation,
        supervisor: Supervisor,
    ) -> Result<Self, Error> {
        let runtime = build_runtime(config.runtime.worker_threads).map_err(Error::Runtime)?;
        let context = runtime.enter();
        let listeners = listeners::bind_all(&config, activation).map_err(Error::Listen)?;
        drop(context);
        let clock = Clock::start();
        let sources = identity::open(&config, clock).map_err(Error::Identity)?;
        let setup = settings::setup(&config, Box::new(sources.identities), sources.authorizer);
        let shared = persistence::open(&config, clock, setup, supervisor).map_err(Error::Store)?;
        identity::tell_rules(&sources.parts, &shared);
        Ok(Self { runtime, listeners, shared, reloader: sources.reloader, config, supervisor })
    }

    /// The addresses where it listens, in the order of the configuration, ports that the system
    /// chose included.
    pub fn addresses(&self) -> Vec<SocketAddr> {
        self.listeners.iter().filter_map(|listener| listener.address).collect()
    }

    /// Serves until `stop` is over once, then says goodbye to the clients for as long as
    /// `shutdown_grace_secs`, or until `stop` is over a second time.
    ///
    /// # Errors
    ///
    /// [`Error::StoreFailed`] if it ended by itself for that reason, in the same way: who restarts
    /// it gets a server that keeps things again.
    pub fn serve(self, mut stop: impl AsyncFnMut()) -> Result<(), Error> {
        let Self { runtime, listeners, shared, reloader, config, supervisor } = self;
        let end = runtime.block_on(async {
            let mut tasks = JoinSet::new();
            let tls = TlsReloader::start(&listeners, &shared);
            let tls = tls.inspect_err(|error| {
                tracing::error!(%error, "certificates are not read again");
            });
            listeners::start_all(listeners, &config, &shared, &mut tasks);
            tasks.spawn(deadlines::keep(Arc::clone(&shared)));
            tasks.spawn(watch::keep(Arc::clone(&shared)));
            if let Some(socket) = control::open(&config) {
                tasks.spawn(control::obey(socket, Arc::clone(&shared)));
            }
            tasks.spawn(watchdog::keep(Arc::clone(&shared), supervisor));
            tasks.spawn(status::keep(Arc::clone(&shared), supervisor));
            tasks.spawn(reload::obey(Hangups::hear(), reloader, tls.ok(), supervisor));
            tracing::info!("ready");
            supervisor.ready();

            let end = tokio::select! {
                () = stop() => End::Asked,
                reason = shared.store_failure() => End::StoreFailed(reason),
            };
            let grace = Duration::from_secs(config.limits.shutdown_grace_secs);
            supervisor.stopping(end.status(), grace + FINISH_TIME_MAX);
            tasks.shutdown().await;
            tokio::select! {
                () = say_goodbye(&shared, grace) => {}
                () = stop() => tracing::warn!("stopped without waiting for the clients"),
            }
            end
        });
        // Whoever is still there has had its time.
        runtime.shutdown_background();
        shared.finish();
        tracing::info!("stopped");
        match end {
            End::Asked => Ok(()),
            End::StoreFailed(reason) => Err(Error::StoreFailed(reason)),
        }
    }

    fn install_signals(&self) -> Result<Signals, Error> {
        let _context = self.runtime.enter();
        Signals::install().map_err(Error::Signals)
    }
}

impl End {
    fn status(&self) -> &str {
        match self {
            Self::Asked => "stopping",
            Self::StoreFailed(_) => "stopping: the store has failed",
        }
    }
}

/// MQTT 5 clients get DISCONNECT with 0x8B, all others the end of the stream.
async fn say_goodbye(shared: &Shared, grace: Duration) {
    let clients = shared.clients.taken();
    tracing::info!(clients, grace_secs = grace.as_secs(), "stopping");
    shared.handle_shutdown();
    if tokio::time::timeout(grace, shared.clients.wait_until_empty()).await.is_err() {
        let clients = shared.clients.taken();
        tracing::warn!(clients, "clients did not close in time");
    }
}

/// Sockets, for each thread, of which whichever thread asks hears at a time that they are ready. Whoever
/// receives from all of them is woken behind the last: with more of them what it gets grows out of the
/// processor's cache before.
const SOCKETS_PER_TURN: usize = 8;

/// One thread does everything where there is one core: handing work to a second one then only
/// costs.
fn build_runtime(worker_threads: usize) -> io::Result<Runtime> {
    let workers = match worker_threads {
        0 => std::thread::available_parallelism().map_or(1, usize::from),
        threads => threads,
    };
    let mut builder = match workers {
        1 => Builder::new_current_thread(),
        _ => Builder::new_multi_thread(),
    };
    if workers > 1 {
        builder.worker_threads(workers).thread_name("fulmar");
    }
    builder.enable_all().max_io_events_per_tick(SOCKETS_PER_TURN * workers).build()
}

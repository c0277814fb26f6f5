use std::net::SocketAddr;
use std::thread::JoinHandle;

use tokio::sync::mpsc;

use super::{Error, Server};
use crate::config::Config;

/// A server in a thread of this process, for programs that embed one and for tests.
///
/// Dropping it ends it at once, without goodbyes.
#[derive(Debug)]
pub struct Running {
    addresses: Vec<SocketAddr>,
    stop: Option<mpsc::Sender<()>>,
    thread: Option<JoinHandle<()>>,
}

impl Running {
    /// Starts a server. It listens when this returns.
    ///
    /// # Errors
    ///
    /// [`Error`], as [`Server::bind`] has it.
    pub fn start(config: Config) -> Result<Self, Error> {
        let server = Server::bind(config)?;
        let addresses = server.addresses();
        let (stop, mut stopped) = mpsc::channel(1);
        let serve = move || {
            let served = server.serve(async || {
                stopped.recv().await;
            });
            if let Err(error) = served {
                tracing::error!("{error}");
            }
        };
        let thread = std::thread::Builder::new().name("fulmar-server".into()).spawn(serve);
        let thread = Some(thread.map_err(Error::Runtime)?);
        Ok(Self { addresses, stop: Some(stop), thread })
    }

    /// Where it listens, in the order of the configuration, ports that the system chose included.
    pub fn addresses(&self) -> &[SocketAddr] {
        &self.addresses
    }

    /// Says goodbye to the clients and returns when the server is over.
    pub fn stop(mut self) {
        if let Some(stop) = &self.stop {
            // The server may be over already; the channel has room for one.
            let _ = stop.try_send(());
        }
        self.join();
    }

    fn join(&mut self) {
        if let Some(thread) = self.thread.take() {
            // A panic in there has been reported by its own thread.
            let _ = thread.join();
        }
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        self.stop = None;
        self.join();
    }
}

use std::net::{SocketAddr, ToSocketAddrs};
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};

use super::error::Error;
use super::options::{Common, Sessions};
use super::tls::{Tls, Trust};
use crate::types::{Protocol, QoS};

/// The options as a run needs them.
#[derive(Debug, Clone)]
pub struct Settings {
    pub address: SocketAddr,
    pub tls: Option<Tls>,
    pub version: Protocol,
    pub qos: QoS,
    pub payload_len: usize,
    pub persistent: bool,
    pub in_flight: usize,
    pub burst: u64,
    pub measured: Duration,
    pub warm_up: Duration,
    pub messages: Option<u64>,
    pub pid: Option<u32>,
    pub quiet: bool,
    pub username: Option<String>,
    pub password: Option<String>,
    /// Starts the names of clients and topics: other runs have others.
    pub prefix: String,
}

impl Settings {
    /// # Errors
    ///
    /// [`Error::Host`], [`Error::Options`].
    pub fn new(common: &Common) -> Result<Self, Error> {
        let version = match common.version {
            3 => Protocol::V311,
            5 => Protocol::V5,
            _ => return Err(Error::Options("--version is 3 or 5".into())),
        };
        if common.password.is_some() && common.username.is_none() && !version.is_v5() {
            return Err(Error::Options("--password wants --username before MQTT 5".into()));
        }
        Ok(Self {
            address: resolve(&common.host, common.port)?,
            tls: tls(common)?,
            version,
            qos: QoS::from_bits(common.qos).expect("the option is at most 2"),
            payload_len: common.size as usize,
            persistent: common.sessions == Sessions::Persistent,
            in_flight: common.in_flight as usize,
            burst: common.burst.min(common.in_flight).into(),
            measured: Duration::from_secs(common.secs.into()),
            warm_up: Duration::from_secs(common.warm_up_secs.into()),
            messages: common.messages,
            pid: common.pid,
            quiet: common.quiet,
            username: common.username.clone(),
            password: common.password.clone(),
            prefix: run_name(),
        })
    }

    /// No packet of a run is longer: its payload, the longest topic name and some properties.
    pub fn packet_bytes_max(&self) -> usize {
        self.payload_len + 128 * 1024
    }
}

fn tls(common: &Common) -> Result<Option<Tls>, Error> {
    let trust = match common.insecure {
        true => Trust::Anybody,
        false => Trust::File(&common.cafile),
    };
    common.tls.then(|| Tls::new(&common.host, trust, common.resume)).transpose()
}

fn resolve(host: &str, port: u16) -> Result<SocketAddr, Error> {
    let failed = |cause| Error::Host { host: host.to_owned(), cause };
    let mut addresses = (host, port).to_socket_addrs().map_err(failed)?;
    addresses.next().ok_or_else(|| failed(std::io::ErrorKind::NotFound.into()))
}

/// Eight digits that two runs hardly share.
fn run_name() -> String {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    let mixed = since.as_millis() as u32 ^ std::process::id().rotate_left(16);
    format!("b{mixed:08x}")
}

/// A socket for each client needs a descriptor; what the system grants at most is asked for. Where it
/// refuses, the connection that finds none says so.
pub fn allow_many_sockets() {
    let limit = getrlimit(Resource::Nofile);
    let _ = setrlimit(Resource::Nofile, Rlimit { current: limit.maximum, ..limit });
}

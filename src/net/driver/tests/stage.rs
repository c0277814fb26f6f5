//! A server in virtual time whose clients are pipes.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::sync::{OnceLock, Weak};

use super::*;
use crate::auth::Authorizer;
use crate::connection::Limits;
use crate::net::{Clock, Door, DoorLimits, DoorkeeperSettings, Setup};
use crate::store::{CommitSettings, Commits, Store};
use crate::types::Lsn;

/// Where all clients come from.
pub const PEER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1)), 50_000);

/// How long a test waits for what does not come.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// See [`TestServer::with_memory_limit`].
pub const MEMORY_BYTES_MAX: u64 = 800;

pub struct TestServer {
    pub shared: Arc<Shared>,
    door: Arc<Door>,
}

impl TestServer {
    pub fn start() -> Self {
        Self::with(NoCredentials)
    }

    pub fn with(authenticator: impl Authenticator + 'static) -> Self {
        Self::with_setup(setup(authenticator))
    }

    /// With limits.
    pub fn guarded(
        authenticator: impl Authenticator + 'static,
        doorkeeper: DoorkeeperSettings,
        door: DoorLimits,
    ) -> Self {
        let clock = Clock::start();
        let broker = Broker::new(settings(), 1, clock.now());
        Self::around(broker, clock, Setup { doorkeeper, ..setup(authenticator) }, door)
    }

    /// With so little memory that a test can say that it is short.
    pub fn with_memory_limit() -> Self {
        let memory_bytes_max = MEMORY_BYTES_MAX;
        let doorkeeper = DoorkeeperSettings { memory_bytes_max, ..DoorkeeperSettings::unlimited() };
        Self::guarded(NoCredentials, doorkeeper, DoorLimits::default())
    }

    fn around(broker: Broker, clock: Clock, setup: Setup, door: DoorLimits) -> Self {
        let shared = Arc::new(Shared::new(broker, Commits::none(), clock, setup));
        Self { door: shared.doorkeeper.door(door), shared }
    }

    /// Which asks `authorizer` what clients may do.
    pub fn with_authorizer(authorizer: Arc<dyn Authorizer>, known_max: usize) -> Self {
        let authorizer = Some((authorizer, known_max));
        Self::with_setup(Setup { authorizer, ..setup(NoCredentials) })
    }

    pub fn with_setup(setup: Setup) -> Self {
        let clock = Clock::start();
        let broker = Broker::new(settings(), 1, clock.now());
        Self::around(broker, clock, setup, DoorLimits::default())
    }

    /// With a broker that keeps everything in `store`.
    pub fn with_store(store: Box<dyn Store>, commits: CommitSettings, setup: Setup) -> Self {
        let clock = Clock::start();
        let broker = Broker::new(Settings { journal: true, ..settings() }, 1, clock.now());
        let owner = Arc::new(OnceLock::<Weak<Shared>>::new());
        let told = Arc::clone(&owner);
        let on_event = Box::new(move |event| {
            if let Some(shared) = told.wait().upgrade() {
                shared.handle_store(event);
            }
        });
        let commits = Commits::start(store, Lsn::NONE, commits, Box::new(|| 0), on_event);
        let commits = commits.expect("started");
        let shared = Arc::new(Shared::new(broker, commits, clock, setup));
        owner.set(Arc::downgrade(&shared)).expect("the first");
        Self { door: shared.doorkeeper.door(DoorLimits::default()), shared }
    }

    /// The same server by another listener, which holds connections to these limits.
    pub fn with_limits(&self, limits: Limits) -> Self {
        let door = DoorLimits { connection: Arc::new(limits), ..DoorLimits::default() };
        let shared = Arc::clone(&self.shared);
        Self { door: shared.doorkeeper.door(door), shared }
    }

    pub fn driver<S: AsyncRead + AsyncWrite + Unpin>(&self, socket: S) -> Driver<S> {
        let address = Some(PEER);
        let peer = PeerInfo { address, allow_anonymous: true, ..PeerInfo::default() };
        let admission = self.door.admit(address).expect("room enough");
        Driver::new(socket, peer, Arc::clone(&self.shared), admission)
    }

    pub fn open(&self) -> (DuplexStream, JoinHandle<()>) {
        let (client, socket) = tokio::io::duplex(4096);
        (client, tokio::spawn(self.driver(socket)))
    }

    /// A client whose socket carries MQTT and nothing else.
    pub async fn connected_bare(
        &self,
        client_id: &str,
        buffer_bytes: usize,
    ) -> (DuplexStream, JoinHandle<()>) {
        let (mut client, socket) = tokio::io::duplex(buffer_bytes);
        let mut driver = self.driver(socket);
        driver.admission.set_bare();
        let task = tokio::spawn(driver);
        client.write_all(&connect(client_id)).await.expect("open");
        expect(&mut client, &CONNACK).await;
        (client, task)
    }

    pub async fn connected(&self, client_id: &str) -> (DuplexStream, JoinHandle<()>) {
        self.connected_by(&connect(client_id)).await
    }

    pub async fn connected_with_will(&self, client_id: &str) -> (DuplexStream, JoinHandle<()>) {
        self.connected_by(&connect_with_will(client_id)).await
    }

    async fn connected_by(&self, connect: &[u8]) -> (DuplexStream, JoinHandle<()>) {
        let (mut client, task) = self.open();
        client.write_all(connect).await.expect("open");
        expect(&mut client, &CONNACK).await;
        (client, task)
    }

    /// So many seconds from now the broker looks what is due.
    pub fn pass_secs(&self, secs: u64) {
        self.shared.act(|core, now, actions| {
            core.broker.handle_deadline(now.plus_secs(secs), actions);
        });
    }
}

pub fn setup(authenticator: impl Authenticator + 'static) -> Setup {
    Setup {
        durability: "memory",
        authenticator: Box::new(authenticator),
        authorizer: None,
        connect_timeout: CONNECT_TIMEOUT,
        re_authentication_timeout: RE_AUTHENTICATION_TIMEOUT,
        doorkeeper: DoorkeeperSettings::unlimited(),
        mistakes_per_second: 1000,
    }
}

/// A client that sent some packets and reset the connection: what arrived before is still there.
pub struct Reset {
    pub arrived: Vec<u8>,
    pub read: usize,
}

impl AsyncRead for Reset {
    /// A few bytes at a time, so that something is to be written before all is read.
    fn poll_read(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let rest = &self.arrived[self.read..];
        if rest.is_empty() {
            return Poll::Ready(Err(io::ErrorKind::ConnectionReset.into()));
        }
        let count = rest.len().min(self.arrived.len() - DISCONNECT.len());
        buffer.put_slice(&rest[..count]);
        self.read += count;
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Reset {
    fn poll_write(self: Pin<&mut Self>, _: &mut Context<'_>, _: &[u8]) -> Poll<io::Result<usize>> {
        Poll::Ready(Err(io::ErrorKind::BrokenPipe.into()))
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

pub fn poll_once<S: AsyncRead + AsyncWrite + Unpin>(driver: &mut Driver<S>) {
    let mut cx = Context::from_waker(std::task::Waker::noop());
    assert!(Pin::new(driver).poll(&mut cx).is_pending());
}

pub async fn expect(client: &mut DuplexStream, expected: &[u8]) {
    let mut arrived = vec![0; expected.len()];
    patiently(client.read_exact(&mut arrived)).await.expect("open");
    assert_eq!(arrived, expected);
}

/// A client that has subscribed to `t`.
pub async fn subscriber(server: &TestServer) -> DuplexStream {
    let (mut subscriber, _task) = server.connected("subscriber").await;
    subscriber.write_all(&SUBSCRIBE).await.expect("open");
    expect(&mut subscriber, &SUBACK).await;
    subscriber
}

/// Nothing had come for the client before this.
pub async fn nothing_but_pings(client: &mut DuplexStream) {
    client.write_all(&PINGREQ).await.expect("open");
    expect(client, &PINGRESP).await;
}

pub async fn read_to_end(client: &mut DuplexStream) -> Vec<u8> {
    let mut arrived = Vec::new();
    patiently(client.read_to_end(&mut arrived)).await.expect("an orderly end");
    arrived
}

/// Waits for the end of a connection.
pub async fn over(task: JoinHandle<()>) {
    patiently(task).await.expect("no panic");
}

/// What is waited for; if it does not come the test fails, instead of standing still.
pub async fn patiently<T>(awaited: impl Future<Output = T>) -> T {
    tokio::time::timeout(PATIENCE, awaited).await.expect("it comes before patience ends")
}

/// CONNECT of 3.1.1 with Clean Session and without keep alive.
pub fn connect(client_id: &str) -> Vec<u8> {
    connect_with(0x02, &[client_id])
}

/// CONNECT with a keep alive in seconds.
pub fn connect_for_secs(client_id: &str, keep_alive_secs: u8) -> Vec<u8> {
    let mut packet = connect(client_id);
    packet[11] = keep_alive_secs;
    packet
}

/// The same with a will: `x` to `t`.
pub fn connect_with_will(client_id: &str) -> Vec<u8> {
    connect_with(0x06, &[client_id, "t", "x"])
}

pub fn connect_with(flags: u8, strings: &[&str]) -> Vec<u8> {
    let mut body = vec![0, 4, b'M', b'Q', b'T', b'T', 4, flags, 0, 0];
    for string in strings {
        body.extend((string.len() as u16).to_be_bytes());
        body.extend(string.as_bytes());
    }
    [&[0x10, body.len() as u8], &body[..]].concat()
}

/// PUBLISH of so many bytes (128 to 16,000) to `t` at QoS 0.
pub fn publish(payload_bytes: usize) -> Vec<u8> {
    let remaining = payload_bytes + 3;
    let header = [0x30, (remaining % 128) as u8 | 0x80, (remaining / 128) as u8, 0, 1, b't'];
    [&header[..], &vec![b'x'; payload_bytes]].concat()
}

pub fn settings() -> Settings {
    use crate::session::{QueueLimits, QueueRule, Window};
    Settings {
        sessions_max: 1000,
        subscriptions_max: 1000,
        queue: QueueLimits {
            messages_max: 1000,
            bytes_max: 10_000_000,
            rule: QueueRule::RefuseNew,
        },
        window: Window { messages_max: 256, bytes_max: 65_536 },
        queue_qos0_offline: false,
        in_flight_max: 100,
        reserved_ahead: 1_024,
        receive_maximum: 100,
        maximum_qos: crate::types::QoS::ExactlyOnce,
        keep_alive_max_secs: 65_535,
        session_expiry_max_secs: u32::MAX,
        share_strategy: crate::subscriptions::ShareStrategy::RoundRobin,
        retained: crate::retained::RetainedLimits { messages_max: 100, bytes_max: 100_000 },
        cached_topics_max: 100,
        access_rules: true,
        access_decisions_max: 4,
        replies_max: 100,
        work_max: 1000,
        sys_interval_secs: 0,
        journal: false,
    }
}

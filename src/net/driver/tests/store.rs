//! A store that is slow, and one that fails.

use parking_lot::{Condvar, Mutex};

use super::*;
use crate::auth::{Access, Authorizer, Decision, Ruling};
use crate::connection::Limits;
use crate::journal::StoreState;
use crate::net::Setup;
use crate::request::{AuthAnswer, AuthRequest, Identity};
use crate::store::{CommitSettings, Operation, Store, StoreError, Visitor};

#[tokio::test]
async fn a_client_that_is_not_read_from_because_the_store_is_behind_is_not_silent() {
    let helper = Helper::default();
    let server = TestServer::on(&helper, setup(NoCredentials));
    let (mut client, _task) = server.open();
    client.write_all(&connect_for_secs("client", 1)).await.expect("open");
    expect(&mut client, &CONNACK).await;
    let _others = server.congested_by(&helper).await;

    client.write_all(&PINGREQ).await.expect("open");
    tokio::task::yield_now().await;
    server.pass_secs(100);
    server.pass_secs(200);
    helper.set(Way::Good);
    expect(&mut client, &PINGRESP).await;

    server.pass_secs(300);
    assert_eq!(read_to_end(&mut client).await, b"", "now it is");
}

#[tokio::test]
async fn a_client_is_not_silent_while_somebody_is_asked_about_it_though_the_store_catches_up() {
    let helper = Helper::default();
    let setup = Setup { authorizer: Some((Arc::new(Undecided), 0)), ..setup(NoCredentials) };
    let server = TestServer::on(&helper, setup);
    let (mut client, mut driver, _others) = server.paused_by(&helper).await;

    // What waited is on its way to the disk, and those that are paused do not know it yet.
    helper.set(Way::Once);
    wait_until(|| !server.shared.commits.is_congested()).await;
    client.write_all(&PUBLISH).await.expect("taken");
    poll_once(&mut driver);
    assert!(driver.is_gate_shut(), "somebody is asked");
    helper.set(Way::Good);
    wait_until(|| driver.link.cell.take()).await;

    server.pass_secs(100);
    server.pass_secs(200);
    poll_once(&mut driver);
    assert!(driver.link.conn.is_some(), "it cannot be heard");
}

#[tokio::test]
async fn a_client_that_comes_in_while_the_store_is_behind_is_not_silent() {
    let helper = Helper::default();
    let server = TestServer::on(&helper, setup(hesitant));
    let (mut client, socket) = tokio::io::duplex(64);
    let mut driver = server.driver(socket);
    client.write_all(&connect_for_secs("client", 1)).await.expect("taken");
    poll_once(&mut driver);
    let _others = server.congested_by(&helper).await;

    poll_once(&mut driver);
    assert!(driver.link.conn.is_some(), "it is in");

    server.pass_secs(100);
    server.pass_secs(200);
    poll_once(&mut driver);
    helper.set(Way::Good);
    assert!(driver.link.conn.is_some(), "it cannot be heard");
}

#[tokio::test]
async fn whoever_waits_for_a_store_that_turns_out_to_be_full_is_read_from_again_at_once() {
    let helper = Helper::default();
    let server = TestServer::on(&helper, setup(NoCredentials));
    let (mut client, mut driver, _others) = server.paused_by(&helper).await;
    client.write_all(&PINGREQ).await.expect("taken");

    helper.set(Way::OnceThenFull);
    wait_until(|| driver.link.cell.take()).await;

    poll_once(&mut driver);
    expect(&mut client, &PINGRESP).await;
}

#[tokio::test]
async fn whoever_waits_for_a_store_that_hangs_is_read_from_again_before_it_tells_anything() {
    let helper = Helper::default();
    let server = TestServer::on(&helper, setup(NoCredentials));
    let (mut client, mut driver, _others) = server.paused_by(&helper).await;
    client.write_all(&PINGREQ).await.expect("taken");
    helper.set(Way::Once);
    wait_until(|| !server.shared.commits.is_congested()).await;

    server.shared.handle_deadline();
    let is_woken = driver.link.cell.take();
    helper.set(Way::Good);
    assert!(is_woken, "though nothing is written yet");

    poll_once(&mut driver);
    expect(&mut client, &PINGRESP).await;
}

#[tokio::test]
async fn whoever_goes_while_the_store_is_behind_is_forgotten_and_whoever_stays_is_not() {
    let helper = Helper::default();
    let server = TestServer::on(&helper, setup(NoCredentials));
    let (mut client, mut driver, _others) = server.paused_by(&helper).await;
    let listed = || server.shared.paused.0.lock().len();

    for _ in 0..1_000 {
        let (mut passing, socket) = tokio::io::duplex(64);
        let mut driver = server.driver(socket);
        passing.write_all(&connect("passing")).await.expect("taken");
        poll_once(&mut driver);
    }
    assert!(listed() <= 10, "{} are to be woken", listed());

    client.write_all(&PINGREQ).await.expect("taken");
    helper.set(Way::Good);
    wait_until(|| driver.link.cell.take()).await;
    poll_once(&mut driver);
    expect(&mut client, &PINGRESP).await;
}

#[tokio::test]
async fn when_the_store_has_failed_nobody_is_let_in_and_who_is_there_gets_what_needs_no_disk() {
    let helper = Helper::default();
    let (store, settings) = (Box::new(helper.clone()), CommitSettings::default());
    let server = TestServer::with_store(store, settings, setup(NoCredentials));
    let (mut subscriber, _task) = server.connected("subscriber").await;
    subscriber.write_all(&SUBSCRIBE).await.expect("open");
    expect(&mut subscriber, &SUBACK).await;
    helper.set(Way::Bad);

    let (mut durable, _task) = server.connecting_durable("durable").await;
    wait_until(|| {
        server.shared.handle_deadline();
        server.shared.store_report().state == StoreState::Failed
    })
    .await;
    server.shared.handle_deadline();

    let why = server.shared.store_failure().await;
    assert!(why.contains("no such disk"), "{why}");
    let (mut late, _task) = server.open();
    late.write_all(&connect("late")).await.expect("open");
    assert_eq!(read_to_end(&mut late).await, [0x20, 2, 0, 3], "server unavailable");
    let (mut late, _task) = server.open();
    late.write_all(b"\x10\x0d\0\x04MQTT\x05\x02\0\0\0\0\0").await.expect("open");
    assert_eq!(read_to_end(&mut late).await, [0x20, 3, 0, 0x88, 0], "server unavailable");
    subscriber.write_all(&PUBLISH).await.expect("open");
    expect(&mut subscriber, &PUBLISH).await;
    server.shared.handle_shutdown();
    assert_eq!(read_to_end(&mut durable).await, [0x20, 2, 0, 3], "it was promised nothing");
}

#[tokio::test]
async fn a_client_that_goes_while_the_store_is_behind_is_missed() {
    let helper = Helper::default();
    let settings = CommitSettings { waiting_bytes_max: 0, ..CommitSettings::default() };
    let server = TestServer::with_store(Box::new(helper.clone()), settings, setup(NoCredentials));
    let (client, task) = server.connected("client").await;
    let _others = server.congested_by(&helper).await;

    drop(client);
    let ended = tokio::time::timeout(PATIENCE / 2, task).await;

    assert!(server.shared.commits.is_congested());
    helper.set(Way::Good);
    ended.expect("it is missed while the store is behind").expect("no panic");
}

#[tokio::test]
async fn a_listener_that_promises_nothing_does_not_wait_for_the_store_and_the_other_one_does() {
    let helper = Helper::default();
    let careful = TestServer::with_store(
        Box::new(helper.clone()),
        CommitSettings::default(),
        setup(NoCredentials),
    );
    let hasty = careful.with_limits(Limits { acknowledged_at_once: true, ..Limits::default() });
    helper.set(Way::Slow);
    let (mut one, _task) = careful.connected("careful").await;
    let (mut other, _task) = hasty.connected("hasty").await;
    let (publish, puback) = (b"\x33\x06\0\x01t\0\x01x", b"\x40\x02\0\x01");

    one.write_all(&[&publish[..], &PINGREQ].concat()).await.expect("open");
    expect(&mut one, &PINGRESP).await;
    other.write_all(publish).await.expect("open");
    expect(&mut other, puback).await;

    helper.set(Way::Good);
    expect(&mut one, puback).await;
}

/// A store whose ways can be changed.
#[derive(Clone, Default)]
struct Helper(Arc<(Mutex<(Way, bool)>, Condvar)>);

#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Way {
    #[default]
    Good,
    Slow,
    /// The next one is good, and those after it slow.
    Once,
    /// The next one is good, and those after it find no room.
    OnceThenFull,
    Full,
    Bad,
}

impl Helper {
    fn set(&self, way: Way) {
        self.0.0.lock().0 = way;
        self.0.1.notify_all();
    }

    fn is_at_work(&self) -> bool {
        self.0.0.lock().1
    }
}

impl Store for Helper {
    fn apply(&mut self, _: Vec<Operation>) -> Result<(), StoreError> {
        let mut state = self.0.0.lock();
        state.1 = true;
        let is_slow = |state: &mut (Way, bool)| state.0 == Way::Slow;
        let waited = self.0.1.wait_while_for(&mut state, is_slow, PATIENCE);
        state.1 = false;
        if waited.timed_out() {
            return Err(io::Error::other("nobody has let it go on").into());
        }
        match state.0 {
            Way::Bad => return Err(io::Error::other("no such disk").into()),
            Way::Full => return Err(StoreError::Full { free_bytes: 0, kept_bytes: 0 }),
            Way::Once => state.0 = Way::Slow,
            Way::OnceThenFull => state.0 = Way::Full,
            Way::Good | Way::Slow => {}
        }
        Ok(())
    }

    fn sync(&mut self) -> Result<(), StoreError> {
        Ok(())
    }

    fn get(&self, _: &[u8]) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(None)
    }

    fn scan(&self, _: &[u8], _: &[u8], _: &mut Visitor<'_>) -> Result<(), StoreError> {
        Ok(())
    }

    fn size_bytes(&self) -> Result<u64, StoreError> {
        Ok(0)
    }
}

/// Lets everybody in: the client when it is asked again.
fn hesitant(request: &AuthRequest) -> Decision {
    let answer = AuthAnswer::Accept { identity: Identity::default(), data: None, valid_for: None };
    match request {
        AuthRequest::Credentials { client_id, .. } if client_id.as_str() == "client" => {
            Decision::Later(Box::pin(async {
                tokio::task::yield_now().await;
                answer
            }))
        }
        _ => Decision::Now(answer),
    }
}

/// Never says what a client may do.
struct Undecided;

impl Authorizer for Undecided {
    fn authorize(&self, _: &Access) -> Pin<Box<dyn Future<Output = Ruling> + Send>> {
        Box::pin(std::future::pending())
    }

    fn edition(&self) -> u64 {
        0
    }
}

impl TestServer {
    /// Whatever waits for the store is too much.
    fn on(helper: &Helper, setup: Setup) -> Self {
        let settings = CommitSettings { waiting_bytes_max: 0, ..CommitSettings::default() };
        Self::with_store(Box::new(helper.clone()), settings, setup)
    }

    /// A client that is in and not read from, and the others, as [`Self::congested_by`] has them.
    async fn paused_by(
        &self,
        helper: &Helper,
    ) -> (DuplexStream, Driver<DuplexStream>, [(DuplexStream, Driver<DuplexStream>); 2]) {
        let (mut client, socket) = tokio::io::duplex(64);
        let mut driver = self.driver(socket);
        client.write_all(&connect_for_secs("client", 1)).await.expect("taken");
        poll_once(&mut driver);
        expect(&mut client, &CONNACK).await;
        let others = self.congested_by(helper).await;
        poll_once(&mut driver);
        assert!(self.shared.must_pause(&driver.link), "the store is behind");
        (client, driver, others)
    }

    /// One client's session is being written, and another one's waits, which is too much. Their
    /// connections stand still: nothing that they do adds to it.
    async fn congested_by(&self, helper: &Helper) -> [(DuplexStream, Driver<DuplexStream>); 2] {
        helper.set(Way::Slow);
        let first = self.begin_durable("first").await;
        wait_until(|| helper.is_at_work()).await;
        let second = self.begin_durable("second").await;
        wait_until(|| self.shared.commits.is_congested()).await;
        [first, second]
    }

    /// CONNECT with a session that is kept; no answer is waited for.
    async fn connecting_durable(&self, client_id: &str) -> (DuplexStream, JoinHandle<()>) {
        let (client, driver) = self.begin_durable(client_id).await;
        (client, tokio::spawn(driver))
    }

    /// The same, and the connection goes no further.
    async fn begin_durable(&self, client_id: &str) -> (DuplexStream, Driver<DuplexStream>) {
        let (mut client, socket) = tokio::io::duplex(64);
        client.write_all(&connect_with(0, &[client_id])).await.expect("taken");
        let mut driver = self.driver(socket);
        poll_once(&mut driver);
        (client, driver)
    }
}

async fn wait_until(is_so: impl Fn() -> bool) {
    let comes_about = async {
        while !is_so() {
            tokio::task::yield_now().await;
        }
    };
    patiently(comes_about).await;
}

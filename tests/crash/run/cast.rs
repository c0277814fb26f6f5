use std::thread;
use std::time::{Duration, Instant};

use fulmar::request::EXPIRY_NEVER;
use fulmar::types::Protocol::{V5, V311};
use fulmar::types::QoS::{AtLeastOnce, ExactlyOnce};

use crate::broker::Broker;
use crate::client::{Client, Habits, Lasting, Turn, WillPlan};
use crate::kill::{Kill, Kind};
use crate::ledger::{Ledger, NEVER, Violation};
use crate::rng::Rng;

/// A pause when there is nothing to do.
pub const PAUSE: Duration = Duration::from_micros(300);

/// Everybody who talks to the broker, and what they have seen.
pub struct Cast {
    pub clients: Vec<Client>,
    /// Clients of this cycle, which do not come back; and those of cycles before whose sessions must
    /// be over when they do.
    pub doomed: Vec<Client>,
    pub ledger: Ledger,
}

const LASTING: Lasting = Lasting::Seconds(EXPIRY_NEVER);
/// A session that lasts longer than any run.
const HOURS: Lasting = Lasting::Seconds(36_000);

/// A will that is not to be published in the course of any run, in seconds.
const LONG_DELAY_SECS: u32 = 1_000_000;

/// Seconds.
const BRIEFLY: u32 = 1;

/// The name of a shared subscription, to the broker and in the ledger.
const GROUP: &str = "group";

impl Cast {
    /// Publishers, receivers, the members of a shared subscription, and one who is away most of the
    /// time, so that much waits for it.
    pub fn all(mut ledger: Ledger) -> Self {
        let publisher = |protocol| Habits {
            publishes: true,
            account: None,
            collects: false,
            will: (protocol == V5).then(never),
            ..receiver("", protocol)
        };
        let both = Habits { account: Some("both".to_owned()), collects: true, ..publisher(V5) };
        let mut clients = vec![
            Client::new("p5", publisher(V5)),
            Client::new("p3", publisher(V311)),
            // The same packet ids are in use in both directions.
            Client::new("both", both),
            Client::new("s5", receiver("s5", V5)),
            Client::new("s3", receiver("s3", V311)),
            Client::new("least", Habits { session: HOURS, ..receiver("least", V5) }),
            Client::new("away", Habits { presence: 150, ..receiver("away", V5) }),
        ];
        for client in &mut clients {
            let qos = if client.name == "least" { AtLeastOnce } else { ExactlyOnce };
            if client.habits.account.is_some() {
                client.want("m/#", qos);
                client.want("w/#", qos);
                ledger.subscribed(&client.name, qos);
            }
        }
        clients.extend(members());
        ledger.shared(GROUP, ExactlyOnce);
        Self { clients, doomed: Vec::new(), ledger }
    }

    /// What of those who stay survives their connections.
    pub fn copy(&self) -> Self {
        let clients = self.clients.iter().map(Client::without_link).collect();
        Self { clients, doomed: Vec::new(), ledger: self.ledger.copy() }
    }

    /// Everybody who stays connects.
    pub fn connect(&mut self, broker: &Broker) {
        let Self { clients, ledger, .. } = self;
        clients.iter_mut().for_each(|client| client.connect(broker.address, u16::MAX, ledger));
    }

    /// A turn for everybody: at most one packet is handled, and a small step made. Returns the packet
    /// after which the broker is to be killed.
    pub fn act(&mut self, rng: &mut Rng, kill: &mut Kill) -> Option<Kind> {
        let mut idle = true;
        let Self { clients, doomed, ledger } = self;
        for client in clients.iter_mut().chain(doomed) {
            match client.turn(ledger) {
                Turn::Idle => {}
                Turn::Closed => close(client, ledger),
                Turn::Packet(kind) => {
                    idle = false;
                    if kill.sees(kind) {
                        if kill.is_answered() {
                            client.settle(true, ledger);
                        }
                        return Some(kind);
                    }
                }
            }
            client.act(rng, ledger);
        }
        if idle {
            thread::sleep(PAUSE);
        }
        None
    }

    /// A client with a will is lost while the broker lives.
    pub fn lose_one(&mut self) {
        if let Some(client) = self.doomed.iter_mut().find(|client| client.is_accepted()) {
            self.ledger.note(format_args!("{} is lost", client.name));
            client.hang_up();
        }
    }

    /// Lets every CONNECT be answered. A broker that lives on might else see two of one client in the
    /// wrong order, and let the connection that was left take over the one that came after it.
    pub fn settle_connects(&mut self, patience: Duration) {
        let Self { clients, doomed, ledger } = self;
        for client in clients.iter_mut().chain(doomed) {
            let since = Instant::now();
            while client.is_connected() && !client.is_accepted() && since.elapsed() < patience {
                match client.turn(ledger) {
                    Turn::Closed => close(client, ledger),
                    Turn::Idle => thread::sleep(PAUSE),
                    Turn::Packet(_) => {}
                }
            }
        }
    }

    /// Lets everybody who stays do what they owe until `is_over`, or until nothing has come for as
    /// long as `patience`.
    pub fn settle_until(&mut self, patience: Duration, is_over: impl Fn(&Self) -> bool) {
        let mut last = Instant::now();
        while last.elapsed() < patience {
            let mut idle = true;
            for client in &mut self.clients {
                loop {
                    match client.turn(&mut self.ledger) {
                        Turn::Idle => break,
                        Turn::Closed => close(client, &mut self.ledger),
                        Turn::Packet(_) => idle = false,
                    }
                }
                client.settle(true, &mut self.ledger);
            }
            if is_over(self) {
                return;
            }
            match idle {
                true => thread::sleep(PAUSE),
                false => last = Instant::now(),
            }
        }
        let states: Vec<String> = self.clients.iter().map(Client::state).collect();
        states.iter().for_each(|state| self.ledger.note(format_args!("stuck: {state}")));
    }

    /// Whether everybody has an answer to all that they asked.
    pub fn is_settled(&self) -> bool {
        self.clients.iter().all(Client::is_done)
    }

    /// Whether all that must come has come, too.
    pub fn is_drained(&self) -> bool {
        self.is_settled() && self.ledger.is_complete()
    }
}

/// The broker lives, and has closed the connection all the same.
pub fn close(client: &mut Client, ledger: &mut Ledger) {
    ledger.violation(Violation::ProtocolBroken, format!("{} was closed", client.name));
    client.hang_up();
}

/// A client with a session that lasts, whose deliveries are in the ledger under `name`.
pub fn receiver(name: &str, protocol: fulmar::types::Protocol) -> Habits {
    Habits {
        protocol,
        publishes: false,
        account: Some(name.to_owned()),
        collects: true,
        session: LASTING,
        will: None,
        presence: 800,
        may_be_refused: false,
    }
}

fn members() -> impl Iterator<Item = Client> {
    [("g1", V5), ("g2", V5), ("g3", V311)].into_iter().map(|(name, protocol)| {
        let habits = Habits { collects: false, presence: 600, ..receiver(GROUP, protocol) };
        let mut client = Client::new(name, habits);
        client.want(&format!("$share/{GROUP}/m/#"), ExactlyOnce);
        client
    })
}

/// A will of a client that always comes back in time.
fn never() -> WillPlan {
    let topic = NEVER.to_owned();
    WillPlan { topic, qos: ExactlyOnce, retain: false, delay_secs: LONG_DELAY_SECS }
}

/// Clients with wills that are lost in this cycle. Of one the session ends before its will's delay,
/// and with it the delay.
pub fn doomed(cycle: u64, rng: &mut Rng) -> Vec<Client> {
    let sessions = [LASTING, LASTING, Lasting::Briefly(BRIEFLY)];
    let clients = sessions.into_iter().enumerate().map(|(number, session)| {
        let delay_secs = match session {
            Lasting::Briefly(_) => LONG_DELAY_SECS,
            _ => rng.pick(&[0, 1]),
        };
        let qos = rng.pick(&[AtLeastOnce, ExactlyOnce]);
        let topic = format!("w/{cycle}/{number}");
        let will = WillPlan { topic, qos, retain: rng.chance(300), delay_secs };
        let habits = Habits { account: None, session, will: Some(will), ..receiver("", V5) };
        let mut client = Client::new(format!("doomed/{cycle}/{number}"), habits);
        if matches!(session, Lasting::Briefly(_)) {
            // Much waits in the session by the time it is over.
            client.want("m/#", ExactlyOnce);
        }
        client
    });
    clients.collect()
}

/// A client that begins anew and is about nothing of its own.
pub fn passing(name: &str) -> Client {
    let habits = Habits { account: None, collects: false, ..receiver("", V5) };
    Client::new(name, Habits { session: Lasting::Not, ..habits })
}

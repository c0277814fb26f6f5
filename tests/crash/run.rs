use std::collections::BTreeMap;
use std::thread;
use std::time::{Duration, Instant};

use fulmar::types::Protocol::{V5, V311};
use fulmar::types::{Protocol, QoS};

use crate::broker::{Broker, Place};
use crate::client::{Client, Habits, Standing, Turn};
use crate::kill::{Kill, Kind};
use crate::ledger::{Ledger, NEVER, Violation};
use crate::rng::Rng;

pub struct Plan {
    pub engine: &'static str,
    pub durability: &'static str,
    pub cycles: u64,
    pub seed: u64,
    /// How long nothing at all comes before what has not come counts as lost; longer than the
    /// delay of a will.
    pub patience: Duration,
    /// Only connections are cut, and the broker lives on.
    pub spared: bool,
}

pub struct Outcome {
    pub violations: BTreeMap<Violation, Vec<String>>,
    pub last_events: Vec<String>,
    pub summary: String,
}

/// The clients that stay from cycle to cycle; `m/#` and `w/#` are what they receive.
const CLIENTS: [(&str, Protocol, bool, Option<QoS>); 6] = [
    ("p5", V5, true, None),
    ("p3", V311, true, None),
    // The same packet ids are in use in both directions.
    ("both", V5, true, Some(QoS::ExactlyOnce)),
    ("s5", V5, false, Some(QoS::ExactlyOnce)),
    ("s3", V311, false, Some(QoS::ExactlyOnce)),
    ("least", V5, false, Some(QoS::AtLeastOnce)),
];

/// A will that is not to be published in the course of any run, in seconds.
const LONG_DELAY_SECS: u32 = 1_000_000;

/// Clients with a will that are lost in each cycle.
const WILLS: u64 = 2;

/// A pause when there is nothing to do.
const PAUSE: Duration = Duration::from_micros(300);

/// Starts, kills and restarts one broker as planned, and says what was found.
pub fn run(plan: &Plan) -> Outcome {
    println!("{}: {} cycles, FULMAR_CRASH_SEED={}", plan.engine, plan.cycles, plan.seed);
    let mut run = Run::new(plan);
    run.begin();
    for cycle in 1..=plan.cycles {
        run.ledger.cycle = cycle;
        run.cycle();
        if cycle % 20 == 0 {
            println!("{}: {cycle} cycles, {}", plan.engine, run.ledger.summary());
        }
    }
    run.finish();
    run.outcome(plan)
}

struct Run<'a> {
    plan: &'a Plan,
    place: Place,
    spared: Option<Broker>,
    rng: Rng,
    clients: Vec<Client>,
    /// Of this cycle: they do not come back.
    doomed: Vec<Client>,
    ledger: Ledger,
    kills: BTreeMap<Kind, u64>,
}

impl<'a> Run<'a> {
    fn new(plan: &'a Plan) -> Self {
        let place = Place::create(plan.engine, plan.durability);
        let mut ledger = Ledger::new(place.create_file("events"));
        let clients = CLIENTS.map(|(name, protocol, publishes, receives)| {
            let will = (publishes && protocol.is_v5()).then(|| (NEVER.to_owned(), LONG_DELAY_SECS));
            let collects = receives.is_some();
            let habits = Habits { protocol, publishes, clean: false, will, collects };
            let mut client = Client::new(name, habits);
            if let Some(qos) = receives {
                client.want("m/#", qos);
                client.want("w/#", qos);
                ledger.subscribed(name, qos);
            }
            client
        });
        Self {
            plan,
            place,
            spared: None,
            rng: Rng::new(plan.seed),
            clients: clients.into(),
            doomed: Vec::new(),
            ledger,
            kills: BTreeMap::new(),
        }
    }

    /// All subscriptions stand before the first message.
    fn begin(&mut self) {
        let broker = self.start();
        self.connect_all(&broker);
        self.settle_until(|run| run.clients.iter().all(Client::is_done));
        self.crash(broker);
    }

    fn start(&mut self) -> Broker {
        self.spared.take().unwrap_or_else(|| Broker::start(&self.place))
    }

    fn cycle(&mut self) {
        if !self.plan.spared && self.rng.chance(150) {
            let after = Duration::from_millis(self.rng.range(0..60));
            self.ledger.note(format_args!("killed {after:?} after its start"));
            Broker::start_and_kill(&self.place, after);
        }
        let broker = self.start();
        self.audit(&broker);
        self.connect_some(&broker);
        self.live();
        self.crash(broker);
    }

    fn connect_some(&mut self, broker: &Broker) {
        for client in &mut self.clients {
            if self.rng.chance(800) {
                // Less than the last time, now and then: what is sent again must wait, too.
                let receive_maximum = self.rng.pick(&[1, 2, 10, 100, u16::MAX]);
                client.connect(broker.address, receive_maximum, &mut self.ledger);
            }
        }
        for number in 0..WILLS {
            let name = format!("doomed/{}/{number}", self.ledger.cycle);
            let will = Some((format!("w/{}/{number}", self.ledger.cycle), self.rng.pick(&[0, 1])));
            let habits =
                Habits { protocol: V5, publishes: false, clean: false, will, collects: false };
            let mut client = Client::new(name, habits);
            client.connect(broker.address, 1, &mut self.ledger);
            self.doomed.push(client);
        }
    }

    fn connect_all(&mut self, broker: &Broker) {
        for client in &mut self.clients {
            client.connect(broker.address, u16::MAX, &mut self.ledger);
        }
    }

    /// Traffic until the broker is to be killed.
    fn live(&mut self) {
        let mut kill = Kill::planned(&mut self.rng);
        self.ledger.note(format_args!("{kill:?}"));
        while !kill.is_due() {
            let mut idle = true;
            for client in self.clients.iter_mut().chain(&mut self.doomed) {
                match client.turn(&mut self.ledger) {
                    Turn::Idle => {}
                    Turn::Closed => close(client, &mut self.ledger),
                    Turn::Packet(kind) => {
                        idle = false;
                        if kill.sees(kind) {
                            if kill.is_answered() {
                                client.settle(true, &mut self.ledger);
                            }
                            *self.kills.entry(kind).or_default() += 1;
                            return;
                        }
                    }
                }
                client.act(&mut self.rng, &mut self.ledger);
            }
            self.lose_one();
            if idle {
                thread::sleep(PAUSE);
            }
        }
    }

    /// Now and then a client with a will is lost while the broker lives.
    fn lose_one(&mut self) {
        let doomed = self.doomed.iter_mut().find(|client| client.is_accepted());
        if let Some(client) = doomed.filter(|_| self.rng.chance(3)) {
            self.ledger.note(format_args!("{} is lost", client.name));
            client.hang_up();
        }
    }

    /// What was on its way to a client still comes to it, or is lost with the broker.
    fn crash(&mut self, broker: Broker) {
        match self.plan.spared {
            true => self.spared = Some(broker),
            false => broker.kill(),
        }
        self.ledger.note("over");
        for client in self.clients.iter_mut().chain(&mut self.doomed) {
            if self.rng.chance(600) {
                while let Turn::Packet(_) = client.turn(&mut self.ledger) {}
            }
            client.hang_up();
        }
        self.doomed.clear();
    }

    /// A new subscription is shown the retained messages that were acknowledged.
    fn audit(&mut self, broker: &Broker) {
        let mut auditor = Client::new("auditor", passing());
        auditor.want("r/#", QoS::AtMostOnce);
        self.ledger.expect_retained();
        auditor.connect(broker.address, u16::MAX, &mut self.ledger);
        let mut last = Instant::now();
        while !(auditor.is_done() && self.ledger.has_all_retained()) {
            match auditor.turn(&mut self.ledger) {
                Turn::Packet(_) => last = Instant::now(),
                Turn::Closed => close(&mut auditor, &mut self.ledger),
                Turn::Idle if last.elapsed() > self.plan.patience => break,
                Turn::Idle => thread::sleep(PAUSE),
            }
            auditor.settle(true, &mut self.ledger);
        }
        self.ledger.check_retained();
    }

    /// Everybody finishes what is unfinished; then everything is held against the ledger.
    fn finish(&mut self) {
        let broker = self.start();
        self.connect_all(&broker);
        self.settle_until(|run| run.is_drained());
        self.probe(&broker);
        self.settle_until(|run| run.is_drained());
        self.audit(&broker);
        broker.kill();
        self.ledger.check_deliveries();
        self.check_subscriptions();
    }

    fn is_drained(&self) -> bool {
        self.clients.iter().all(Client::is_done) && self.ledger.is_complete()
    }

    /// One message for each subscription that was collected, and behind them one that all receive:
    /// when that has come, whatever was to come has.
    fn probe(&mut self, broker: &Broker) {
        let topics: Vec<String> = self
            .clients
            .iter()
            .flat_map(|client| client.collected().map(|(filter, _)| filter.to_owned()))
            .collect();
        let mut prober = Client::new("prober", passing());
        prober.connect(broker.address, u16::MAX, &mut self.ledger);
        self.clients.push(prober);
        let at = self.clients.len() - 1;
        for topic in &topics {
            self.settle_until(|run| run.clients[at].is_accepted() && run.clients[at].has_room());
            self.clients[at].publish_to(topic, QoS::AtLeastOnce, &mut self.ledger);
        }
        self.settle_until(|run| run.clients[at].is_done());
        self.clients[at].publish_to("m/end/2", QoS::ExactlyOnce, &mut self.ledger);
    }

    fn check_subscriptions(&mut self) {
        for client in &self.clients {
            for (filter, standing) in client.collected() {
                let subscribed = standing == Standing::Subscribed;
                self.ledger.check_subscription(&client.name, filter, subscribed);
            }
        }
    }

    /// Lets the clients do what they owe until `is_over`, or until nothing comes any more.
    fn settle_until(&mut self, is_over: impl Fn(&Self) -> bool) {
        let mut last = Instant::now();
        while last.elapsed() < self.plan.patience {
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

    fn outcome(mut self, plan: &Plan) -> Outcome {
        let violations = std::mem::take(&mut self.ledger.violations);
        let after: u64 = self.kills.values().sum();
        let kept = !violations.is_empty() && plan.durability == "disk";
        let place = match kept {
            true => format!("; see {}", self.place.keep().display()),
            false => String::new(),
        };
        let summary = format!(
            "{} cycles, {}; killed after {:?} and {} times at a moment{place}",
            plan.cycles,
            self.ledger.summary(),
            self.kills,
            plan.cycles - after,
        );
        Outcome { violations, last_events: self.ledger.take_events(), summary }
    }
}

/// A client that begins anew and is about nothing of its own.
fn passing() -> Habits {
    Habits { protocol: V5, publishes: false, clean: true, will: None, collects: false }
}

/// The broker lives, and has closed the connection all the same.
fn close(client: &mut Client, ledger: &mut Ledger) {
    ledger.violation(Violation::ProtocolBroken, format!("{} was closed", client.name));
    client.hang_up();
}

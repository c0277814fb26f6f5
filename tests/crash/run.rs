mod cast;
mod finish;

use std::collections::BTreeMap;
use std::time::Duration;

use crate::broker::Broker;
use crate::client::{Lasting, Turn};
use crate::kill::{Kill, Kind};
use crate::ledger::{Ledger, Violation};
use crate::place::Place;
use crate::rng::Rng;
pub use cast::{Cast, doomed, receiver};

#[derive(Clone)]
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

/// Starts, kills and restarts one broker as planned, and says what was found.
pub fn run(plan: &Plan) -> Outcome {
    println!("{plan}: {} cycles, FULMAR_CRASH_SEED={}", plan.cycles, plan.seed);
    let place = Place::create(plan.engine, plan.durability);
    let ledger = Ledger::new(place.create_file("events"));
    let mut run = Run::new(plan, place, Cast::all(ledger));
    run.begin();
    for cycle in 1..=plan.cycles {
        run.cast.ledger.cycle = cycle;
        run.cycle();
        if cycle % 20 == 0 {
            println!("{plan}: {cycle} cycles, {}", run.cast.ledger.summary());
        }
    }
    run.finish();
    let after: u64 = run.kills.values().sum();
    let at = plan.cycles - after;
    let what = format!("killed after {:?} and {at} times at a moment", run.kills);
    run.outcome(&what)
}

/// One broker after the other on one directory, and their clients.
pub struct Run<'a> {
    plan: &'a Plan,
    place: Place,
    spared: Option<Broker>,
    rng: Rng,
    pub cast: Cast,
    kills: BTreeMap<Kind, u64>,
}

impl<'a> Run<'a> {
    pub fn new(plan: &'a Plan, place: Place, cast: Cast) -> Self {
        let rng = Rng::new(plan.seed);
        Self { plan, place, spared: None, rng, cast, kills: BTreeMap::new() }
    }

    /// All subscriptions stand before the first message.
    fn begin(&mut self) {
        let broker = self.start();
        self.cast.connect(&broker);
        self.cast.settle_until(self.plan.patience, Cast::is_settled);
        self.crash(broker);
    }

    fn start(&mut self) -> Broker {
        self.spared.take().unwrap_or_else(|| Broker::start(&self.place))
    }

    fn cycle(&mut self) {
        if !self.plan.spared && self.rng.chance(150) {
            let after = Duration::from_millis(self.rng.range(0..60));
            self.cast.ledger.note(format_args!("killed {after:?} after its start"));
            Broker::start_and_kill(&self.place, after);
        }
        let broker = self.start();
        self.audit(&broker);
        self.connect_some(&broker);
        self.live(&broker);
        self.crash(broker);
    }

    fn connect_some(&mut self, broker: &Broker) {
        let Cast { clients, doomed, ledger } = &mut self.cast;
        for client in clients {
            if self.rng.chance(client.habits.presence) {
                // Less than the last time, now and then: what is sent again must wait, too.
                let receive_maximum = self.rng.pick(&[1, 2, 10, 100, u16::MAX]);
                client.connect(broker.address, receive_maximum, ledger);
            }
        }
        for mut client in cast::doomed(ledger.cycle, &mut self.rng) {
            client.connect(broker.address, 1, ledger);
            doomed.push(client);
        }
    }

    /// Traffic until the broker is to be killed.
    fn live(&mut self, broker: &Broker) {
        let mut kill = Kill::planned(&mut self.rng);
        self.cast.ledger.note(format_args!("{kill:?}"));
        while !kill.is_due() {
            if let Some(kind) = self.cast.act(&mut self.rng, &mut kill) {
                *self.kills.entry(kind).or_default() += 1;
                return;
            }
            if self.rng.chance(3) {
                self.cast.lose_one();
            }
            self.take_one_over(broker);
        }
    }

    /// Now and then a client connects while the broker still holds its last connection.
    fn take_one_over(&mut self, broker: &Broker) {
        if self.rng.chance(5) {
            let Cast { clients, ledger, .. } = &mut self.cast;
            let at = self.rng.index(clients.len());
            let client = &mut clients[at];
            if client.is_accepted() {
                client.connect(broker.address, self.rng.pick(&[1, 10, 100]), ledger);
            }
        }
    }

    /// What was on its way to a client still comes to it, or is lost with the broker.
    fn crash(&mut self, broker: Broker) {
        if self.plan.spared {
            self.cast.settle_connects(self.plan.patience);
            self.spared = Some(broker);
        } else {
            broker.kill();
        }
        let Cast { clients, doomed, ledger } = &mut self.cast;
        ledger.note("over");
        for client in clients.iter_mut().chain(doomed.iter_mut()) {
            if self.rng.chance(600) {
                while let Turn::Packet(_) = client.turn(ledger) {}
            }
            client.hang_up();
        }
        // Those whose sessions must be over come back once more, in the end.
        doomed.retain(|client| {
            client.is_known() && matches!(client.habits.session, Lasting::Briefly(_))
        });
    }

    /// What was found in doing `what`.
    pub fn outcome(mut self, what: &str) -> Outcome {
        let violations = std::mem::take(&mut self.cast.ledger.violations);
        let kept = !violations.is_empty() && self.plan.durability != "memory";
        let place = match kept {
            true => format!("; see {}", self.place.keep().display()),
            false => String::new(),
        };
        let summary = format!("{what}, {}{place}", self.cast.ledger.summary());
        Outcome { violations, last_events: self.cast.ledger.take_events(), summary }
    }
}

impl std::fmt::Display for Plan {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}", self.engine, self.durability)
    }
}

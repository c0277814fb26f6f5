use std::thread;
use std::time::{Duration, Instant};

use fulmar::types::QoS;

use super::Run;
use super::cast::{Cast, PAUSE, close, passing};
use crate::broker::Broker;
use crate::client::{Standing, Turn};

/// Longer than the sessions live that are to be over, after their clients and their broker have gone.
const BRIEF_SESSIONS: Duration = Duration::from_millis(1_500);

impl Run<'_> {
    /// Everybody finishes what is unfinished; then everything is held against the ledger.
    pub fn finish(&mut self) {
        let broker = self.start();
        let (started, patience) = (Instant::now(), self.plan.patience);
        self.cast.connect(&broker);
        self.cast.settle_until(patience, Cast::is_drained);
        self.probe(&broker);
        self.cast.settle_until(patience, Cast::is_drained);
        self.audit(&broker);
        self.return_doomed(&broker, started);
        broker.kill();
        self.cast.ledger.check_deliveries();
        self.check_subscriptions();
    }

    /// A new subscription is shown the retained messages that were acknowledged.
    pub fn audit(&mut self, broker: &Broker) {
        let ledger = &mut self.cast.ledger;
        let mut auditor = passing("auditor");
        auditor.want("r/#", QoS::AtMostOnce);
        auditor.want("w/#", QoS::AtMostOnce);
        ledger.expect_retained();
        auditor.connect(broker.address, u16::MAX, ledger);
        let mut last = Instant::now();
        while !(auditor.is_done() && ledger.has_all_retained()) {
            match auditor.turn(ledger) {
                Turn::Packet(_) => last = Instant::now(),
                Turn::Closed => close(&mut auditor, ledger),
                Turn::Idle if last.elapsed() > self.plan.patience => break,
                Turn::Idle => thread::sleep(PAUSE),
            }
            auditor.settle(true, ledger);
        }
        ledger.check_retained();
    }

    /// One message for each subscription that was collected, and behind them one that all receive:
    /// when that has come, whatever was to come has.
    fn probe(&mut self, broker: &Broker) {
        let topics: Vec<String> = self
            .cast
            .clients
            .iter()
            .flat_map(|client| client.collected().map(|(filter, _)| filter.to_owned()))
            .collect();
        let mut prober = passing("prober");
        prober.connect(broker.address, u16::MAX, &mut self.cast.ledger);
        self.cast.clients.push(prober);
        let at = self.cast.clients.len() - 1;
        for topic in &topics {
            self.cast.settle_until(self.plan.patience, |cast| {
                let prober = &cast.clients[at];
                prober.is_accepted() && prober.has_room()
            });
            let Cast { clients, ledger, .. } = &mut self.cast;
            clients[at].publish_to(topic, QoS::AtLeastOnce, ledger);
        }
        self.cast.settle_until(self.plan.patience, |cast| cast.clients[at].is_done());
        let Cast { clients, ledger, .. } = &mut self.cast;
        clients[at].publish_to("m/end/2", QoS::ExactlyOnce, ledger);
    }

    /// Those whose sessions were to end while they were away find no session.
    fn return_doomed(&mut self, broker: &Broker, started: Instant) {
        if self.cast.doomed.is_empty() {
            return;
        }
        thread::sleep(BRIEF_SESSIONS.saturating_sub(started.elapsed()));
        let Cast { doomed, ledger, .. } = &mut self.cast;
        for client in doomed {
            client.habits.will = None;
            client.connect(broker.address, u16::MAX, ledger);
            let since = Instant::now();
            while !client.is_accepted() && since.elapsed() < self.plan.patience {
                match client.turn(ledger) {
                    Turn::Closed => close(client, ledger),
                    Turn::Idle => thread::sleep(PAUSE),
                    Turn::Packet(_) => {}
                }
            }
            client.hang_up();
        }
    }

    fn check_subscriptions(&mut self) {
        let Cast { clients, ledger, .. } = &mut self.cast;
        for client in clients {
            for (filter, standing) in client.collected() {
                let subscribed = standing == Standing::Subscribed;
                ledger.check_subscription(&client.name, filter, subscribed);
            }
        }
    }
}

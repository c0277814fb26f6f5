use std::collections::BTreeMap;

use fulmar::broker::Broker;
use fulmar::journal::{SessionImage, Unfinished};
use fulmar::request::{EXPIRY_NEVER, Will};
use fulmar::session::Session;
use fulmar::types::{ClientId, Filter, InboundId, Message, SubscriptionOptions, Timestamp};

use crate::common::Shell;

/// What must survive of a session, read from the broker or from an image of its journal.
#[derive(Debug, PartialEq)]
pub struct Reading {
    expiry_secs: u32,
    connected: bool,
    /// While it is not connected.
    ends_at: Option<Timestamp>,
    subscriptions: BTreeMap<Filter, SubscriptionOptions>,
    inbound: Vec<InboundId>,
    queue: Vec<(u64, Unfinished)>,
    next_number: u64,
    /// While it is not connected: those of the queue that may have been sent.
    sent: Vec<u64>,
    will: Option<Will>,
}

/// Holds the image of all batches, durable or not, against the broker.
pub fn compare(shell: &Shell, clients: &[&str]) {
    let mut image = shell.image.clone();
    let waiting = shell.waiting.iter().flat_map(|batch| batch.changes.clone());
    waiting.for_each(|change| image.apply(change));

    let broker = &shell.broker;
    let live = clients.iter().filter_map(|name| {
        let session = broker.session(&ClientId::new(name))?;
        session.is_durable().then(|| (session.number, live(session)))
    });
    let kept = image.sessions.iter().filter(|(_, kept)| kept.expiry_secs > 0);
    let kept: BTreeMap<_, _> = kept.map(|(number, image)| (*number, self::kept(image))).collect();
    assert_eq!(kept, live.collect());

    let retained: BTreeMap<_, _> =
        retained(broker).map(|message| (message.topic().to_owned(), message.clone())).collect();
    assert_eq!(image.retained, retained);
}

fn retained(broker: &Broker) -> impl Iterator<Item = &Message> {
    broker.retained().iter()
}

fn live(session: &Session) -> Reading {
    let sent_before = session.outbound.sent_before();
    let absent = session.conn.is_none();
    let sent = session.outbound.unfinished().filter(|(number, _)| absent && *number < sent_before);
    Reading {
        expiry_secs: session.expiry_secs,
        connected: session.conn.is_some(),
        ends_at: session.ends_at,
        subscriptions: session.subscriptions.clone(),
        inbound: session.inbound.iter().collect(),
        queue: session.outbound.unfinished().collect(),
        next_number: session.outbound.next_number(),
        sent: sent.map(|(number, _)| number).collect(),
        will: session.will.as_deref().cloned(),
    }
}

fn kept(image: &SessionImage) -> Reading {
    let ends_at = image.detached_at.map(|at| match image.expiry_secs {
        EXPIRY_NEVER => Timestamp::NEVER,
        secs => at.plus_secs(u64::from(secs)),
    });
    let sent = |number: &u64| image.detached_at.is_some() && *number < image.sent_before;
    Reading {
        expiry_secs: image.expiry_secs,
        connected: image.detached_at.is_none(),
        ends_at,
        subscriptions: image.subscriptions.clone(),
        inbound: image.inbound.iter().copied().collect(),
        queue: image.queue.clone().into_iter().collect(),
        next_number: image.next_number,
        sent: image.queue.keys().copied().filter(sent).collect(),
        will: image.will.clone(),
    }
}

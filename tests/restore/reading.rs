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
    /// While it is not connected.
    next_number: Option<u64>,
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
    let kept = kept.map(|(number, image)| (*number, self::kept(without_backlog(broker, image))));
    let kept: BTreeMap<_, _> = kept.collect();
    assert_eq!(kept, live.collect());

    let retained: BTreeMap<_, _> =
        retained(broker).map(|message| (message.topic().to_owned(), message.clone())).collect();
    assert_eq!(image.retained, retained);
}

/// The broker does not have what only the store has.
fn without_backlog(broker: &Broker, image: &SessionImage) -> SessionImage {
    let mut image = image.clone();
    let session = broker.session(&image.client_id);
    if let Some(backlog) = session.and_then(|session| session.outbound.backlog()) {
        let numbers = backlog.from..backlog.to;
        let before = image.queue.len();
        image.queue.retain(|number, _| !numbers.contains(number));
        let paged = (before - image.queue.len()) as u64;
        assert!(backlog.messages <= paged, "{} of {paged}", backlog.messages);
    }
    image
}

fn retained(broker: &Broker) -> impl Iterator<Item = &Message> {
    broker.retained().iter()
}

fn live(session: &Session) -> Reading {
    let subscriptions = session.subscriptions.iter();
    let sent_before = session.outbound.sent_before();
    let absent = session.conn.is_none();
    let sent = session.outbound.unfinished().filter(|(number, _)| absent && *number < sent_before);
    Reading {
        expiry_secs: session.expiry_secs,
        connected: session.conn.is_some(),
        ends_at: session.ends_at,
        subscriptions: subscriptions.map(|(filter, options)| (filter.clone(), options)).collect(),
        inbound: session.inbound.iter().collect(),
        queue: session.outbound.unfinished().collect(),
        next_number: absent.then(|| session.outbound.next_number()),
        sent: sent.map(|(number, _)| number).collect(),
        will: session.will.as_deref().cloned(),
    }
}

fn kept(image: SessionImage) -> Reading {
    let ends_at = image.detached_at.map(|at| match image.expiry_secs {
        EXPIRY_NEVER => Timestamp::NEVER,
        secs => at.plus_secs(u64::from(secs)),
    });
    let sent = |number: &u64| image.detached_at.is_some() && *number < image.sent_before;
    Reading {
        expiry_secs: image.expiry_secs,
        connected: image.detached_at.is_none(),
        ends_at,
        inbound: image.inbound.iter().copied().collect(),
        next_number: image.detached_at.map(|_| image.next_number.max(image.sent_before)),
        sent: image.queue.keys().copied().filter(sent).collect(),
        subscriptions: image.subscriptions,
        queue: image.queue.into_iter().collect(),
        will: image.will,
    }
}

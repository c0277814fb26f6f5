use super::direct::{Apart, Direct, Unacknowledged};
use crate::codec::{PACKET_LEN_MAX, PublishHead};
use crate::request::{Delivery, Outgoing};
use crate::types::{GroupKey, Lsn, Message, PacketId, Protocol, QoS, SubscriptionIds, Timestamp};

/// How a session gets messages that routing found it to be a receiver of.
#[derive(Debug, Clone, Copy)]
pub struct Terms<'a> {
    /// The QoS to deliver it with.
    pub qos: QoS,
    /// The RETAIN flag to deliver it with.
    pub retain: bool,
    /// Which subscriptions it stems from.
    pub subscription_ids: &'a SubscriptionIds,
    /// What must be durable before it is sent.
    pub gate: Lsn,
    /// The shared subscription it came through.
    pub group: Option<GroupKey>,
}

/// What goes from the queues of one session to another.
#[derive(Debug, Clone)]
pub struct NewDelivery {
    /// The message.
    pub message: Message,
    /// The QoS to deliver it with.
    pub qos: QoS,
    /// The RETAIN flag to deliver it with.
    pub retain: bool,
    /// Which subscriptions it stems from.
    pub subscription_ids: SubscriptionIds,
    /// What must be durable before it is sent.
    pub gate: Lsn,
    /// The shared subscription it came through.
    pub group: Option<GroupKey>,
}

/// How much may wait for one client. Holds for messages of QoS 0 and the others apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct QueueLimits {
    /// Messages not sent yet.
    pub messages_max: usize,
    /// Their bytes, as [`Message::len`] counts.
    pub bytes_max: usize,
    /// What gives way at the limit.
    pub rule: QueueRule,
}

/// What gives way when a queue is full.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum QueueRule {
    /// The new message.
    #[default]
    RefuseNew,
    /// The oldest ones that have not been sent.
    DropOldest,
}

/// How much of a queue that is on disk is held in memory for a connection to send from.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Window {
    /// Messages not sent yet, at least 1.
    pub messages_max: usize,
    /// Their bytes, as [`Message::len`] counts: the message that passes the limit is the last one.
    pub bytes_max: usize,
}

/// The message was not queued: the limit is reached.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct QueueFull {
    /// Older messages that made way all the same, as in [`Offered`].
    pub dropped: Vec<u64>,
}

/// A queued message's place.
#[derive(Debug, PartialEq, Eq)]
pub struct Offered {
    /// Its queue number.
    pub number: u64,
    /// The queue numbers of older messages that made way.
    pub dropped: Vec<u64>,
}

/// What became of messages of QoS 0.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct OfferedDirect {
    /// How many were queued.
    pub queued: usize,
    /// For how many there was no room.
    pub refused: usize,
    /// How many, of older ones and of these, made way for later ones.
    pub dropped: usize,
}

/// What one pull takes, and how much it may.
#[derive(Debug)]
pub struct Pull<'a> {
    out: &'a mut Vec<Outgoing>,
    end: usize,
    bytes_max: usize,
    bytes: usize,
    /// PUBLISH packets taken.
    pub publishes: u64,
    /// Bytes of payload in them.
    pub payload_bytes: u64,
}

impl<'a> Pull<'a> {
    /// Takes until `out` has `end` packets, or messages of `bytes_max` bytes, as [`Message::len`] counts,
    /// have been taken: the one that passes the limit is the last.
    pub fn new(out: &'a mut Vec<Outgoing>, end: usize, bytes_max: usize) -> Self {
        Self { out, end, bytes_max, bytes: 0, publishes: 0, payload_bytes: 0 }
    }

    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.out.len() >= self.end || self.bytes >= self.bytes_max
    }

    #[inline]
    pub(super) fn publish(&mut self, delivery: Delivery) {
        self.count(&delivery.message);
        self.out.push(Outgoing::Publish(delivery));
    }

    #[inline]
    fn count(&mut self, message: &Message) {
        self.bytes += message.len();
        self.publishes += 1;
        self.payload_bytes += message.payload_len() as u64;
    }

    /// Takes messages from the front as long as there is room, and they are plain.
    pub(super) fn take_plain(
        &mut self,
        direct: &mut Direct,
        is_plain: impl Fn(&Unacknowledged) -> bool,
    ) {
        let room = self.end.saturating_sub(self.out.len());
        let mut count = 0;
        for next in direct.iter().take(room).take_while(|next| is_plain(next)) {
            if self.bytes >= self.bytes_max {
                break;
            }
            self.count(&next.message);
            count += 1;
        }
        self.out.extend(direct.take(count).map(|next| {
            Outgoing::Publish(Delivery {
                message: next.message,
                qos: QoS::AtMostOnce,
                id: None,
                dup: false,
                retain: false,
                subscription_ids: SubscriptionIds::None,
            })
        }));
    }

    pub(super) fn push(&mut self, outgoing: Outgoing) {
        match outgoing {
            Outgoing::Publish(delivery) => self.publish(delivery),
            other => self.out.push(other),
        }
    }
}

/// A message that will not be sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Dropped {
    /// Its queue number; `None` for QoS 0.
    pub number: Option<u64>,
    /// Why.
    pub cause: DropCause,
}

/// Why a message is not sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DropCause {
    /// Its message expiry interval has passed (`[MQTT-3.3.2-5]`).
    Expired,
    /// The client does not take packets of its size (`[MQTT-3.1.2-25]`), or its version has none:
    /// in 5.0 a packet is longer than it was in 3.1.1.
    TooLarge,
    /// The client may not receive its topic (any more).
    Denied,
}

/// An acknowledgement that the exchange does not allow.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum AckError {
    /// No exchange has this packet id.
    Unknown,
    /// The exchange is at another step.
    OutOfPlace,
    /// An earlier process may have sent the message, and it has not been loaded yet: it is sent again
    /// before its answer counts.
    NotLoaded,
}

/// What holds for one pull.
#[derive(Clone, Copy)]
pub struct Context<'a> {
    /// Now.
    pub now: Timestamp,
    /// Everything up to here is on disk.
    pub durable: Lsn,
    /// What becomes durable together with the end of a message that is dropped now;
    /// [`Lsn::NONE`] where nothing of the session is to be.
    pub recorded: Lsn,
    /// Decides how long a packet is.
    pub protocol: Protocol,
    /// Unfinished exchanges that the client takes at a time (`[MQTT-3.3.4-9]`).
    pub receive_maximum: u16,
    /// The largest packet that the client takes, in bytes.
    pub maximum_packet_size: u32,
    /// Says of a topic that the client may not receive it; `None` where that need not be asked.
    pub denies: Option<&'a dyn Fn(&str) -> bool>,
}

impl Context<'_> {
    /// Whether this message must not be sent any more, and why.
    #[inline]
    pub(super) fn cause_to_drop(
        &self,
        message: &Message,
        qos: QoS,
        subscription_ids: &SubscriptionIds,
    ) -> Option<DropCause> {
        if message.is_expired(self.now) {
            return Some(DropCause::Expired);
        }
        self.cause_to_stop(message, qos, subscription_ids)
    }

    /// The same for a message that has been sent: an exchange that has begun does not expire.
    #[inline]
    pub(super) fn cause_to_stop(
        &self,
        message: &Message,
        qos: QoS,
        subscription_ids: &SubscriptionIds,
    ) -> Option<DropCause> {
        if self.denies.is_some_and(|denies| denies(message.topic())) {
            return Some(DropCause::Denied);
        }
        self.is_too_large(message, qos, subscription_ids).then_some(DropCause::TooLarge)
    }

    /// Whether the client does not take a packet with this message.
    #[inline]
    fn is_too_large(
        &self,
        message: &Message,
        qos: QoS,
        subscription_ids: &SubscriptionIds,
    ) -> bool {
        // Most clients set no limit.
        let limited = self.maximum_packet_size != u32::MAX || may_be_too_large(message);
        let limit = PACKET_LEN_MAX.min(self.maximum_packet_size as usize);
        limited && self.packet_len(message, qos, subscription_ids) > limit
    }

    fn packet_len(&self, message: &Message, qos: QoS, subscription_ids: &SubscriptionIds) -> usize {
        let head = PublishHead {
            dup: false,
            qos,
            retain: false,
            topic: message.topic_bytes(),
            packet_id: (qos > QoS::AtMostOnce).then_some(PacketId::MAX),
            message_expiry_secs: message.expires_at().map(|_| 0),
            topic_alias: None,
            subscription_ids,
            passed_on: message.properties(),
            payload_len: message.payload().len(),
        };
        head.packet_len(self.protocol)
    }
}

/// Whether the message may be too large for the protocol: most are nowhere near that.
#[inline]
pub(super) fn may_be_too_large(message: &Message) -> bool {
    message.len() > PACKET_LEN_MAX / 2
}

impl From<Unacknowledged> for NewDelivery {
    fn from(waiting: Unacknowledged) -> Self {
        let Unacknowledged { message, gate, apart, .. } = waiting;
        let Apart { retain, subscription_ids, group } =
            apart.map(|apart| *apart).unwrap_or_default();
        Self { message, qos: QoS::AtMostOnce, retain, subscription_ids, gate, group }
    }
}

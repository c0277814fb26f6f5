//! Changes as bytes: the form in which a store keeps them.
//!
//! A record is a version byte and then changes, each a tag and its fields. Numbers are big-endian;
//! texts, messages and lists have a 4-byte length in front. A message stands there once, where it
//! comes first: where it comes again, [`REPEATED`] and its place among the messages stand for it.

use hashbrown::HashMap;
use hashbrown::hash_map::Entry;

use super::{Change, SessionNumber};
use crate::request::Will;
use crate::types::{
    ClientId, Filter, InboundId, Message, PacketId, QoS, RetainHandling, SubscriptionId,
    SubscriptionIds, SubscriptionOptions, Timestamp,
};

/// The form that is written. Another one is refused, never guessed at.
const VERSION: u8 = 1;

/// Set where a message's length would be: the rest is the place of a message that came before.
const REPEATED: u32 = 1 << 31;

/// Bytes that are not a record of changes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum RecordError {
    /// Written by a version that this one does not know.
    #[error("record has format {0}, this version reads {VERSION}")]
    Version(u8),
    /// Cut short, or not what was written.
    #[error("record is damaged")]
    Damaged,
}

/// The record of these changes.
pub fn encode(changes: &[Change]) -> Vec<u8> {
    // Addresses are nobody's choice, so the hasher needs no chance.
    let hasher = ahash::RandomState::with_seeds(1, 2, 3, 4);
    let mut writer = Writer { bytes: vec![VERSION], messages: HashMap::with_hasher(hasher) };
    for change in changes {
        writer.change(change);
    }
    writer.bytes
}

/// The changes in a record.
///
/// # Errors
///
/// [`RecordError`] if [`encode`] cannot have written these bytes.
pub fn decode(record: &[u8]) -> Result<Vec<Change>, RecordError> {
    let (version, rest) = record.split_first().ok_or(RecordError::Damaged)?;
    if *version != VERSION {
        return Err(RecordError::Version(*version));
    }
    let mut reader = Reader { bytes: rest, messages: Vec::new() };
    let mut changes = Vec::new();
    while !reader.bytes.is_empty() {
        changes.push(reader.change().ok_or(RecordError::Damaged)?);
    }
    Ok(changes)
}

struct Writer {
    bytes: Vec<u8>,
    /// Places of the messages written so far, by where they stand in memory: the changes hold them
    /// there as long as the writer lives.
    messages: HashMap<*const u8, u32, ahash::RandomState>,
}

impl Writer {
    fn change(&mut self, change: &Change) {
        match change {
            Change::SessionOpened { session, client_id, expiry_secs } => {
                self.tag(1, *session).text(client_id.as_str()).u32(*expiry_secs)
            }
            Change::SessionResumed { session, expiry_secs } => {
                self.tag(2, *session).u32(*expiry_secs)
            }
            Change::SessionDetached { session, expiry_secs, at } => {
                self.tag(3, *session).u32(*expiry_secs).u64(at.0)
            }
            Change::SessionEnded { session } => self.tag(4, *session),
            Change::Subscribed { session, filter, options } => {
                self.tag(5, *session).text(filter.as_str()).options(options)
            }
            Change::Unsubscribed { session, filter } => self.tag(6, *session).text(filter.as_str()),
            Change::InboundTaken { session, id } => self.tag(7, *session).u16(id.0.get()),
            Change::InboundReleased { session, id } => self.tag(8, *session).u16(id.0.get()),
            Change::Queued { session, number, message, qos, retain, subscription_ids } => self
                .tag(9, *session)
                .u64(*number)
                .message(message)
                .u8(qos.bits())
                .u8(u8::from(*retain))
                .ids(subscription_ids),
            Change::PubRecSeen { session, number } => self.tag(10, *session).u64(*number),
            Change::Settled { session, number } => self.tag(11, *session).u64(*number),
            Change::RetainedSet { message } => self.u8(12).message(message),
            Change::RetainedCleared { topic } => self.u8(13).text(topic),
            Change::WillArmed { session, will } => self.tag(14, *session).will(will),
            Change::WillCleared { session } => self.tag(15, *session),
            Change::Sent { session, before } => self.tag(16, *session).u64(*before),
        };
    }

    fn tag(&mut self, tag: u8, session: SessionNumber) -> &mut Self {
        self.u8(tag).u64(session.0)
    }

    fn options(&mut self, options: &SubscriptionOptions) -> &mut Self {
        self.u8(options.qos.bits())
            .u8(u8::from(options.no_local))
            .u8(u8::from(options.retain_as_published))
            .u8(options.retain_handling as u8)
            .u32(options.id.map_or(0, SubscriptionId::get))
    }

    fn ids(&mut self, ids: &SubscriptionIds) -> &mut Self {
        self.u32(ids.iter().count() as u32);
        ids.iter().fold(self, |writer, id| writer.u32(id.get()))
    }

    fn will(&mut self, will: &Will) -> &mut Self {
        let expiry = will.expiry_secs;
        self.message(&will.message)
            .u32(will.delay_secs)
            .u8(u8::from(expiry.is_some()))
            .u32(expiry.unwrap_or(0))
    }

    fn message(&mut self, message: &Message) -> &mut Self {
        let place = self.messages.len() as u32;
        match self.messages.entry(message.as_bytes().as_ptr()) {
            Entry::Occupied(earlier) => {
                let earlier = *earlier.get();
                self.u32(REPEATED | earlier)
            }
            Entry::Vacant(vacant) => {
                vacant.insert(place);
                self.bytes(message.as_bytes())
            }
        }
    }

    fn text(&mut self, text: &str) -> &mut Self {
        self.bytes(text.as_bytes())
    }

    fn bytes(&mut self, bytes: &[u8]) -> &mut Self {
        let len = u32::try_from(bytes.len()).ok().filter(|len| len & REPEATED == 0);
        self.u32(len.expect("nothing from a packet is that long"));
        self.bytes.extend_from_slice(bytes);
        self
    }

    fn u8(&mut self, value: u8) -> &mut Self {
        self.bytes.push(value);
        self
    }

    fn u16(&mut self, value: u16) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }

    fn u32(&mut self, value: u32) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }

    fn u64(&mut self, value: u64) -> &mut Self {
        self.bytes.extend_from_slice(&value.to_be_bytes());
        self
    }
}

/// Reads what [`Writer`] wrote; `None` where it cannot have.
struct Reader<'a> {
    bytes: &'a [u8],
    messages: Vec<Message>,
}

impl<'a> Reader<'a> {
    fn change(&mut self) -> Option<Change> {
        let tag = self.u8()?;
        match tag {
            12 => return Some(Change::RetainedSet { message: self.message()? }),
            13 => return Some(Change::RetainedCleared { topic: self.text()?.to_owned() }),
            _ => {}
        }
        let session = SessionNumber(self.u64()?);
        Some(match tag {
            1 => {
                let client_id = ClientId::new(self.text()?);
                Change::SessionOpened { session, client_id, expiry_secs: self.u32()? }
            }
            2 => Change::SessionResumed { session, expiry_secs: self.u32()? },
            3 => {
                let expiry_secs = self.u32()?;
                Change::SessionDetached { session, expiry_secs, at: Timestamp(self.u64()?) }
            }
            4 => Change::SessionEnded { session },
            5 => {
                let filter = self.filter()?;
                Change::Subscribed { session, filter, options: self.options()? }
            }
            6 => Change::Unsubscribed { session, filter: self.filter()? },
            7 => Change::InboundTaken { session, id: self.inbound_id()? },
            8 => Change::InboundReleased { session, id: self.inbound_id()? },
            9 => Change::Queued {
                session,
                number: self.u64()?,
                message: self.message()?,
                qos: self.qos()?,
                retain: self.bool()?,
                subscription_ids: self.ids()?,
            },
            10 => Change::PubRecSeen { session, number: self.u64()? },
            11 => Change::Settled { session, number: self.u64()? },
            14 => Change::WillArmed { session, will: self.will()? },
            15 => Change::WillCleared { session },
            16 => Change::Sent { session, before: self.u64()? },
            _ => return None,
        })
    }

    fn options(&mut self) -> Option<SubscriptionOptions> {
        Some(SubscriptionOptions {
            qos: self.qos()?,
            no_local: self.bool()?,
            retain_as_published: self.bool()?,
            retain_handling: RetainHandling::from_bits(self.u8()?)?,
            id: SubscriptionId::new(self.u32()?),
        })
    }

    fn ids(&mut self) -> Option<SubscriptionIds> {
        let mut ids = SubscriptionIds::None;
        for _ in 0..self.u32()? {
            ids.insert(Some(SubscriptionId::new(self.u32()?)?));
        }
        Some(ids)
    }

    fn will(&mut self) -> Option<Will> {
        let message = self.message()?;
        let delay_secs = self.u32()?;
        let has_expiry = self.bool()?;
        let expiry_secs = self.u32()?;
        Some(Will { message, delay_secs, expiry_secs: has_expiry.then_some(expiry_secs) })
    }

    fn message(&mut self) -> Option<Message> {
        let len = self.u32()?;
        if len & REPEATED != 0 {
            return self.messages.get((len & !REPEATED) as usize).cloned();
        }
        let message = Message::from_bytes(self.slice(len)?)?;
        self.messages.push(message.clone());
        Some(message)
    }

    /// A filter was parsed with shared subscriptions when it was made.
    fn filter(&mut self) -> Option<Filter> {
        Filter::parse(self.text()?, true).ok()
    }

    fn inbound_id(&mut self) -> Option<InboundId> {
        PacketId::new(u16::from_be_bytes(self.take()?)).map(InboundId)
    }

    fn qos(&mut self) -> Option<QoS> {
        QoS::from_bits(self.u8()?)
    }

    fn bool(&mut self) -> Option<bool> {
        match self.u8()? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        }
    }

    fn text(&mut self) -> Option<&'a str> {
        std::str::from_utf8(self.bytes()?).ok()
    }

    fn bytes(&mut self) -> Option<&'a [u8]> {
        let len = self.u32()?;
        self.slice(len)
    }

    fn slice(&mut self, len: u32) -> Option<&'a [u8]> {
        let (bytes, rest) = self.bytes.split_at_checked(len as usize)?;
        self.bytes = rest;
        Some(bytes)
    }

    fn u8(&mut self) -> Option<u8> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u32(&mut self) -> Option<u32> {
        self.take().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Option<u64> {
        self.take().map(u64::from_be_bytes)
    }

    fn take<const N: usize>(&mut self) -> Option<[u8; N]> {
        let (bytes, rest) = self.bytes.split_first_chunk()?;
        self.bytes = rest;
        Some(*bytes)
    }
}

#[cfg(test)]
mod tests;

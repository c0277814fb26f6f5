use std::sync::Arc;

use super::Fault;
use super::aliases::{InboundAliases, OutboundAliases};
use super::exchange::Turn;
use crate::types::ReasonCode;

/// What was agreed with a client in its CONNECT, and what has come up since.
#[derive(Debug)]
pub(super) struct Link {
    /// The largest packet that the client takes, in bytes.
    pub maximum_packet_size: u32,
    /// How many topic aliases may be set towards the client.
    pub topic_alias_maximum: u16,
    /// Whether the client wants problem information, if it said so.
    pub problem_information: Option<bool>,
    /// Whether the client asked for response information.
    pub response_information: bool,
    /// Whether the CONNECT asked for a session that ends with the connection.
    pub session_ends: bool,
    /// CONNACK with success is encoded: what is sent from now on comes behind it.
    pub acknowledged: bool,
    /// The authentication method of the CONNECT.
    pub method: Option<Arc<str>>,
    /// Who is to speak next in a re-authentication under way.
    pub exchange: Option<Turn>,
    pub inbound_aliases: Option<Box<InboundAliases>>,
    pub outbound_aliases: Option<Box<OutboundAliases>>,
}

impl Link {
    /// With a client that has not come to say anything.
    pub fn unknown() -> Self {
        Self {
            maximum_packet_size: u32::MAX,
            topic_alias_maximum: 0,
            problem_information: None,
            response_information: false,
            session_ends: true,
            acknowledged: false,
            method: None,
            exchange: None,
            inbound_aliases: None,
            outbound_aliases: None,
        }
    }

    /// Whether the client is told in words, too, why it is closed for `reason`.
    ///
    /// Silence is consent (section 3.1.2.11.7), but clients know bare reasons for their own
    /// mistakes from Mosquitto and compare bytes. Whoever did nothing wrong is told more: Paho's
    /// Python client even overlooks a reason that comes alone.
    pub fn wants_words(&self, reason: ReasonCode) -> bool {
        use ReasonCode::{AdministrativeAction, ServerShuttingDown, SessionTakenOver};
        let blameless =
            matches!(reason, SessionTakenOver | ServerShuttingDown | AdministrativeAction);
        self.problem_information.unwrap_or(blameless)
    }

    /// Whether a packet may come now: none does between AUTH and CONNACK (`[MQTT-3.1.2-30]`).
    pub fn check_turn(&self) -> Result<(), Fault> {
        if self.method.is_some() && !self.acknowledged {
            return Err(Fault::protocol("packet before CONNACK ends the authentication"));
        }
        Ok(())
    }

    pub fn is_reading(&self) -> bool {
        !matches!(self.exchange, Some(Turn::Server))
    }
}

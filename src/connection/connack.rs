//! How a connection begins and ends in the client's eyes: CONNACK and DISCONNECT from the server.

use super::{Connection, DURABILITY_PROPERTY, Ended, Link, Output, RETRY_AFTER_PROPERTY, State};
use crate::codec::{ConnAck, Disconnect, Packet};
use crate::request;
use crate::types::{ClientId, Protocol, QoS, ReasonCode};

impl Connection {
    /// The CONNECT was refused, or a re-authentication failed: says so and closes.
    ///
    /// A client that has its CONNACK is told 0x87, Not authorized, with DISCONNECT: it knows
    /// no other reason there. `why` is for the log.
    pub fn refuse(&mut self, reason: ReasonCode, why: &'static str, output: &mut Output) {
        let told = match &self.state {
            State::Connected(link) if link.acknowledged => ReasonCode::NotAuthorized,
            _ => reason,
        };
        self.ended.get_or_insert_with(|| Ended::Refused { reason, why }.into());
        self.close(told, "", output);
    }

    /// There is no room for the client that sent the CONNECT, or it is not wanted: says so and closes.
    /// An MQTT 5 client is told in a user property after how many seconds it may try again, where that
    /// would help.
    pub fn turn_away(
        &mut self,
        reason: ReasonCode,
        why: &'static str,
        retry_after_secs: Option<u32>,
        output: &mut Output,
    ) {
        self.ended.get_or_insert_with(|| Ended::Refused { reason, why }.into());
        let secs = retry_after_secs.map(|secs| secs.to_string());
        let hint = secs.as_deref().map(|secs| (RETRY_AFTER_PROPERTY, secs));
        self.close_with(reason, "", hint, output);
    }

    /// CONNACK with success and with the limits that hold here.
    ///
    /// Where it is too large for the client, what it can do without is left out
    /// (`[MQTT-3.1.2-24]`, `[MQTT-3.2.2-20]`); where that is not enough the connection cannot be.
    pub(super) fn accept_connect(&mut self, decided: &request::ConnAck, output: &mut Output) {
        let (State::Connected(link) | State::Leaving { link, .. }) = &mut self.state else {
            return;
        };
        let Some(protocol) = self.protocol.filter(|_| !link.acknowledged) else { return };
        let limits = &self.limits;
        let response_information =
            limits.response_information.as_deref().filter(|_| link.response_information);
        let full = ConnAck {
            session_present: decided.session_present,
            session_expiry_secs: decided.session_expiry_secs,
            receive_maximum: (limits.receive_maximum < u16::MAX).then_some(limits.receive_maximum),
            maximum_qos: (limits.maximum_qos < QoS::ExactlyOnce).then_some(limits.maximum_qos),
            retain_available: no(limits.retain_available),
            maximum_packet_size: limits.announced_packet_size(),
            assigned_client_id: decided.assigned_client_id.as_ref().map(ClientId::as_str),
            topic_alias_maximum: Some(limits.topic_alias_maximum).filter(|max| *max > 0),
            wildcard_subscription_available: no(limits.wildcard_subscriptions),
            subscription_identifiers_available: no(limits.subscription_identifiers),
            shared_subscription_available: no(limits.shared_subscriptions),
            server_keep_alive_secs: decided.server_keep_alive_secs,
            response_information,
            user_properties: limits.durability.map(announced).into_iter().collect(),
            authentication_method: link.method.as_deref(),
            authentication_data: link.method.as_ref().and(decided.authentication_data.as_deref()),
            ..ConnAck::default()
        };
        let silent = ConnAck { user_properties: Vec::new(), ..full.clone() };
        let bare =
            ConnAck { response_information: None, topic_alias_maximum: None, ..silent.clone() };
        link.acknowledged = link.write_connack(full, protocol, output)
            || link.write_connack(silent, protocol, output)
            || link.write_connack(bare, protocol, output);
        if !link.acknowledged {
            let (reason, why) = (ReasonCode::PacketTooLarge, "CONNACK is too large for the client");
            self.ended.get_or_insert_with(|| Ended::ByServer { reason, why }.into());
            self.close(reason, why, output);
        }
    }
}

impl Link {
    /// Says why the connection is closed, in words if the client wants them and they fit
    /// (`[MQTT-3.2.2-19]`, `[MQTT-3.14.2-3]`).
    ///
    /// Before CONNACK that is CONNACK (`[MQTT-3.14.0-1]`), behind it DISCONNECT, which 3.1.1 has
    /// not from a server.
    pub fn write_farewell(
        &self,
        reason: ReasonCode,
        why: &str,
        hint: Option<(&str, &str)>,
        protocol: Protocol,
        output: &mut Output,
    ) {
        // What helps the client goes before what helps people, and the bare reason always goes.
        if let (Some(hint), false, true) = (hint, self.acknowledged, protocol.is_v5()) {
            let (reason, user_properties) = (connack_reason(reason), vec![hint]);
            let packet = ConnAck { reason, user_properties, ..ConnAck::default() };
            if self.write_connack(packet, protocol, output) {
                return;
            }
        }
        let words = Some(why).filter(|why| self.wants_words(reason) && !why.is_empty());
        for reason_string in [words, None] {
            let written = match (self.acknowledged, protocol.is_v5()) {
                (true, true) => self.write_disconnect(reason, reason_string, output),
                (false, true) => {
                    let reason = connack_reason(reason);
                    let packet = ConnAck { reason, reason_string, ..ConnAck::default() };
                    self.write_connack(packet, protocol, output)
                }
                (false, false) if has_return_code(reason) => {
                    self.write_connack(ConnAck { reason, ..ConnAck::default() }, protocol, output)
                }
                _ => true,
            };
            if written {
                return;
            }
        }
    }

    fn write_connack(&self, packet: ConnAck<'_>, protocol: Protocol, output: &mut Output) -> bool {
        self.write(&Packet::ConnAck(Box::new(packet)), protocol, output)
    }

    fn write_disconnect(
        &self,
        reason: ReasonCode,
        reason_string: Option<&str>,
        output: &mut Output,
    ) -> bool {
        let packet = Disconnect { reason, reason_string, ..Disconnect::default() };
        self.write(&Packet::Disconnect(packet), Protocol::V5, output)
    }
}

/// What an acknowledgement promises.
fn announced(durability: &'static str) -> (&'static str, &'static str) {
    (DURABILITY_PROPERTY, durability)
}

/// What is available goes without saying.
fn no(available: bool) -> Option<bool> {
    (!available).then_some(false)
}

/// `reason` if a CONNACK may carry it (section 3.2.2.2). The others belong to a connection that
/// has stood for a while; here they tell of packets that came too soon, or of our own haste.
fn connack_reason(reason: ReasonCode) -> ReasonCode {
    use ReasonCode::*;
    match reason {
        TopicFilterInvalid
        | TopicAliasInvalid
        | SharedSubscriptionsNotSupported
        | SubscriptionIdentifiersNotSupported
        | WildcardSubscriptionsNotSupported => ProtocolError,
        KeepAliveTimeout
        | SessionTakenOver
        | PacketIdentifierInUse
        | PacketIdentifierNotFound
        | ReceiveMaximumExceeded
        | MessageRateTooHigh
        | AdministrativeAction
        | MaximumConnectTime => UnspecifiedError,
        ServerShuttingDown => ServerUnavailable,
        _ if reason.is_error() => reason,
        _ => UnspecifiedError,
    }
}

/// Whether one of the return codes of 3.1.1 says it (table 3.1); without one the server closes
/// and says nothing (3.1.1: `[MQTT-3.2.2-6]`).
fn has_return_code(reason: ReasonCode) -> bool {
    use ReasonCode::*;
    !matches!(
        reason,
        MalformedPacket
            | ProtocolError
            | PacketTooLarge
            | QoSNotSupported
            | RetainNotSupported
            | TopicNameInvalid
            | PayloadFormatInvalid
            | BadAuthenticationMethod
    ) && reason.is_error()
}

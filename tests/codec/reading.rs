//! What a packet says, field by field, in a form that two codecs can be compared in.

use std::fmt::Debug;

use fulmar::codec::*;
use fulmar::types::{Protocol, RetainHandling};

/// Fields with their values. What is absent, or is what absence means, is left out.
#[derive(Debug, Default, PartialEq)]
pub struct Reading(Vec<(&'static str, String)>);

impl Reading {
    pub fn of(packet: &'static str) -> Self {
        Self(vec![("packet", packet.into())])
    }

    pub fn add(&mut self, name: &'static str, value: impl Debug) {
        self.0.push((name, format!("{value:?}")));
    }

    pub fn add_some(&mut self, name: &'static str, value: Option<impl Debug>) {
        if let Some(value) = value {
            self.add(name, value);
        }
    }

    pub fn add_all<T: Debug>(&mut self, name: &'static str, values: impl IntoIterator<Item = T>) {
        values.into_iter().for_each(|value| self.add(name, value));
    }

    /// In any order: writers differ in it.
    pub fn sorted(mut self) -> Self {
        self.0.sort_by_key(|(name, _)| *name);
        self
    }
}

/// What our codec reads.
pub fn reading(packet: &Packet<'_>, protocol: Protocol) -> Reading {
    let fields = match packet {
        Packet::Connect(connect) => connect_fields(connect),
        Packet::ConnAck(connack) => connack_fields(connack, protocol),
        Packet::Publish(publish) => publish_fields(publish),
        Packet::PubAck(ack) => ack_fields("PUBACK", ack),
        Packet::PubRec(ack) => ack_fields("PUBREC", ack),
        Packet::PubRel(ack) => ack_fields("PUBREL", ack),
        Packet::PubComp(ack) => ack_fields("PUBCOMP", ack),
        Packet::Subscribe(subscribe) => subscribe_fields(subscribe),
        Packet::SubAck(suback) => suback_fields(suback),
        Packet::Unsubscribe(unsubscribe) => unsubscribe_fields(unsubscribe),
        Packet::UnsubAck(unsuback) => unsuback_fields(unsuback),
        Packet::PingReq => Reading::of("PINGREQ"),
        Packet::PingResp => Reading::of("PINGRESP"),
        Packet::Disconnect(disconnect) => disconnect_fields(disconnect),
        Packet::Auth(_) => Reading::of("AUTH"),
    };
    fields.sorted()
}

fn connect_fields(connect: &Connect<'_>) -> Reading {
    let mut fields = Reading::of("CONNECT");
    fields.add("client id", connect.client_id);
    fields.add("clean start", connect.clean_start);
    fields.add("keep alive", connect.keep_alive_secs);
    fields.add_some("session expiry", connect.session_expiry_secs);
    fields.add_some("receive maximum", connect.receive_maximum);
    fields.add_some("maximum packet size", connect.maximum_packet_size);
    fields.add_some("topic alias maximum", connect.topic_alias_maximum);
    fields.add_some("response information", connect.request_response_information);
    fields.add_some("problem information", connect.request_problem_information);
    fields.add_some("authentication method", connect.authentication_method);
    fields.add_some("authentication data", connect.authentication_data);
    fields.add_all("user property", &connect.user_properties);
    fields.add_some("user name", connect.username.filter(|name| !name.is_empty()));
    fields.add_some("password", connect.password.filter(|password| !password.is_empty()));
    if let Some(will) = &connect.will {
        fields.add("will topic", will.topic);
        fields.add("will payload", will.payload);
        fields.add("will qos", will.qos.bits());
        fields.add("will retain", will.retain);
        fields.add_some("will delay", will.delay_secs);
        fields.add_some("message expiry", will.message_expiry_secs);
        add_passed_on(&mut fields, &will.passed_on);
    }
    fields
}

fn add_passed_on(fields: &mut Reading, passed_on: &[u8]) {
    for property in properties(passed_on) {
        match property {
            Property::PayloadFormatIndicator(utf8) => fields.add("payload format", u8::from(utf8)),
            Property::ContentType(text) => fields.add("content type", text),
            Property::ResponseTopic(topic) => fields.add("response topic", topic),
            Property::CorrelationData(data) => fields.add("correlation data", data),
            Property::UserProperty(pair) => fields.add("user property", pair),
            other => fields.add("stranger", other),
        }
    }
}

fn connack_fields(connack: &ConnAck<'_>, protocol: Protocol) -> Reading {
    let mut fields = Reading::of("CONNACK");
    fields.add("session present", connack.session_present);
    fields.add("reason", if protocol.is_v5() { connack.reason.byte() } else { v3_code(connack) });
    fields.add_some("session expiry", connack.session_expiry_secs);
    fields.add_some("receive maximum", connack.receive_maximum);
    fields.add_some("maximum qos", connack.maximum_qos.map(|qos| qos.bits()));
    fields.add_some("retain available", connack.retain_available);
    fields.add_some("maximum packet size", connack.maximum_packet_size);
    fields.add_some("assigned client id", connack.assigned_client_id);
    fields.add_some("topic alias maximum", connack.topic_alias_maximum);
    fields.add_some("reason string", connack.reason_string);
    fields.add_all("user property", &connack.user_properties);
    fields.add_some("wildcards", connack.wildcard_subscription_available);
    fields.add_some("identifiers", connack.subscription_identifiers_available);
    fields.add_some("shared", connack.shared_subscription_available);
    fields.add_some("server keep alive", connack.server_keep_alive_secs);
    fields.add_some("response information", connack.response_information);
    fields.add_some("server reference", connack.server_reference);
    fields.add_some("authentication method", connack.authentication_method);
    fields.add_some("authentication data", connack.authentication_data);
    fields
}

fn v3_code(connack: &ConnAck<'_>) -> u8 {
    super::encoded(&Packet::ConnAck(Box::new(connack.clone())), Protocol::V311)[3]
}

fn publish_fields(publish: &Publish<'_>) -> Reading {
    let mut fields = Reading::of("PUBLISH");
    fields.add("dup", publish.dup);
    fields.add("qos", publish.qos.bits());
    fields.add("retain", publish.retain);
    fields.add("topic", publish.topic);
    fields.add("packet id", publish.packet_id.map_or(0, |id| id.get()));
    fields.add("payload", publish.payload);
    fields.add_some("message expiry", publish.properties.message_expiry_secs);
    fields.add_some("topic alias", publish.properties.topic_alias);
    fields.add_all("subscription id", publish.properties.subscription_ids.iter());
    add_passed_on(&mut fields, &publish.properties.passed_on);
    fields
}

fn ack_fields(name: &'static str, ack: &Ack<'_>) -> Reading {
    let mut fields = Reading::of(name);
    fields.add("packet id", ack.packet_id);
    fields.add("reason", ack.reason.byte());
    fields.add_some("reason string", ack.reason_string);
    fields.add_all("user property", &ack.user_properties);
    fields
}

fn subscribe_fields(subscribe: &Subscribe<'_>) -> Reading {
    let mut fields = Reading::of("SUBSCRIBE");
    fields.add("packet id", subscribe.packet_id);
    fields.add_all("user property", &subscribe.user_properties);
    fields.add_some("subscription id", subscribe.filters[0].options.id);
    for SubscribeFilter { filter, options } in &subscribe.filters {
        fields.add("filter", filter);
        fields.add("qos", options.qos.bits());
        fields.add("no local", options.no_local);
        fields.add("retain as published", options.retain_as_published);
        fields.add("retain handling", handling_bits(options.retain_handling));
    }
    fields
}

fn handling_bits(handling: RetainHandling) -> u8 {
    match handling {
        RetainHandling::Send => 0,
        RetainHandling::SendIfNew => 1,
        RetainHandling::DoNotSend => 2,
    }
}

fn suback_fields(suback: &SubAck<'_>) -> Reading {
    let mut fields = Reading::of("SUBACK");
    fields.add("packet id", suback.packet_id);
    fields.add_all("reason", suback.reasons.iter().map(|reason| reason.byte()));
    fields.add_some("reason string", suback.reason_string);
    fields.add_all("user property", &suback.user_properties);
    fields
}

fn unsubscribe_fields(unsubscribe: &Unsubscribe<'_>) -> Reading {
    let mut fields = Reading::of("UNSUBSCRIBE");
    fields.add("packet id", unsubscribe.packet_id);
    fields.add_all("filter", &unsubscribe.filters);
    fields.add_all("user property", &unsubscribe.user_properties);
    fields
}

fn unsuback_fields(unsuback: &UnsubAck<'_>) -> Reading {
    let mut fields = Reading::of("UNSUBACK");
    fields.add("packet id", unsuback.packet_id);
    fields.add_all("reason", unsuback.reasons.iter().map(|reason| reason.byte()));
    fields.add_some("reason string", unsuback.reason_string);
    fields.add_all("user property", &unsuback.user_properties);
    fields
}

fn disconnect_fields(disconnect: &Disconnect<'_>) -> Reading {
    let mut fields = Reading::of("DISCONNECT");
    fields.add("reason", disconnect.reason.byte());
    fields.add_some("session expiry", disconnect.session_expiry_secs);
    fields.add_some("reason string", disconnect.reason_string);
    fields.add_some("server reference", disconnect.server_reference);
    fields.add_all("user property", &disconnect.user_properties);
    fields
}

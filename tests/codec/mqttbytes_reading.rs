//! What mqttbytes reads, in the same form.

use mqttbytes::{v4, v5};

use super::reading::Reading;

/// Four types of one form.
macro_rules! v5_ack {
    ($name:literal, $ack:ident) => {{
        let mut fields = with_id($name, $ack.pkid);
        fields.add("reason", $ack.reason as u8);
        if let Some(properties) = &$ack.properties {
            add_texts(&mut fields, &properties.reason_string, &properties.user_properties);
        }
        fields
    }};
}
pub fn v4_reading(packet: &v4::Packet) -> Reading {
    let fields = match packet {
        v4::Packet::Connect(connect) => v4_connect(connect),
        v4::Packet::ConnAck(connack) => v4_connack(connack),
        v4::Packet::Publish(publish) => v4_publish(publish),
        v4::Packet::PubAck(ack) => v4_ack("PUBACK", ack.pkid),
        v4::Packet::PubRec(ack) => v4_ack("PUBREC", ack.pkid),
        v4::Packet::PubRel(ack) => v4_ack("PUBREL", ack.pkid),
        v4::Packet::PubComp(ack) => v4_ack("PUBCOMP", ack.pkid),
        v4::Packet::Subscribe(subscribe) => v4_subscribe(subscribe),
        v4::Packet::SubAck(suback) => v4_suback(suback),
        v4::Packet::Unsubscribe(unsubscribe) => v4_unsubscribe(unsubscribe),
        v4::Packet::UnsubAck(unsuback) => with_id("UNSUBACK", unsuback.pkid),
        v4::Packet::PingReq => Reading::of("PINGREQ"),
        v4::Packet::PingResp => Reading::of("PINGRESP"),
        v4::Packet::Disconnect => with_reason("DISCONNECT", 0),
    };
    fields.sorted()
}

pub fn v5_reading(packet: &v5::Packet) -> Reading {
    let fields = match packet {
        v5::Packet::Connect(connect) => v5_connect(connect),
        v5::Packet::ConnAck(connack) => v5_connack(connack),
        v5::Packet::Publish(publish) => v5_publish(publish),
        v5::Packet::PubAck(ack) => v5_ack!("PUBACK", ack),
        v5::Packet::PubRec(ack) => v5_ack!("PUBREC", ack),
        v5::Packet::PubRel(ack) => v5_ack!("PUBREL", ack),
        v5::Packet::PubComp(ack) => v5_ack!("PUBCOMP", ack),
        v5::Packet::Subscribe(subscribe) => v5_subscribe(subscribe),
        v5::Packet::SubAck(suback) => v5_suback(suback),
        v5::Packet::Unsubscribe(unsubscribe) => v5_unsubscribe(unsubscribe),
        v5::Packet::UnsubAck(unsuback) => v5_unsuback(unsuback),
        v5::Packet::PingReq => Reading::of("PINGREQ"),
        v5::Packet::PingResp => Reading::of("PINGRESP"),
        v5::Packet::Disconnect(disconnect) => v5_disconnect(disconnect),
    };
    fields.sorted()
}

fn with_id(name: &'static str, pkid: u16) -> Reading {
    let mut fields = Reading::of(name);
    fields.add("packet id", pkid);
    fields
}

fn with_reason(name: &'static str, reason: u8) -> Reading {
    let mut fields = Reading::of(name);
    fields.add("reason", reason);
    fields
}

fn add_texts(fields: &mut Reading, reason_string: &Option<String>, pairs: &[(String, String)]) {
    fields.add_some("reason string", reason_string.as_ref());
    fields.add_all("user property", pairs);
}

fn v4_connect(connect: &v4::Connect) -> Reading {
    let mut fields = Reading::of("CONNECT");
    fields.add("client id", &connect.client_id);
    fields.add("clean start", connect.clean_session);
    fields.add("keep alive", connect.keep_alive);
    if let Some(login) = &connect.login {
        add_login(&mut fields, &login.username, &login.password);
    }
    if let Some(will) = &connect.last_will {
        fields.add("will topic", &will.topic);
        fields.add("will payload", &will.message[..]);
        fields.add("will qos", will.qos as u8);
        fields.add("will retain", will.retain);
    }
    fields
}

fn add_login(fields: &mut Reading, username: &str, password: &str) {
    fields.add_some("user name", Some(username).filter(|name| !name.is_empty()));
    let password = password.as_bytes();
    fields.add_some("password", Some(password).filter(|password| !password.is_empty()));
}

fn v4_connack(connack: &v4::ConnAck) -> Reading {
    let mut fields = with_reason("CONNACK", connack.code as u8);
    fields.add("session present", connack.session_present);
    fields
}

fn v4_publish(publish: &v4::Publish) -> Reading {
    let mut fields = with_id("PUBLISH", publish.pkid);
    fields.add("dup", publish.dup);
    fields.add("qos", publish.qos as u8);
    fields.add("retain", publish.retain);
    fields.add("topic", &publish.topic);
    fields.add("payload", &publish.payload[..]);
    fields
}

fn v4_ack(name: &'static str, pkid: u16) -> Reading {
    let mut fields = with_id(name, pkid);
    fields.add("reason", 0u8);
    fields
}

fn v4_subscribe(subscribe: &v4::Subscribe) -> Reading {
    let mut fields = with_id("SUBSCRIBE", subscribe.pkid);
    for filter in &subscribe.filters {
        fields.add("filter", &filter.path);
        fields.add("qos", filter.qos as u8);
        fields.add("no local", false);
        fields.add("retain as published", false);
        fields.add("retain handling", 0u8);
    }
    fields
}

fn v4_suback(suback: &v4::SubAck) -> Reading {
    let mut fields = with_id("SUBACK", suback.pkid);
    for code in &suback.return_codes {
        match code {
            v4::SubscribeReasonCode::Success(qos) => fields.add("reason", *qos as u8),
            v4::SubscribeReasonCode::Failure => fields.add("reason", 0x80u8),
        }
    }
    fields
}

fn v4_unsubscribe(unsubscribe: &v4::Unsubscribe) -> Reading {
    let mut fields = with_id("UNSUBSCRIBE", unsubscribe.pkid);
    fields.add_all("filter", &unsubscribe.topics);
    fields
}

fn v5_connect(connect: &v5::Connect) -> Reading {
    let mut fields = Reading::of("CONNECT");
    fields.add("client id", &connect.client_id);
    fields.add("clean start", connect.clean_session);
    fields.add("keep alive", connect.keep_alive);
    if let Some(properties) = &connect.properties {
        v5_connect_properties(&mut fields, properties);
    }
    if let Some(login) = &connect.login {
        add_login(&mut fields, &login.username, &login.password);
    }
    if let Some(will) = &connect.last_will {
        v5_will(&mut fields, will);
    }
    fields
}

fn v5_connect_properties(fields: &mut Reading, properties: &v5::ConnectProperties) {
    fields.add_some("session expiry", properties.session_expiry_interval);
    fields.add_some("receive maximum", properties.receive_maximum);
    fields.add_some("maximum packet size", properties.max_packet_size);
    fields.add_some("topic alias maximum", properties.topic_alias_max);
    fields.add_some("response information", properties.request_response_info.map(is_set));
    fields.add_some("problem information", properties.request_problem_info.map(is_set));
    fields.add_some("authentication method", properties.authentication_method.as_ref());
    fields.add_some("authentication data", properties.authentication_data.as_deref());
    fields.add_all("user property", &properties.user_properties);
}

fn is_set(byte: u8) -> bool {
    byte != 0
}

fn v5_will(fields: &mut Reading, will: &v5::LastWill) {
    fields.add("will topic", &will.topic);
    fields.add("will payload", &will.message[..]);
    fields.add("will qos", will.qos as u8);
    fields.add("will retain", will.retain);
    let Some(properties) = &will.properties else { return };
    fields.add_some("will delay", properties.delay_interval);
    fields.add_some("message expiry", properties.message_expiry_interval);
    fields.add_some("payload format", properties.payload_format_indicator);
    fields.add_some("content type", properties.content_type.as_ref());
    fields.add_some("response topic", properties.response_topic.as_ref());
    fields.add_some("correlation data", properties.correlation_data.as_deref());
    fields.add_all("user property", &properties.user_properties);
}

fn v5_connack(connack: &v5::ConnAck) -> Reading {
    let mut fields = with_reason("CONNACK", connack.code as u8);
    fields.add("session present", connack.session_present);
    let Some(properties) = &connack.properties else { return fields };
    fields.add_some("session expiry", properties.session_expiry_interval);
    fields.add_some("receive maximum", properties.receive_max);
    fields.add_some("maximum qos", properties.max_qos);
    fields.add_some("retain available", properties.retain_available.map(is_set));
    fields.add_some("maximum packet size", properties.max_packet_size);
    fields.add_some("assigned client id", properties.assigned_client_identifier.as_ref());
    fields.add_some("topic alias maximum", properties.topic_alias_max);
    add_texts(&mut fields, &properties.reason_string, &properties.user_properties);
    fields.add_some("wildcards", properties.wildcard_subscription_available.map(is_set));
    fields.add_some("identifiers", properties.subscription_identifiers_available.map(is_set));
    fields.add_some("shared", properties.shared_subscription_available.map(is_set));
    fields.add_some("server keep alive", properties.server_keep_alive);
    fields.add_some("response information", properties.response_information.as_ref());
    fields.add_some("server reference", properties.server_reference.as_ref());
    fields.add_some("authentication method", properties.authentication_method.as_ref());
    fields.add_some("authentication data", properties.authentication_data.as_deref());
    fields
}

fn v5_publish(publish: &v5::Publish) -> Reading {
    let mut fields = with_id("PUBLISH", publish.pkid);
    fields.add("dup", publish.dup);
    fields.add("qos", publish.qos as u8);
    fields.add("retain", publish.retain);
    fields.add("topic", &publish.topic);
    fields.add("payload", &publish.payload[..]);
    let Some(properties) = &publish.properties else { return fields };
    fields.add_some("message expiry", properties.message_expiry_interval);
    fields.add_some("topic alias", properties.topic_alias);
    fields.add_all("subscription id", &properties.subscription_identifiers);
    fields.add_some("payload format", properties.payload_format_indicator);
    fields.add_some("content type", properties.content_type.as_ref());
    fields.add_some("response topic", properties.response_topic.as_ref());
    fields.add_some("correlation data", properties.correlation_data.as_deref());
    fields.add_all("user property", &properties.user_properties);
    fields
}

fn v5_subscribe(subscribe: &v5::Subscribe) -> Reading {
    let mut fields = with_id("SUBSCRIBE", subscribe.pkid);
    if let Some(properties) = &subscribe.properties {
        fields.add_some("subscription id", properties.id);
        fields.add_all("user property", &properties.user_properties);
    }
    for filter in &subscribe.filters {
        fields.add("filter", &filter.path);
        fields.add("qos", filter.qos as u8);
        fields.add("no local", filter.nolocal);
        fields.add("retain as published", filter.preserve_retain);
        let handling = match filter.retain_forward_rule {
            v5::RetainForwardRule::OnEverySubscribe => 0u8,
            v5::RetainForwardRule::OnNewSubscribe => 1,
            v5::RetainForwardRule::Never => 2,
        };
        fields.add("retain handling", handling);
    }
    fields
}

fn v5_suback(suback: &v5::SubAck) -> Reading {
    let mut fields = with_id("SUBACK", suback.pkid);
    fields.add_all("reason", suback.return_codes.iter().map(|code| *code as u8));
    if let Some(properties) = &suback.properties {
        add_texts(&mut fields, &properties.reason_string, &properties.user_properties);
    }
    fields
}

fn v5_unsubscribe(unsubscribe: &v5::Unsubscribe) -> Reading {
    let mut fields = with_id("UNSUBSCRIBE", unsubscribe.pkid);
    fields.add_all("filter", &unsubscribe.filters);
    if let Some(properties) = &unsubscribe.properties {
        fields.add_all("user property", &properties.user_properties);
    }
    fields
}

fn v5_unsuback(unsuback: &v5::UnsubAck) -> Reading {
    let mut fields = with_id("UNSUBACK", unsuback.pkid);
    fields.add_all("reason", unsuback.reasons.iter().map(|reason| *reason as u8));
    if let Some(properties) = &unsuback.properties {
        add_texts(&mut fields, &properties.reason_string, &properties.user_properties);
    }
    fields
}

fn v5_disconnect(disconnect: &v5::Disconnect) -> Reading {
    let mut fields = with_reason("DISCONNECT", disconnect.reason_code as u8);
    if let Some(properties) = &disconnect.properties {
        fields.add_some("session expiry", properties.session_expiry_interval);
        fields.add_some("server reference", properties.server_reference.as_ref());
        add_texts(&mut fields, &properties.reason_string, &properties.user_properties);
    }
    fields
}

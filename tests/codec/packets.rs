//! Packets of every type, made at random, in the form of one version. They borrow from leaked
//! memory: a test run makes a few megabytes of it, and lifetimes stay out of the strategies.

use std::borrow::Cow;

use fulmar::codec::*;
use fulmar::types::*;
use proptest::collection::vec;
use proptest::option;
use proptest::prelude::*;
use proptest::sample::select;

/// Any packet that `protocol` has, with nothing in it that `protocol` does not have.
pub fn packet(protocol: Protocol) -> BoxedStrategy<Packet<'static>> {
    let everywhere = prop_oneof![
        connect(protocol).prop_map(|connect| Packet::Connect(Box::new(connect))),
        connack(protocol).prop_map(|connack| Packet::ConnAck(Box::new(connack))),
        publish(protocol).prop_map(Packet::Publish),
        ack(protocol, PUBLISH_REASONS).prop_map(Packet::PubAck),
        ack(protocol, PUBLISH_REASONS).prop_map(Packet::PubRec),
        ack(protocol, RELEASE_REASONS).prop_map(Packet::PubRel),
        ack(protocol, RELEASE_REASONS).prop_map(Packet::PubComp),
        subscribe(protocol).prop_map(Packet::Subscribe),
        suback(protocol).prop_map(Packet::SubAck),
        unsubscribe(protocol).prop_map(Packet::Unsubscribe),
        unsuback(protocol).prop_map(Packet::UnsubAck),
        Just(Packet::PingReq),
        Just(Packet::PingResp),
        disconnect(protocol).prop_map(Packet::Disconnect),
    ];
    if protocol.is_v5() {
        return prop_oneof![14 => everywhere, 1 => auth().prop_map(Packet::Auth)].boxed();
    }
    everywhere.boxed()
}

/// A packet of any version, with its version.
pub fn packet_of_any_version() -> impl Strategy<Value = (Protocol, Packet<'static>)> {
    select(&super::VERSIONS[..]).prop_flat_map(|protocol| (Just(protocol), packet(protocol)))
}

type Extras = (Option<&'static str>, UserProperties<'static>);
type Authentication = (Option<&'static str>, Option<&'static [u8]>);

fn connect(protocol: Protocol) -> impl Strategy<Value = Connect<'static>> {
    let head = (text(), any::<bool>(), any::<u16>(), option::of(will(protocol)));
    let limits = (some(any::<u32>()), some(1..=u16::MAX), some(1..=u32::MAX), some(any::<u16>()));
    let wishes = (some(any::<bool>()), some(any::<bool>()), user_properties());
    let login = (option::of(text()), option::of(bytes(40)));
    (head, limits, wishes, authentication(), login).prop_map(
        move |(head, limits, wishes, authentication, (username, password))| {
            let v5 = protocol.is_v5();
            Connect {
                protocol,
                client_id: head.0,
                clean_start: head.1,
                keep_alive_secs: head.2,
                session_expiry_secs: limits.0.filter(|_| v5),
                receive_maximum: limits.1.filter(|_| v5),
                maximum_packet_size: limits.2.filter(|_| v5),
                topic_alias_maximum: limits.3.filter(|_| v5),
                request_response_information: wishes.0.filter(|_| v5),
                request_problem_information: wishes.1.filter(|_| v5),
                authentication_method: authentication.0.filter(|_| v5),
                authentication_data: authentication.1.filter(|_| v5),
                user_properties: if v5 { wishes.2 } else { Vec::new() },
                will: head.3,
                username,
                password: password.filter(|_| v5 || username.is_some()),
            }
        },
    )
}

fn will(protocol: Protocol) -> impl Strategy<Value = LastWill<'static>> {
    let times = (some(any::<u32>()), some(any::<u32>()));
    (qos(), any::<bool>(), topic(), bytes(40), times, passed_on()).prop_map(
        move |(qos, retain, topic, payload, times, passed_on)| LastWill {
            qos,
            retain,
            topic,
            payload,
            delay_secs: times.0.filter(|_| protocol.is_v5()),
            message_expiry_secs: times.1.filter(|_| protocol.is_v5()),
            passed_on: if protocol.is_v5() { passed_on.0 } else { Cow::Borrowed(&[]) },
        },
    )
}

fn connack(protocol: Protocol) -> impl Strategy<Value = ConnAck<'static>> {
    let limits = (
        some(any::<u32>()),
        some(1..=u16::MAX),
        some(select(&[QoS::AtMostOnce, QoS::AtLeastOnce][..])),
        some(1..=u32::MAX),
        some(any::<u16>()),
        some(any::<u16>()),
    );
    let available = [(); 4].map(|()| some(any::<bool>()));
    let texts = (some(text()), some(text()), some(text()));
    let reasons = if protocol.is_v5() { CONNACK_REASONS } else { RETURN_CODES };
    let full =
        (any::<bool>(), select(reasons), limits, available, texts, authentication(), extras());
    full.prop_map(move |(session, reason, limits, available, texts, authentication, extras)| {
        let bare = ConnAck {
            session_present: session && !reason.is_error() && protocol != Protocol::V31,
            reason,
            ..ConnAck::default()
        };
        if !protocol.is_v5() {
            return bare;
        }
        ConnAck {
            session_expiry_secs: limits.0,
            receive_maximum: limits.1,
            maximum_qos: limits.2,
            maximum_packet_size: limits.3,
            topic_alias_maximum: limits.4,
            server_keep_alive_secs: limits.5,
            retain_available: available[0],
            wildcard_subscription_available: available[1],
            subscription_identifiers_available: available[2],
            shared_subscription_available: available[3],
            assigned_client_id: texts.0,
            response_information: texts.1,
            server_reference: texts.2,
            authentication_method: authentication.0,
            authentication_data: authentication.1,
            reason_string: extras.0,
            user_properties: extras.1,
            ..bare
        }
    })
}

fn publish(protocol: Protocol) -> impl Strategy<Value = Publish<'static>> {
    let flags = (any::<bool>(), qos(), any::<bool>());
    let properties = (some(any::<u32>()), some(any::<u16>()), vec(subscription_id(), 0..4));
    let names = (topic(), any::<bool>(), packet_id());
    (flags, names, properties, passed_on(), bytes(200)).prop_map(
        move |((dup, qos, retain), (topic, leave_out, id), properties, passed_on, payload)| {
            let mut subscription_ids = SubscriptionIds::None;
            properties.2.into_iter().for_each(|id| subscription_ids.insert(Some(id)));
            let properties = PublishProperties {
                message_expiry_secs: properties.0,
                topic_alias: properties.1,
                subscription_ids,
                payload_is_utf8: passed_on.1,
                passed_on: passed_on.0,
            };
            let properties =
                if protocol.is_v5() { properties } else { PublishProperties::default() };
            Publish {
                dup: dup && qos != QoS::AtMostOnce,
                qos,
                retain,
                topic: if leave_out && properties.topic_alias.is_some() { "" } else { topic },
                packet_id: Some(id).filter(|_| qos != QoS::AtMostOnce),
                properties,
                payload,
            }
        },
    )
}

fn ack(protocol: Protocol, reasons: &'static [ReasonCode]) -> impl Strategy<Value = Ack<'static>> {
    (packet_id(), select(reasons), extras()).prop_map(move |(packet_id, reason, extras)| {
        if !protocol.is_v5() {
            return Ack::new(packet_id, ReasonCode::Success);
        }
        Ack { packet_id, reason, reason_string: extras.0, user_properties: extras.1 }
    })
}

fn subscribe(protocol: Protocol) -> impl Strategy<Value = Subscribe<'static>> {
    let filters = vec((text(), options(protocol)), 1..5);
    (packet_id(), some(subscription_id()), filters, user_properties()).prop_map(
        move |(packet_id, id, filters, user_properties)| {
            let id = id.filter(|_| protocol.is_v5());
            let filters = filters.into_iter().map(|(filter, options)| SubscribeFilter {
                filter,
                options: SubscriptionOptions { id, ..options },
            });
            Subscribe {
                packet_id,
                filters: filters.collect(),
                user_properties: if protocol.is_v5() { user_properties } else { Vec::new() },
            }
        },
    )
}

fn options(protocol: Protocol) -> impl Strategy<Value = SubscriptionOptions> {
    let handling = [RetainHandling::Send, RetainHandling::SendIfNew, RetainHandling::DoNotSend];
    (qos(), any::<bool>(), any::<bool>(), select(handling.to_vec())).prop_map(
        move |(qos, no_local, retain_as_published, retain_handling)| {
            let full = SubscriptionOptions {
                qos,
                no_local,
                retain_as_published,
                retain_handling,
                id: None,
            };
            if protocol.is_v5() { full } else { SubscriptionOptions { qos, ..Default::default() } }
        },
    )
}

fn suback(protocol: Protocol) -> impl Strategy<Value = SubAck<'static>> {
    let legal = if protocol.is_v5() { SUBACK_REASONS } else { &SUBACK_REASONS[..4] };
    (packet_id(), vec(select(legal), 1..5), extras()).prop_map(
        move |(packet_id, reasons, extras)| {
            let (reason_string, user_properties) =
                if protocol.is_v5() { extras } else { Extras::default() };
            SubAck { packet_id, reasons, reason_string, user_properties }
        },
    )
}

fn unsubscribe(protocol: Protocol) -> impl Strategy<Value = Unsubscribe<'static>> {
    (packet_id(), vec(text(), 1..5), user_properties()).prop_map(
        move |(packet_id, filters, user_properties)| Unsubscribe {
            packet_id,
            filters,
            user_properties: if protocol.is_v5() { user_properties } else { Vec::new() },
        },
    )
}

fn unsuback(protocol: Protocol) -> impl Strategy<Value = UnsubAck<'static>> {
    (packet_id(), vec(select(UNSUBACK_REASONS), 1..5), extras()).prop_map(
        move |(packet_id, reasons, extras)| {
            let (reasons, extras) =
                if protocol.is_v5() { (reasons, extras) } else { Default::default() };
            UnsubAck { packet_id, reasons, reason_string: extras.0, user_properties: extras.1 }
        },
    )
}

fn disconnect(protocol: Protocol) -> impl Strategy<Value = Disconnect<'static>> {
    (select(DISCONNECT_REASONS), some(any::<u32>()), some(text()), extras()).prop_map(
        move |(reason, session_expiry_secs, server_reference, extras)| {
            if !protocol.is_v5() {
                return Disconnect::default();
            }
            Disconnect {
                reason,
                session_expiry_secs,
                reason_string: extras.0,
                user_properties: extras.1,
                server_reference,
            }
        },
    )
}

fn auth() -> impl Strategy<Value = Auth<'static>> {
    let full = (select(AUTH_REASONS), text(), some(bytes(40)), extras()).prop_map(
        |(reason, method, authentication_data, extras)| Auth {
            reason,
            authentication_method: Some(method),
            authentication_data,
            reason_string: extras.0,
            user_properties: extras.1,
        },
    );
    prop_oneof![9 => full, 1 => Just(Auth::default())]
}

/// Properties that pass through, in any order, and whether they say that the payload is UTF-8.
fn passed_on() -> impl Strategy<Value = (Cow<'static, [u8]>, bool)> {
    let once = (some(any::<bool>()), some(text()), some(topic()), some(bytes(20)));
    (once, user_properties(), any::<u64>()).prop_map(|(once, user_properties, order)| {
        let mut all: Vec<Property<'_>> = [
            once.0.map(Property::PayloadFormatIndicator),
            once.1.map(Property::ContentType),
            once.2.map(Property::ResponseTopic),
            once.3.map(Property::CorrelationData),
        ]
        .into_iter()
        .flatten()
        .chain(user_properties.into_iter().map(Property::UserProperty))
        .collect();
        let by = order as usize % all.len().max(1);
        all.rotate_left(by);
        let mut bytes = Vec::new();
        all.iter().for_each(|property| encode_property(property, &mut bytes));
        (Cow::Owned(bytes), once.0 == Some(true))
    })
}

fn extras() -> impl Strategy<Value = Extras> {
    (some(text()), user_properties())
}

/// Data only with a method.
fn authentication() -> impl Strategy<Value = Authentication> {
    option::of((text(), some(bytes(20))))
        .prop_map(|both| both.map_or((None, None), |(method, data)| (Some(method), data)))
}

fn user_properties() -> impl Strategy<Value = UserProperties<'static>> {
    vec((text(), text()), 0..3)
}

/// Absent more often than not, so that most packets stay short.
fn some<T: std::fmt::Debug + Clone>(
    value: impl Strategy<Value = T>,
) -> impl Strategy<Value = Option<T>> {
    option::weighted(0.3, value)
}

fn text() -> impl Strategy<Value = &'static str> {
    "[a-z$+#/ \u{1}\u{7f}\u{e4}\u{20ac}\u{feff}\u{ffff}\u{1f980}]{0,12}"
        .prop_map(|text| &*text.leak())
}

fn topic() -> impl Strategy<Value = &'static str> {
    "[a-z$/ \u{e4}\u{20ac}\u{1f980}]{1,12}".prop_map(|topic| &*topic.leak())
}

fn bytes(len_max: usize) -> impl Strategy<Value = &'static [u8]> {
    vec(any::<u8>(), 0..=len_max).prop_map(|bytes| &*bytes.leak())
}

fn packet_id() -> impl Strategy<Value = PacketId> {
    (1..=u16::MAX).prop_map(|id| PacketId::new(id).expect("not zero"))
}

fn subscription_id() -> impl Strategy<Value = SubscriptionId> {
    let any_width = prop_oneof![1..200u32, 16_000..17_000u32, 1..=268_435_455u32];
    any_width.prop_map(|id| SubscriptionId::new(id).expect("not zero"))
}

fn qos() -> impl Strategy<Value = QoS> {
    select(&[QoS::AtMostOnce, QoS::AtLeastOnce, QoS::ExactlyOnce][..])
}

use ReasonCode::*;

const PUBLISH_REASONS: &[ReasonCode] =
    &[Success, NoMatchingSubscribers, UnspecifiedError, NotAuthorized, PayloadFormatInvalid];
const RELEASE_REASONS: &[ReasonCode] = &[Success, PacketIdentifierNotFound];
const CONNACK_REASONS: &[ReasonCode] =
    &[Success, Success, Success, UnsupportedProtocolVersion, Banned, ConnectionRateExceeded];
const RETURN_CODES: &[ReasonCode] = &[
    Success,
    UnsupportedProtocolVersion,
    ClientIdentifierNotValid,
    ServerUnavailable,
    BadUserNameOrPassword,
    NotAuthorized,
];
const SUBACK_REASONS: &[ReasonCode] = &[
    Success,
    GrantedQoS1,
    GrantedQoS2,
    UnspecifiedError,
    NotAuthorized,
    QuotaExceeded,
    WildcardSubscriptionsNotSupported,
];
const UNSUBACK_REASONS: &[ReasonCode] =
    &[Success, NoSubscriptionExisted, UnspecifiedError, TopicFilterInvalid];
const DISCONNECT_REASONS: &[ReasonCode] =
    &[Success, DisconnectWithWill, SessionTakenOver, ReceiveMaximumExceeded, QuotaExceeded];
const AUTH_REASONS: &[ReasonCode] = &[Success, ContinueAuthentication, ReAuthenticate];

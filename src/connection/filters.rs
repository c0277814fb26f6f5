//! SUBSCRIBE and UNSUBSCRIBE: which of their topic filters the broker gets to see.

use super::{Fault, Limits};
use crate::codec::{Subscribe, SubscribeFilter, Unsubscribe};
use crate::request::Request;
use crate::types::{Filter, FilterError, InboundId, Protocol, ReasonCode, SubscriptionOptions};

pub(super) fn subscribe(
    packet: &Subscribe<'_>,
    protocol: Protocol,
    limits: &Limits,
) -> Result<Request, Fault> {
    let filters = packet.filters.iter().map(|filter| read_filter(filter, protocol, limits));
    Ok(Request::Subscribe {
        id: InboundId(packet.packet_id),
        filters: filters.collect::<Result<_, _>>()?,
    })
}

pub(super) fn unsubscribe(packet: &Unsubscribe<'_>, limits: &Limits) -> Result<Request, Fault> {
    let filters = packet.filters.iter().map(|text| {
        let filter = parse_filter(text, limits)?;
        Ok(if limits.is_too_long(filter.topic_filter()) {
            Err(ReasonCode::TopicFilterInvalid)
        } else {
            Ok(filter)
        })
    });
    Ok(Request::Unsubscribe {
        id: InboundId(packet.packet_id),
        filters: filters.collect::<Result<_, Fault>>()?,
    })
}

/// One filter of a SUBSCRIBE, or the reason for its place in SUBACK.
type Checked = Result<(Filter, SubscriptionOptions), ReasonCode>;

fn read_filter(
    asked: &SubscribeFilter<'_>,
    protocol: Protocol,
    limits: &Limits,
) -> Result<Checked, Fault> {
    let filter = parse_filter(asked.filter, limits)?;
    if filter.share_name().is_some() && asked.options.no_local {
        // [MQTT-3.8.3-4]
        return Err(Fault::protocol("No Local on a shared subscription"));
    }
    if let Some((reason, what)) = switched_off(&filter, asked.options, limits) {
        // CONNACK has told a client of 5.0, for which it is then a protocol error to ask.
        return if protocol.is_v5() { Err(Fault::new(reason, what)) } else { Ok(Err(reason)) };
    }
    if limits.is_too_long(filter.topic_filter()) {
        return Ok(Err(ReasonCode::TopicFilterInvalid));
    }
    Ok(Ok((filter, asked.options)))
}

/// Every version has shared subscriptions here: what `$share/` begins is one.
fn parse_filter(text: &str, limits: &Limits) -> Result<Filter, Fault> {
    if limits.has_absurdly_many_levels(text) {
        return Err(Fault::malformed("topic filter has more levels than anybody allows"));
    }
    Filter::parse(text, true).map_err(|error| match error {
        FilterError::Empty => Fault::malformed("topic filter is empty"),
        FilterError::TooLong => Fault::malformed("topic filter is too long"),
        FilterError::Nul => Fault::malformed("topic filter contains NUL"),
        FilterError::Wildcard => Fault::malformed("topic filter with a misplaced wildcard"),
        FilterError::Share => Fault::protocol("shared subscription without name or filter"),
    })
}

fn switched_off(
    filter: &Filter,
    options: SubscriptionOptions,
    limits: &Limits,
) -> Option<(ReasonCode, &'static str)> {
    if options.id.is_some() && !limits.subscription_identifiers {
        let reason = ReasonCode::SubscriptionIdentifiersNotSupported;
        return Some((reason, "subscription identifiers are switched off"));
    }
    if filter.share_name().is_some() && !limits.shared_subscriptions {
        let reason = ReasonCode::SharedSubscriptionsNotSupported;
        return Some((reason, "shared subscriptions are switched off"));
    }
    let reason = ReasonCode::WildcardSubscriptionsNotSupported;
    (filter.has_wildcard() && !limits.wildcard_subscriptions)
        .then_some((reason, "wildcard subscriptions are switched off"))
}

//! The few numbers that each part needs, out of the configuration.

use std::sync::Arc;
use std::time::Duration;

use super::protection;
use crate::auth::{Authenticator, Authorizer};
use crate::broker::Settings;
use crate::config::{self, Config, Listener, SessionExpiryMax};
use crate::connection::Limits;
use crate::net::{Keepalive, Setup, TcpOptions};
use crate::request::EXPIRY_NEVER;
use crate::retained::RetainedLimits;
use crate::session::{QueueLimits, QueueRule, Window};
use crate::subscriptions::ShareStrategy;

/// Deliveries and timers in one hold of the broker's lock: a quarter of a millisecond or so, which is
/// what everybody else may have to wait, and more where memory is touched for the first time.
const WORK_MAX: usize = 2_000;

/// Queue numbers that a connection sends while more of them become durable, at a million messages a
/// second in a millisecond.
const RESERVED_AHEAD: u64 = 1024;

/// What the broker decides by.
pub fn broker(config: &Config) -> Settings {
    Settings {
        sessions_max: config.session.sessions_max,
        subscriptions_max: config.limits.subscriptions_per_client_max,
        queue: queue(&config.session),
        window: Window {
            messages_max: config.session.window_messages_max,
            bytes_max: config.session.window_bytes_max,
        },
        queue_qos0_offline: config.session.queue_qos0_offline,
        in_flight_max: config.mqtt.inflight_messages_max,
        reserved_ahead: RESERVED_AHEAD,
        receive_maximum: config.mqtt.receive_maximum,
        maximum_qos: config.mqtt.maximum_qos,
        keep_alive_max_secs: config.mqtt.keep_alive_max_secs,
        session_expiry_max_secs: match config.mqtt.session_expiry_max_secs {
            SessionExpiryMax::Never => EXPIRY_NEVER,
            SessionExpiryMax::Secs(secs) => secs,
        },
        share_strategy: match config.session.share_strategy {
            config::ShareStrategy::RoundRobin => ShareStrategy::RoundRobin,
            config::ShareStrategy::Sticky => ShareStrategy::Sticky,
            config::ShareStrategy::LeastBacklog => ShareStrategy::LeastBacklog,
        },
        retained: RetainedLimits {
            messages_max: config.retained.messages_max,
            bytes_max: to_usize(config.retained.bytes_max),
        },
        cached_topics_max: config.limits.cached_topics_max,
        access_rules: config.acl.file.is_some() || !config.acl_rules.is_empty(),
        access_decisions_max: config.acl.decisions_max,
        replies_max: config.limits.replies_max,
        work_max: WORK_MAX,
        sys_interval_secs: u32::try_from(config.sys.interval_secs).unwrap_or(u32::MAX),
        // What is in memory is in the broker already.
        journal: config.store.durability != config::Durability::Memory,
    }
}

/// What all connections share.
pub fn setup(
    config: &Config,
    authenticator: Box<dyn Authenticator>,
    authorizer: Option<Arc<dyn Authorizer>>,
) -> Setup {
    Setup {
        durability: config.store.durability.name(),
        authenticator,
        authorizer: authorizer.map(|authorizer| (authorizer, config.acl.decisions_max)),
        connect_timeout: Duration::from_secs(config.limits.connect_timeout_secs),
        re_authentication_timeout: Duration::from_secs(
            config.limits.re_authentication_timeout_secs,
        ),
        doorkeeper: protection::doorkeeper(config),
        mistakes_per_second: config.log.faults_per_second_max,
    }
}

/// What is set on sockets.
pub fn tcp(tcp: &config::Tcp) -> TcpOptions {
    TcpOptions {
        keepalive: (tcp.keepalive_secs > 0).then(|| Keepalive {
            idle: Duration::from_secs(tcp.keepalive_secs.into()),
            interval: Duration::from_secs(tcp.keepalive_interval_secs.into()),
            probes: tcp.keepalive_probes,
        }),
        user_timeout: (tcp.user_timeout_ms > 0)
            .then(|| Duration::from_millis(tcp.user_timeout_ms.into())),
        defer_accept_secs: tcp.defer_accept_secs,
        notsent_lowat_bytes: (tcp.notsent_lowat_bytes > 0).then_some(tcp.notsent_lowat_bytes),
    }
}

/// What one connection of `listener` announces and is held to.
pub fn connection(config: &Config, listener: &Listener) -> Limits {
    let (limits, mqtt) = (&config.limits, &config.mqtt);
    let information = &mqtt.response_information;
    let level = listener.durability.or(config.store.durability);
    Limits {
        maximum_packet_size: listener.limits.packet_bytes_max.or(limits.packet_bytes_max),
        topic_alias_maximum: mqtt.topic_alias_maximum,
        topic_alias_maximum_out: mqtt.topic_alias_maximum_out,
        receive_maximum: mqtt.receive_maximum,
        maximum_qos: mqtt.maximum_qos,
        retain_available: mqtt.retain_available,
        wildcard_subscriptions: mqtt.wildcard_subscriptions,
        shared_subscriptions: mqtt.shared_subscriptions,
        subscription_identifiers: mqtt.subscription_identifiers,
        check_payload_format: mqtt.check_payload_format,
        allow_zero_length_client_id: mqtt.allow_empty_client_id,
        topic_levels_max: limits.topic_levels_max,
        topic_bytes_max: limits.topic_bytes_max,
        connect_bytes_max: to_usize(u64::from(limits.connect_bytes_max)),
        client_id_bytes_max: limits.client_id_bytes_max,
        acknowledged_at_once: level == config::Durability::Memory,
        durability: mqtt.announce_durability.then(|| level.name()),
        response_information: (!information.is_empty()).then(|| information.clone()),
    }
}

fn queue(session: &config::Session) -> QueueLimits {
    QueueLimits {
        messages_max: session.queue_messages_max,
        bytes_max: to_usize(session.queue_bytes_max),
        rule: match session.queue_full {
            config::QueueFull::RefuseNew => QueueRule::RefuseNew,
            config::QueueFull::DropOldest => QueueRule::DropOldest,
        },
    }
}

/// More than can be addressed is as good as no limit.
fn to_usize(bytes: u64) -> usize {
    usize::try_from(bytes).unwrap_or(usize::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::{ListenerLimits, Own};

    #[test]
    fn zero_turns_a_socket_option_off() {
        let off = config::Tcp {
            keepalive_secs: 0,
            user_timeout_ms: 0,
            defer_accept_secs: 0,
            notsent_lowat_bytes: 0,
            ..config::Tcp::default()
        };

        assert_eq!(tcp(&off), TcpOptions::default());
        assert_eq!(tcp(&config::Tcp { keepalive_secs: 1, ..off }).user_timeout, None);
    }

    #[test]
    fn a_session_may_last_for_ever_or_for_some_seconds() {
        let mut config = Config::default();
        assert_eq!(broker(&config).session_expiry_max_secs, EXPIRY_NEVER);

        config.mqtt.session_expiry_max_secs = SessionExpiryMax::Secs(60);
        assert_eq!(broker(&config).session_expiry_max_secs, 60);
    }

    #[test]
    fn the_level_is_announced_unless_that_is_turned_off() {
        let mut config = Config::default();
        config.store.durability = config::Durability::Os;
        assert_eq!(connection(&config, &Listener::default()).durability, Some("os"));

        config.mqtt.announce_durability = false;
        assert_eq!(connection(&config, &Listener::default()).durability, None);
    }

    #[test]
    fn a_listener_announces_its_own_level_and_has_messages_acknowledged_as_that_says() {
        let config = Config::default();
        let own = |level| Listener { durability: Own(level), ..Listener::default() };
        let told = |level| {
            let limits = connection(&config, &own(level));
            (limits.durability, limits.acknowledged_at_once)
        };

        assert_eq!(told(None), (Some("disk"), false));
        assert_eq!(told(Some(config::Durability::Disk)), (Some("disk"), false));
        assert_eq!(told(Some(config::Durability::Memory)), (Some("memory"), true));
    }

    #[test]
    fn the_packet_size_of_a_listener_goes_before_the_common_one() {
        let mut config = Config::default();
        config.limits.packet_bytes_max = 1_000;
        let own = ListenerLimits { packet_bytes_max: Own(Some(2_000)), ..Default::default() };
        let listener = Listener { limits: own, ..Listener::default() };

        assert_eq!(connection(&config, &Listener::default()).maximum_packet_size, 1_000);
        assert_eq!(connection(&config, &listener).maximum_packet_size, 2_000);
    }

    #[test]
    fn empty_response_information_is_none() {
        let mut config = Config::default();
        assert_eq!(connection(&config, &Listener::default()).response_information, None);

        config.mqtt.response_information = "here".into();
        assert_eq!(
            connection(&config, &Listener::default()).response_information.as_deref(),
            Some("here")
        );
    }
}

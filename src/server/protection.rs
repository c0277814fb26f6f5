//! The numbers that keep clients out, out of the configuration. There 0 is no limit.

use std::sync::Arc;
use std::time::Duration;

use super::{memory, settings};
use crate::config::{Config, Listener, ListenerLimits, MemoryMax};
use crate::guard::{AddressLimits, BanRules, OverloadMarks, PaceLimits, Rate};
use crate::net::{DoorLimits, DoorkeeperSettings};

/// Three quarters of the memory there is: what is left is for what the kernel keeps for the process,
/// and for what is under way when no more is begun.
const MEMORY_NUMERATOR: u64 = 3;
const MEMORY_DENOMINATOR: u64 = 4;

/// What all listeners share.
pub fn doorkeeper(config: &Config) -> DoorkeeperSettings {
    let limits = &config.limits;
    DoorkeeperSettings {
        connections_max: limits.connections_max,
        unauthenticated_max: match limits.unauthenticated_max {
            0 => usize::MAX,
            max => max,
        },
        address: address(config, &ListenerLimits::default()),
        user_connections_max: limit(limits.connections_per_user_max),
        user_pace: pace(
            limits.user_publish_messages_per_second,
            limits.user_publish_bytes_per_second,
            limits.publish_burst_secs,
        ),
        exempt: limits.exempt_addresses.clone(),
        bans: bans(config),
        overload: OverloadMarks {
            busy: millis(limits.busy_latency_ms),
            closed: millis(limits.closed_latency_ms),
        },
        memory_bytes_max: match limits.memory_bytes_max {
            MemoryMax::Bytes(bytes) => bytes,
            MemoryMax::Auto => memory::total_bytes()
                .map_or(0, |bytes| bytes / MEMORY_DENOMINATOR * MEMORY_NUMERATOR),
        },
        retry_after_secs: limits.retry_after_secs,
        refusals_logged_per_second: config.log.faults_per_second_max,
    }
}

/// What one listener has.
pub fn door(config: &Config, listener: &Listener) -> DoorLimits {
    let (limits, own) = (&config.limits, &listener.limits);
    DoorLimits {
        connections_max: own.connections_max.0,
        unauthenticated_max: own.unauthenticated_max.0,
        address: own.counts_addresses().then(|| address(config, own)),
        pace: pace(
            own.publish_messages_per_second.or(limits.publish_messages_per_second),
            own.publish_bytes_per_second.or(limits.publish_bytes_per_second),
            limits.publish_burst_secs,
        ),
        connection: Arc::new(settings::connection(config, listener)),
    }
}

fn address(config: &Config, own: &ListenerLimits) -> AddressLimits {
    let limits = &config.limits;
    let per_minute = own.connects_per_minute_per_address.or(limits.connects_per_minute_per_address);
    let burst = own.connects_burst_per_address.or(limits.connects_burst_per_address);
    let unauthenticated =
        own.unauthenticated_per_address_max.or(limits.unauthenticated_per_address_max);
    AddressLimits {
        connections_max: limit(
            own.connections_per_address_max.or(limits.connections_per_address_max),
        ),
        unauthenticated_max: limit(unauthenticated),
        rate: limit(per_minute)
            .map(|count| Rate::new(u64::from(count), Duration::from_secs(60), u64::from(burst))),
    }
}

fn pace(messages: u32, bytes: u64, burst_secs: u64) -> PaceLimits {
    let rate = |units: u64| {
        let burst = units.saturating_mul(burst_secs);
        (units > 0).then(|| Rate::new(units, Duration::from_secs(1), burst))
    };
    PaceLimits { messages: rate(u64::from(messages)), bytes: rate(bytes) }
}

fn bans(config: &Config) -> BanRules {
    let bans = &config.bans;
    BanRules {
        window_secs: bans.window_secs,
        connects_max: limit(bans.connects_max),
        address_failures_max: limit(bans.address_failures_max),
        user_failures_max: limit(bans.user_failures_max),
        ban_secs: bans.ban_secs,
        ban_secs_max: bans.ban_secs_max,
        entries_max: bans.entries_max,
    }
}

fn limit(max: u32) -> Option<u32> {
    (max > 0).then_some(max)
}

fn millis(millis: u64) -> Option<Duration> {
    (millis > 0).then(|| Duration::from_millis(millis))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::config::Own;

    #[test]
    fn zero_is_no_limit() {
        let mut config = Config::default();
        config.limits.unauthenticated_max = 0;
        config.limits.unauthenticated_per_address_max = 0;
        config.limits.memory_bytes_max = MemoryMax::Bytes(0);
        config.limits.busy_latency_ms = 0;

        let keeper = doorkeeper(&config);

        assert_eq!(keeper.unauthenticated_max, usize::MAX);
        assert!(keeper.address.is_none() && keeper.user_pace.is_none());
        assert_eq!((keeper.memory_bytes_max, keeper.overload.busy), (0, None));
        assert!(door(&config, &Listener::default()).pace.is_none());
    }

    #[test]
    fn a_listener_has_the_common_values_beside_its_own() {
        let mut config = Config::default();
        config.limits.unauthenticated_per_address_max = 7;
        config.limits.publish_bytes_per_second = 9;
        let listener = with(ListenerLimits {
            connections_per_address_max: Own(Some(3)),
            publish_messages_per_second: Own(Some(5)),
            ..ListenerLimits::default()
        });

        let door = door(&config, &listener);

        let address = door.address.expect("addresses are counted on this listener alone");
        assert_eq!((address.connections_max, address.unauthenticated_max), (Some(3), Some(7)));
        assert_eq!(door.pace.messages.map(|rate| rate.burst()), Some(50));
        assert_eq!(door.pace.bytes.map(|rate| rate.burst()), Some(90));
    }

    #[test]
    fn a_listener_may_lift_a_common_limit() {
        let mut config = Config::default();
        config.limits.connections_per_address_max = 10;
        let listener = with(ListenerLimits {
            connections_per_address_max: Own(Some(0)),
            ..ListenerLimits::default()
        });

        let address = door(&config, &listener).address.expect("its own");

        assert_eq!(address.connections_max, None);
    }

    #[test]
    fn the_memory_of_this_machine_is_known() {
        let keeper = doorkeeper(&Config::default());

        assert!(keeper.memory_bytes_max > 64 * 1024 * 1024, "{}", keeper.memory_bytes_max);
    }
    fn with(limits: ListenerLimits) -> Listener {
        Listener { limits, ..Listener::default() }
    }
}

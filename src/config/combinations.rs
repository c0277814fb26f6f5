use std::net::IpAddr;

use super::{
    Config, Durability, Endpoint, Engine, LISTENERS_MAX, Listener, Mistake, Origins, auth,
};

const FIT_NO_QUEUE: &str = "is more than session.queue_bytes_max: the longest packets fit no queue";

/// What no broker can be, though each value alone is right.
pub(super) fn mistakes(config: &Config, origins: &Origins) -> Vec<Mistake> {
    let mut found = Vec::new();
    for (index, listener) in config.listeners.iter().enumerate() {
        let problem = conflict(listener, &config.listeners[..index]);
        let too_many = || format!("at most {LISTENERS_MAX} are possible");
        let problem = problem.or_else(|| (index == LISTENERS_MAX).then(too_many));
        found.extend(problem.map(|text| at_listener(index, origins, text)));
    }
    for (index, listener) in config.listeners.iter().enumerate() {
        let problem = listener.durability.0.and_then(|own| beyond(own, config.store.durability));
        found.extend(problem.map(|text| at_key(index, "durability", origins, text)));
    }
    found.extend(auth::mistakes(config, origins));
    let engine = engine_without_its_promise(config);
    found.extend(engine.map(|(key, text)| at_common_key(key, origins, text)));
    found
}

/// Why a store of this level cannot give a listener its `own`. What it writes and what it syncs is one
/// step: there is nothing between "disk" and "memory" to wait for.
fn beyond(own: Durability, store: Durability) -> Option<String> {
    let level = store.name();
    match own {
        Durability::Memory => None,
        _ if own == store => None,
        Durability::Os if store == Durability::Disk => Some(format!(
            "is not to be had: a listener has store.durability = {level:?} or \"memory\""
        )),
        _ => Some(format!("is more than store.durability = {level:?} gives")),
    }
}

fn engine_without_its_promise(config: &Config) -> Option<(&'static str, &'static str)> {
    let promises = config.store.durability != Durability::Memory;
    let in_memory = config.store.engine == Engine::Memory;
    (promises && in_memory).then_some((
        "store.engine",
        "keeps nothing on disk: choose \"sled\" or \"fjall\", or set store.durability to \"memory\"",
    ))
}

/// What is possible, but hardly meant.
pub(super) fn warnings(config: &Config, origins: &Origins) -> Vec<Mistake> {
    let accepts_nobody_at_all =
        |it: &Listener| !it.allow_anonymous && it.auth.chain(&config.auth.chain).is_empty();
    let closed = config.listeners.iter().enumerate().filter(|(_, it)| accepts_nobody_at_all(it));
    let mut found: Vec<Mistake> =
        closed.map(|(index, it)| at_listener(index, origins, accepts_nobody(it))).collect();
    let queue_bytes_max = config.session.queue_bytes_max;
    let fits_no_queue = |it: &Listener| {
        it.limits.packet_bytes_max.0.is_some_and(|own| u64::from(own) > queue_bytes_max)
    };
    for (index, _) in config.listeners.iter().enumerate().filter(|(_, it)| fits_no_queue(it)) {
        found.push(at_key(index, "limits.packet_bytes_max", origins, FIT_NO_QUEUE.into()));
    }
    found.extend(hints(config).map(|(key, hint)| at_common_key(key, origins, hint)));
    found
}

/// Only of values that differ from their defaults: a copy of the reference file is no reason.
fn hints(config: &Config) -> impl Iterator<Item = (&'static str, &'static str)> {
    let default = Config::default();
    let (limits, session, tcp) = (&config.limits, &config.session, &config.tcp);
    let packets_changed = limits.packet_bytes_max != default.limits.packet_bytes_max;
    let connections_changed = limits.connections_max != default.limits.connections_max;
    let no_probes = tcp.keepalive_secs == 0;
    let no_effect = "has no effect while tcp.keepalive_secs is 0";
    let hints = [
        (
            packets_changed && u64::from(limits.packet_bytes_max) > session.queue_bytes_max,
            "limits.packet_bytes_max",
            FIT_NO_QUEUE,
        ),
        (
            connections_changed && limits.connections_max > session.sessions_max,
            "limits.connections_max",
            "is more than session.sessions_max: the last connections find no session",
        ),
        (
            limits.closed_latency_ms > 0 && limits.closed_latency_ms < limits.busy_latency_ms,
            "limits.closed_latency_ms",
            "is less than limits.busy_latency_ms: connections are closed before anybody is told",
        ),
        (
            config.bans.ban_secs > config.bans.ban_secs_max,
            "bans.ban_secs",
            "is more than bans.ban_secs_max, which holds",
        ),
        (
            no_probes && tcp.keepalive_interval_secs != default.tcp.keepalive_interval_secs,
            "tcp.keepalive_interval_secs",
            no_effect,
        ),
        (
            no_probes && tcp.keepalive_probes != default.tcp.keepalive_probes,
            "tcp.keepalive_probes",
            no_effect,
        ),
    ];
    hints.into_iter().filter(|(applies, ..)| *applies).map(|(_, key, text)| (key, text))
}

fn conflict(listener: &Listener, earlier: &[Listener]) -> Option<String> {
    let name = &listener.name;
    let same_name = earlier.iter().any(|other| is_fixed(listener) && other.name == *name);
    let twice_named = same_name.then(|| format!("the name {name:?} is used twice"));
    let rival = |other| rivalry(&listener.endpoint, other);
    earlier.iter().map(|other| &other.endpoint).find_map(rival).or(twice_named)
}

/// Whether the system chooses no port for it.
fn is_fixed(listener: &Listener) -> bool {
    listener.endpoint.address().is_none_or(|address| address.port() != 0)
}

fn rivalry(one: &Endpoint, other: &Endpoint) -> Option<String> {
    match (one, other) {
        (Endpoint::Unix(one), Endpoint::Unix(other)) => {
            (one.path == other.path).then(|| format!("{} is listened on twice", one.path.display()))
        }
        (Endpoint::Tcp(one), Endpoint::Tcp(other))
            if one.port() == 0 || one.port() != other.port() =>
        {
            None
        }
        (Endpoint::Tcp(one), Endpoint::Tcp(other)) if one == other => {
            Some(format!("{one} is listened on twice"))
        }
        (Endpoint::Tcp(one), Endpoint::Tcp(other)) => overlap(one.ip(), other.ip())
            .then(|| format!("{other} and {one} overlap: one of them covers all addresses")),
        _ => None,
    }
}

fn overlap(one: IpAddr, other: IpAddr) -> bool {
    let covers = one.is_unspecified() || other.is_unspecified();
    one == other || (covers && one.is_ipv4() == other.is_ipv4())
}

fn accepts_nobody(listener: &Listener) -> String {
    format!(
        "{} accepts no client: set auth.chain, or to let everyone in, set \
         allow_anonymous = true or start with --allow-anonymous",
        listener.endpoint
    )
}

/// A mistake in what a key outside of the listeners has.
pub(super) fn at_common_key(key: &str, origins: &Origins, text: impl Into<String>) -> Mistake {
    Mistake { origin: origins.of(key).clone(), key: key.into(), text: text.into() }
}

/// A mistake in what a listener has.
pub(super) fn at_listener(index: usize, origins: &Origins, text: String) -> Mistake {
    Mistake { origin: origins.of_listener(index).clone(), key: "listeners".into(), text }
}

/// At a key of a listener, where that is written.
fn at_key(index: usize, key: &str, origins: &Origins, text: String) -> Mistake {
    let origin = origins.of_listener_key(index, key).clone();
    Mistake { origin, key: format!("listeners.{key}"), text }
}

use super::{Config, Durability, Engine, LISTENERS_MAX, Listener, Mistake, Origins, auth};

/// What no broker can be, though each value alone is right.
pub(super) fn mistakes(config: &Config, origins: &Origins) -> Vec<Mistake> {
    let mut found = Vec::new();
    for (index, listener) in config.listeners.iter().enumerate() {
        let problem = conflict(listener, &config.listeners[..index]);
        let too_many = || format!("at most {LISTENERS_MAX} are possible");
        let problem = problem.or_else(|| (index == LISTENERS_MAX).then(too_many));
        found.extend(problem.map(|text| at_listener(index, origins, text)));
    }
    found.extend(auth::mistakes(config, origins));
    found.extend(engine_without_its_promise(config).map(|(key, text)| Mistake {
        origin: origins.of(key).clone(),
        key: key.into(),
        text: text.into(),
    }));
    found
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
    for (key, hint) in hints(config) {
        let origin = origins.of(key).clone();
        found.push(Mistake { origin, key: key.into(), text: hint.into() });
    }
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
            "is more than session.queue_bytes_max: the longest packets fit no queue",
        ),
        (
            connections_changed && limits.connections_max > session.sessions_max,
            "limits.connections_max",
            "is more than session.sessions_max: the last connections find no session",
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
    let fixed = listener.address.port() != 0;
    let same_name = earlier.iter().find(|other| fixed && other.name == listener.name);
    let same_port = |other: &&Listener| fixed && other.address.port() == listener.address.port();
    let mut rivals = earlier.iter().filter(same_port);
    let rival = rivals.find(|other| overlap(listener, other));
    match (rival, same_name) {
        (Some(other), _) if other.address == listener.address => {
            Some(format!("{} is listened on twice", listener.address))
        }
        (Some(other), _) => Some(format!(
            "{} and {} overlap: one of them covers all addresses",
            other.address, listener.address
        )),
        (None, Some(other)) => Some(format!("the name {:?} is used twice", other.name)),
        (None, None) => None,
    }
}

fn overlap(one: &Listener, other: &Listener) -> bool {
    let (a, b) = (one.address.ip(), other.address.ip());
    let covers = a.is_unspecified() || b.is_unspecified();
    a == b || (covers && a.is_ipv4() == b.is_ipv4())
}

fn accepts_nobody(listener: &Listener) -> String {
    format!(
        "{} accepts no client: set auth.chain, or to let everyone in, set \
         allow_anonymous = true or start with --allow-anonymous",
        listener.address
    )
}

fn at_listener(index: usize, origins: &Origins, text: String) -> Mistake {
    Mistake { origin: origins.of_listener(index).clone(), key: "listeners".into(), text }
}

use std::path::PathBuf;

use super::key::{Key, section};
use super::value::Value;
use super::{
    AuthSource, CertificateUser, Durability, Engine, LogFilter, LogFormat, MemoryMax, OnDamage,
    QueueFull, Section, SessionExpiryMax, ShareStrategy,
};
use crate::auth::rules::Network;
use crate::connection::{ALIASES_OUT_MAX, CONNECT_BYTES_MAX, PACKET_BYTES_MAX};
use crate::types::QoS;

section! {
    /// What one client, and all of them together, may cost.
    Limits is limits {
        /// Connections at one time; one more is closed as it is accepted.
        connections_max: usize = 100_000, within 1..=10_000_000;
        /// Connections of one address (IPv4) or /64 (IPv6); 0 for any number.
        connections_per_address_max: u32 = 0, within 0..=10_000_000;
        /// Clients connected with one user name; 0 for any number.
        connections_per_user_max: u32 = 0, within 0..=10_000_000;
        /// New connections of one address in a minute, on average; 0 for any number.
        connects_per_minute_per_address: u32 = 0, within 0..=60_000_000;
        /// New connections of one address that may come at once, where they are limited.
        connects_burst_per_address: u32 = 1_000, within 1..=10_000_000;
        /// Connections that have not had a CONNECT accepted; 0 for any number.
        unauthenticated_max: usize = 20_000, within 0..=10_000_000;
        /// Those of them from one address; 0 for any number.
        unauthenticated_per_address_max: u32 = 1_000, within 0..=10_000_000;
        /// Addresses that no limit for one address holds, and that are never banned.
        exempt_addresses: Vec<Network> = Network::loopback();
        /// Seconds in which a new connection must have its CONNECT accepted.
        connect_timeout_secs: u64 = 10, within 1..=3_600;
        /// Seconds for an authentication that a connected MQTT 5 client begins anew.
        re_authentication_timeout_secs: u64 = 10, within 1..=3_600;
        /// Seconds for what comes before MQTT: the PROXY header, TLS and the opening of WebSocket.
        handshake_timeout_secs: u64 = 10, within 1..=3_600;
        /// Bytes of one packet; a client that sends a longer one is disconnected.
        packet_bytes_max: u32 = PACKET_BYTES_MAX, within 128..=PACKET_BYTES_MAX as u64;
        /// Bytes of a CONNECT packet: what anybody may send whom nobody knows yet.
        connect_bytes_max: u32 = 131_072, within 128..=CONNECT_BYTES_MAX as u64;
        /// Levels of a topic name or topic filter.
        topic_levels_max: usize = 201, within 1..=1_000;
        /// Bytes of a topic name or topic filter.
        topic_bytes_max: usize = 65_535, within 1..=65_535;
        /// Topics whose receivers are remembered, 32 MiB of them at most; 0 for none.
        cached_topics_max: usize = 16_384, within 0..=1_000_000;
        /// Bytes of a client identifier; 23 are every client's right.
        client_id_bytes_max: usize = 65_535, within 23..=65_535;
        /// Subscriptions of one client; a further one is refused.
        subscriptions_per_client_max: usize = 10_000, within 1..=1_000_000;
        /// PUBLISH packets of one client in a second, on average; 0 for any number.
        publish_messages_per_second: u32 = 0, within 0..=10_000_000;
        /// Bytes of messages that one client publishes in a second, on average; 0 for any number.
        publish_bytes_per_second: u64 = 0, within 0..=1_099_511_627_776;
        /// PUBLISH packets of all clients of a user name together; 0 for any number.
        user_publish_messages_per_second: u32 = 0, within 0..=10_000_000;
        /// Bytes of messages of all clients of a user name together; 0 for any number.
        user_publish_bytes_per_second: u64 = 0, within 0..=1_099_511_627_776;
        /// Seconds for which a client may save up what it did not publish.
        publish_burst_secs: u64 = 10, within 1..=3_600;
        /// Bytes of memory from which on new clients and messages are refused; 0 for never.
        memory_bytes_max: MemoryMax = MemoryMax::Auto, within 0..=1_125_899_906_842_624;
        /// Milliseconds by which the broker may be late before new clients are told to come later; 0 for any.
        busy_latency_ms: u64 = 1_000, within 0..=3_600_000;
        /// Milliseconds by which it may be late before new connections are closed at once; 0 for any.
        closed_latency_ms: u64 = 5_000, within 0..=3_600_000;
        /// Seconds after which such a client is told to try again; each is told up to twice as many.
        retry_after_secs: u32 = 10, within 1..=3_600;
        /// Acknowledgements that may wait for one client before no more is read from it.
        replies_max: usize = 1_024, within 1..=65_535;
        /// Seconds that clients get to take their last packets when the broker stops.
        shutdown_grace_secs: u64 = 5, within 0..=3_600;
    }
}

section! {
    /// Who is kept out for a while. A restart forgets it.
    Bans is bans {
        /// Seconds in which what somebody does too often is counted.
        window_secs: u64 = 60, within 1..=86_400;
        /// Connections of one client identifier from one address in that time; 0 for any number.
        connects_max: u32 = 60, within 0..=1_000_000;
        /// Failed logins from one address in that time; 0 for any number.
        address_failures_max: u32 = 100, within 0..=1_000_000;
        /// Failed logins with one user name in that time; 0 for any number.
        user_failures_max: u32 = 0, within 0..=1_000_000;
        /// Seconds of a first ban; each further one is twice as long.
        ban_secs: u64 = 60, within 1..=31_536_000;
        /// Seconds of the longest ban, and for which an earlier one is remembered.
        ban_secs_max: u64 = 3_600, within 1..=31_536_000;
        /// Addresses, clients and users that are watched or banned; of more, the least are forgotten.
        entries_max: usize = 100_000, within 16..=10_000_000;
    }
}

section! {
    /// How clients show who they are.
    Auth is auth {
        /// Who is asked about a client, in order: certificate, jwt, password, scram, http, anonymous.
        chain: Vec<AuthSource> = Vec::new();
        /// The password file, for "password" and "scram".
        password_file: Option<PathBuf> = None;
        /// Whether files with secrets may be readable for every user of the machine.
        allow_readable_files: bool = false;
        /// Seconds between looks whether one of the files below auth has changed.
        reload_secs: u64 = 10, within 1..=86_400;
        /// Threads that check passwords and tokens; 0 for half of the cores.
        hashing_threads: usize = 0, within 0..=256;
        /// Logins that wait for one of these threads; a further one is told that the server is busy.
        hashing_queue_max: usize = 1_000, within 1..=1_000_000;
        /// Logins with the right password that are remembered, so that they cost no hashing again.
        cache_entries_max: usize = 100_000, within 0..=10_000_000;
        /// Seconds for which they are; 0 for not at all.
        cache_secs: u64 = 600, within 0..=86_400;
        /// Which part of a client certificate is the user name, for "certificate".
        certificate_user: CertificateUser = CertificateUser::None;
        /// Files with a public key in PEM each, for "jwt".
        jwt_key_files: Vec<PathBuf> = Vec::new();
        /// Files with a secret of at least 32 bytes each, for "jwt".
        jwt_secret_files: Vec<PathBuf> = Vec::new();
        /// Files with a JSON Web Key Set each, for "jwt".
        jwt_jwks_files: Vec<PathBuf> = Vec::new();
        /// What the claim iss of a token must be; empty for anything.
        jwt_issuer: String = String::new(), within 0..=1_024;
        /// What the claim aud of a token must be or contain; empty for anything.
        jwt_audience: String = String::new(), within 0..=1_024;
        /// The claim with the user name; dots lead through objects.
        jwt_username_claim: String = "sub".into(), within 1..=256;
        /// The claim with the groups of the user.
        jwt_groups_claim: String = "groups".into(), within 0..=256;
        /// The claim with the topic filters that the user may publish to.
        jwt_publish_claim: String = "publish".into(), within 0..=256;
        /// The claim with the topic filters that the user may subscribe to.
        jwt_subscribe_claim: String = "subscribe".into(), within 0..=256;
        /// Seconds by which the clock of whoever issued a token may be off.
        jwt_leeway_secs: u64 = 10, within 0..=3_600;
        /// Whether a token must have an end, the claim exp.
        jwt_expiry_required: bool = true;
        /// Where to POST who wants to connect, for "http".
        http_url: String = String::new(), within 0..=2_048;
        /// Where to POST what a client wants to publish or subscribe to, whatever the source; empty for nowhere.
        http_access_url: String = String::new(), within 0..=2_048;
        /// Authorities in PEM for an https URL; empty for those of the system.
        http_ca_file: Option<PathBuf> = None;
        /// Milliseconds that one answer may take.
        http_timeout_ms: u64 = 3_000, within 10..=60_000;
        /// Questions asked by HTTP at one time: so many about clients, and as many about topics.
        http_connections_max: usize = 8, within 1..=256;
        /// Questions of each kind that wait; a further client is told that the server is busy, or denied.
        http_queue_max: usize = 1_000, within 1..=1_000_000;
        /// Answers by HTTP that are remembered; of those about clients only the ones that let one in.
        http_cache_entries_max: usize = 10_000, within 0..=10_000_000;
        /// Seconds for which they are; 0 for not at all.
        http_cache_secs: u64 = 60, within 0..=86_400;
    }
}

section! {
    /// What clients may do with which topics; docs/AUTHORIZATION.md.
    Acl is acl {
        /// A file in the format of Mosquitto's acl_file, asked behind the rules below; empty for none.
        file: Option<PathBuf> = None;
        /// Decisions about topics that are remembered for each session.
        decisions_max: usize = 32, within 0..=1_024;
    }
}

section! {
    /// What is announced to clients, and the features of the protocol that are on.
    Mqtt is mqtt {
        /// QoS 1 and 2 messages that a client may have unacknowledged towards the broker.
        receive_maximum: u16 = 256, within 1..=65_535;
        /// QoS 1 and 2 messages under way to one client; an MQTT 5 client may ask for fewer.
        inflight_messages_max: u16 = 1_000, within 1..=65_535;
        /// Topic aliases that a client may use towards the broker; 0 is none.
        topic_alias_maximum: u16 = 10, within 0..=65_535;
        /// Topic aliases that the broker uses towards a client that allows them; 0 is none.
        topic_alias_maximum_out: u16 = 10, within 0..=ALIASES_OUT_MAX as u64;
        /// The highest QoS at which clients may publish and subscribe.
        maximum_qos: QoS = QoS::ExactlyOnce;
        /// Whether clients may publish retained messages.
        retain_available: bool = true;
        /// Whether topic filters may contain + and #.
        wildcard_subscriptions: bool = true;
        /// Whether $share/group/filter is available.
        shared_subscriptions: bool = true;
        /// Whether subscriptions may carry an identifier.
        subscription_identifiers: bool = true;
        /// Longest keep alive in seconds that an MQTT 5 client is granted; 65_535 is no limit.
        keep_alive_max_secs: u16 = 65_535, within 1..=65_535;
        /// Longest time in seconds for which a session is kept while its client is away.
        session_expiry_max_secs: SessionExpiryMax = SessionExpiryMax::Never, within 0..=4_294_967_294;
        /// Whether a payload declared as UTF-8 is checked to be UTF-8.
        check_payload_format: bool = false;
        /// Whether a client may leave its client identifier to the broker.
        allow_empty_client_id: bool = true;
        /// Response information for MQTT 5 clients that request it; empty for none.
        response_information: String = String::new(), within 0..=1_024;
        /// Whether CONNACK tells MQTT 5 clients what an acknowledgement promises, as a user property.
        announce_durability: bool = true;
    }
}

section! {
    /// Sessions, and the messages that wait in them.
    Session is session {
        /// Sessions, connected or not; a client that would need one more is refused.
        sessions_max: usize = 1_000_000, within 1..=100_000_000;
        /// Messages that wait for one client.
        queue_messages_max: usize = 100_000, within 1..=100_000_000;
        /// Bytes of the messages that wait for one client.
        queue_bytes_max: u64 = 67_108_864, within 1_024..=1_099_511_627_776;
        /// Messages of a queue on disk that are held in memory for a client that is connected.
        window_messages_max: usize = 256, within 1..=1_000_000;
        /// Bytes of those messages; the one that passes the limit is the last one held.
        window_bytes_max: usize = 65_536, within 1..=1_073_741_824;
        /// What happens to a message when the queue is full.
        queue_full: QueueFull = QueueFull::RefuseNew;
        /// Whether QoS 0 messages too wait for a client that is away.
        queue_qos0_offline: bool = false;
        /// Which member of a shared subscription gets a message.
        share_strategy: ShareStrategy = ShareStrategy::RoundRobin;
    }
}

section! {
    /// Retained messages.
    Retained is retained {
        /// Retained messages, the values of `$SYS` among them; a further topic is refused.
        messages_max: usize = 1_000_000, within 1..=1_000_000_000;
        /// Bytes of all retained messages.
        bytes_max: u64 = 1_073_741_824, within 1_024..=1_099_511_627_776;
    }
}

section! {
    /// The broker's own topics below $SYS.
    Sys is sys {
        /// Seconds between two updates; 0 turns the topics off.
        interval_secs: u64 = 10, within 0..=86_400;
    }
}

section! {
    /// Sockets. TCP_NODELAY is always on.
    Tcp is tcp {
        /// Idle seconds before the kernel probes whether the peer still exists; 0 for never.
        keepalive_secs: u32 = 60, within 0..=32_767;
        /// Seconds between two probes.
        keepalive_interval_secs: u32 = 10, within 1..=32_767;
        /// Unanswered probes after which the connection is dead.
        keepalive_probes: u32 = 3, within 1..=127;
        /// Milliseconds for which sent bytes may stay unacknowledged; 0 leaves it to the kernel.
        user_timeout_ms: u32 = 30_000, within 0..=86_400_000;
        /// Unsent bytes that the kernel takes before the socket counts as full; 0 for no bound.
        notsent_lowat_bytes: u32 = 131_072, within 0..=1_073_741_824;
        /// Seconds for which the kernel keeps a client that says nothing; 0 to accept it at once.
        defer_accept_secs: u16 = 1, within 0..=15;
        /// Connections that may wait to be accepted.
        backlog: u32 = 1_024, within 1..=65_535;
    }
}

section! {
    /// The threads of the process.
    Runtime is runtime {
        /// Threads that serve connections; 0 for one per core.
        worker_threads: usize = 0, within 0..=1_024;
    }
}

section! {
    /// Where sessions and retained messages are kept.
    Store is store {
        /// What keeps them, unless durability is "memory".
        engine: Engine = Engine::Sled;
        /// What an acknowledgement promises.
        durability: Durability = Durability::Disk;
        /// The directory for everything on disk; empty for the platform's.
        data_dir: Option<PathBuf> = None;
        /// Bytes of commits that gather before they are folded; more make a start after a crash longer.
        journal_bytes_max: u64 = 16_777_216, within 65_536..=1_099_511_627_776;
        /// Bytes free on the disk below which messages that need it are refused; 0 for never.
        free_bytes_min: u64 = 67_108_864, within 0..=1_099_511_627_776;
        /// Bytes of a file that is given up when the disk is full all the same; 0 for none.
        ballast_bytes: u64 = 16_777_216, within 0..=1_099_511_627_776;
        /// What happens at a start if the engine's files are damaged.
        on_damage: OnDamage = OnDamage::Stop;
    }
}

section! {
    /// The log, on standard error.
    Log is log {
        /// A level, or levels by module, as in "fulmar::net=debug,info".
        filter: LogFilter = LogFilter::default(), within 0..=4_096;
        /// Text for people or JSON for machines.
        format: LogFormat = LogFormat::Text;
        /// Mistakes of clients that are logged in one second; more are only counted.
        faults_per_second_max: u32 = 10, within 0..=10_000;
    }
}

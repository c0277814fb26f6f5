use std::path::PathBuf;

use clap::{Args, Subcommand, ValueEnum};

use super::window::IN_FLIGHT_MAX;

/// What to load a broker with, and how much.
#[derive(Args)]
pub struct Bench {
    #[command(subcommand)]
    pub workload: Workload,
}

#[derive(Subcommand)]
pub enum Workload {
    /// Pairs: every publisher has a topic and a subscriber of its own.
    PubSub(Common),
    /// Many publishers, one subscriber.
    FanIn(Common),
    /// One publisher, many subscribers.
    FanOut(Common),
    /// Shared subscriptions: each message goes to one member of each group.
    Shared {
        #[command(flatten)]
        common: Common,
        /// Groups that the subscribers are dealt to.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=1000))]
        groups: u32,
        /// Publishers.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        publishers: u32,
    },
    /// Subscribers with many wildcard filters each, over 10,000 topics.
    Wildcard {
        #[command(flatten)]
        common: Common,
        /// Filters of each subscriber, each of which matches ten topics.
        #[arg(long, default_value_t = 40, value_parser = clap::value_parser!(u32).range(1..=1000))]
        filters: u32,
        /// Publishers, among whom the topics are divided.
        #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=100))]
        publishers: u32,
    },
    /// Connect, subscribe, disconnect, again and again.
    Connect(Common),
    /// Many connections that do nothing: connections per second, memory per connection.
    Idle {
        #[command(flatten)]
        common: Common,
        /// Subscriptions of each, to which nobody publishes.
        #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(1..=10_000))]
        subscriptions: u32,
        /// Each of them has a wildcard.
        #[arg(long)]
        wildcards: bool,
    },
    /// Retained messages: set them, then replay them to new subscribers, then clear them.
    Retained {
        #[command(flatten)]
        common: Common,
        /// Topics with a retained message.
        #[arg(long, default_value_t = 10_000, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
        topics: u32,
    },
    /// Queue for sessions whose clients are away, then let the clients have it.
    Offline {
        #[command(flatten)]
        common: Common,
        /// Publishers, to whose topics the sessions are dealt; without it as many as there are sessions.
        #[arg(long, value_parser = clap::value_parser!(u32).range(1..=100_000))]
        publishers: Option<u32>,
    },
    /// Pairs at a fixed rate: latency from when each message was to be sent.
    Latency {
        #[command(flatten)]
        common: Common,
        /// Messages in a second, over all pairs.
        #[arg(long, default_value_t = 5_000, value_parser = clap::value_parser!(u32).range(1..=10_000_000))]
        rate: u32,
    },
}

/// Where Debian and many others keep the authorities that a system trusts.
const SYSTEM_CA: &str = "/etc/ssl/certs/ca-certificates.crt";

#[derive(Args, Clone)]
#[command(next_help_heading = "Load")]
pub struct Common {
    /// The broker's host.
    #[arg(long, default_value = "127.0.0.1")]
    pub host: String,
    /// The broker's port; with TLS it is 8883 if nothing is said.
    #[arg(long, default_value_t = 1883, default_value_if("tls", "true", "8883"))]
    pub port: u16,
    /// Connect by TLS 1.3, or 1.2 where the broker has no other.
    #[arg(long)]
    pub tls: bool,
    /// Authorities, in PEM, one of whom vouches for the broker's certificate.
    #[arg(long, value_name = "FILE", requires = "tls", default_value = SYSTEM_CA)]
    pub cafile: PathBuf,
    /// Take any certificate for the broker's.
    #[arg(long, requires = "tls", conflicts_with = "cafile")]
    pub insecure: bool,
    /// Let clients take up earlier sessions of TLS when they connect again.
    #[arg(long, requires = "tls")]
    pub resume: bool,
    /// User name for all clients.
    #[arg(long)]
    pub username: Option<String>,
    /// Password for all clients.
    #[arg(long)]
    pub password: Option<String>,
    /// QoS of messages and subscriptions.
    #[arg(long, default_value_t = 0, value_parser = clap::value_parser!(u8).range(0..=2))]
    pub qos: u8,
    /// Bytes of a payload; the first 16 are the sender, a number and a time.
    #[arg(long, default_value_t = 64, value_parser = clap::value_parser!(u32).range(16..=16_777_216))]
    pub size: u32,
    /// MQTT version: 3 is 3.1.1, 5 is 5.0.
    #[arg(long = "version", id = "protocol", value_name = "VERSION", default_value_t = 3, value_parser = clap::value_parser!(u8).range(3..=5))]
    pub version: u8,
    /// Pairs, subscribers or publishers, whichever there are many of; the default goes with the workload.
    #[arg(long, value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    pub clients: Option<u32>,
    /// Seconds that are measured.
    #[arg(long, default_value_t = 10, value_parser = clap::value_parser!(u32).range(1..=86_400))]
    pub secs: u32,
    /// Seconds before these, not measured.
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u32).range(0..=3_600))]
    pub warm_up_secs: u32,
    /// Messages of each publisher, or connections of each client, after which it stops; all of them
    /// are measured then.
    #[arg(long, value_parser = clap::value_parser!(u64).range(1..=1_000_000_000))]
    pub messages: Option<u64>,
    /// Whether sessions outlive their connections.
    #[arg(long, value_enum, default_value_t = Sessions::Clean)]
    pub sessions: Sessions,
    /// Messages of one publisher that are not acknowledged, or not delivered to everybody.
    #[arg(long, default_value_t = 128, value_parser = clap::value_parser!(u32).range(1..=IN_FLIGHT_MAX as i64))]
    pub in_flight: u32,
    /// Messages that a publisher sends at once: it waits for so much room.
    #[arg(long, default_value_t = 32, value_parser = clap::value_parser!(u32).range(1..=IN_FLIGHT_MAX as i64))]
    pub burst: u32,
    /// The broker's process, on this machine: measures its processor time and memory.
    #[arg(long)]
    pub pid: Option<u32>,
    /// Print JSON.
    #[arg(long)]
    pub json: bool,
    /// Print no progress.
    #[arg(long)]
    pub quiet: bool,
}

#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
pub enum Sessions {
    /// They end with the connection.
    Clean,
    /// They are kept.
    Persistent,
}

impl Workload {
    pub fn common(&self) -> &Common {
        match self {
            Self::PubSub(common)
            | Self::FanIn(common)
            | Self::FanOut(common)
            | Self::Connect(common)
            | Self::Idle { common, .. }
            | Self::Shared { common, .. }
            | Self::Wildcard { common, .. }
            | Self::Retained { common, .. }
            | Self::Offline { common, .. }
            | Self::Latency { common, .. } => common,
        }
    }
}

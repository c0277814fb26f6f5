//! The real [`Connection`](fulmar::connection::Connection) and [`Broker`](fulmar::broker::Broker) in
//! one thread in virtual time, without sockets: what the tests of the protocol are told on.
//!
//! A story reads: `World::new()`, `world.connect(V5, "id").open()`, then [`Client`] does the rest.

// Each test binary tells other stories and so uses another part of this.
#![allow(dead_code, unused_imports)]

mod bytes;
mod client;
mod connect;
mod pages;
mod shell;
mod world;

pub use bytes::{connect_v5, packet, string};
pub use client::{Client, ack, message, packet_id};
pub use connect::{Connecting, will};
pub use shell::{Answers, Authenticator, Commits, LinkId, Observed, Shell, splitmix};
pub use world::{World, settings};

pub use fulmar::types::Protocol::{V5, V31, V311};
pub use fulmar::types::QoS::{self, AtLeastOnce, AtMostOnce, ExactlyOnce};

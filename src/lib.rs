//! Fulmar, an MQTT 3.1.1 / 5.0 broker for unreliable networks.
//!
//! The protocol lives in state machines without IO ([`connection`], [`session`], [`broker`]);
//! a thin shell ([`net`], [`server`]) reads sockets and clocks for them. ARCHITECTURE.md has the map.

pub mod auth;
pub mod broker;
pub mod cli;
pub mod codec;
pub mod config;
pub mod connection;
pub mod guard;
pub mod identity;
pub mod journal;
pub mod net;
pub mod request;
pub mod retained;
pub mod server;
pub mod session;
pub mod store;
pub mod subscriptions;
pub mod types;

//! The binary against clients that want too much, over sockets: each limit at the limit and one past it,
//! and that those who behave are served meanwhile.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "real processes and sockets take real time")]

mod abuse;
mod bans;
mod broker;
mod client;
mod counts;
mod memory;
mod overload;
#[path = "../common/process.rs"]
mod process;
mod rates;
#[path = "../common/wire.rs"]
mod wire;

//! The built binary over everything that carries MQTT, with the clients that people use: TLS,
//! client certificates, WebSocket, Unix sockets, proxies.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "the peers live in real time")]

mod authority;
mod broker;
mod browser;
mod client;
mod client_certificates;
#[path = "../common/process.rs"]
mod process;
mod proxy;
mod reload;
#[path = "../interop/setup.rs"]
#[allow(dead_code, reason = "shared with the suite that also plays with paho and Mosquitto")]
mod setup;
mod tls;
mod tools;
mod unix;
mod websocket;
#[path = "../common/wire.rs"]
mod wire;

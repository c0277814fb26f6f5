//! Fulmar's binary against the clients that people already use: mosquitto_pub, mosquitto_sub and
//! mosquitto_rr, paho-mqtt, MQTT.js and rumqttc. What is missing is installed by `install.sh`.
//!
//! Each test starts its own broker on a free loopback port. `FULMAR_TEST_BROKER=mosquitto` starts
//! Debian's Mosquitto instead, which shows that a story asks for nothing that Mosquitto does not do.

#![cfg(unix)]
#![allow(clippy::disallowed_methods, reason = "the peers live in real time")]

mod broker;
mod peer;
mod setup;
mod stage;
mod stories;

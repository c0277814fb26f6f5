use std::io;

use super::{Stage, State};
use crate::cli::bench::error::Error;
use crate::cli::bench::network::{End, Handler};
use crate::cli::bench::settings::Settings;
use crate::cli::bench::stamp::Stamp;
use crate::cli::bench::wire::{self, Hello, Incoming};
use crate::codec::{ConnAck, Frame, Packet};
use crate::types::{PacketId, QoS, ReasonCode};

/// What a persistent session asks for in 5.0: it has to last longer than the run.
const SESSION_EXPIRY_SECS: u32 = 86_400;

impl Handler for State {
    type Error = Error;

    fn handle_open(&mut self, client: usize, output: &mut Vec<u8>) {
        let name = self.name(client);
        let Settings { version, persistent, username, password, .. } = &self.settings;
        let hello = Hello {
            version: *version,
            client_id: &name,
            clean_start: self.manner.clean_start,
            session_expiry_secs: persistent
                .then_some(SESSION_EXPIRY_SECS)
                .filter(|_| !self.manner.clean_start),
            username: username.as_deref(),
            password: password.as_deref(),
        };
        wire::put_connect(hello, output);
    }

    fn handle_writable(&mut self, client: usize) {
        if let Some(stream) = client.checked_sub(self.subscribers) {
            self.list(stream);
        }
    }

    fn handle_read(&mut self) {
        self.now_nanos = self.clock.nanos();
    }

    fn handle_frame(
        &mut self,
        client: usize,
        frame: Frame<'_>,
        output: &mut Vec<u8>,
    ) -> Result<(), Error> {
        let incoming = wire::read(frame, self.settings.version)
            .map_err(|cause| Error::Packet { client: self.name(client), cause })?;
        match incoming {
            Incoming::Publish { qos, id, payload } => {
                self.handle_publish(client, payload);
                let first = if qos == QoS::ExactlyOnce { wire::PUBREC } else { wire::PUBACK };
                if let Some(id) = id {
                    wire::put_answer(first, id, output);
                }
            }
            Incoming::PubRel { id } => wire::put_answer(wire::PUBCOMP, id, output),
            Incoming::PubRec { id, refused: false } => {
                wire::put_answer(wire::PUBREL, id, output);
            }
            Incoming::PubAck { id, refused } | Incoming::PubRec { id, refused } => {
                self.handle_answer(client, id, refused);
            }
            Incoming::PubComp { id } => self.handle_answer(client, id, false),
            Incoming::Other(packet) => self.handle_other(client, &packet, output)?,
        }
        Ok(())
    }

    fn handle_end(&mut self, client: usize, end: End) -> Result<(), Error> {
        let stage = std::mem::replace(&mut self.clients[client].stage, Stage::Away);
        if stage == Stage::Leaving {
            self.progress += 1;
            self.gone.push(client);
            return Ok(());
        }
        let limit = self.settings.packet_bytes_max();
        Err(error(self.name(client), stage, end, limit))
    }
}

impl State {
    fn handle_connack(
        &mut self,
        client: usize,
        connack: &ConnAck<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        if connack.reason.is_error() {
            return Err(Error::Refused { client: self.name(client), reason: connack.reason });
        }
        let stream = client.checked_sub(self.subscribers);
        if let Some(stream) = stream.filter(|_| self.settings.version.is_v5()) {
            let receive_maximum = connack.receive_maximum.unwrap_or(u16::MAX);
            self.publishers[stream].window.limit_unanswered(receive_maximum);
        }
        let filters = &self.clients[client].filters;
        if !self.manner.subscribe || filters.is_empty() || connack.session_present {
            self.handle_ready(client, out);
            return Ok(());
        }
        wire::put_subscribe(filters, self.settings.qos, self.settings.version, out);
        self.clients[client].stage = Stage::Subscribing;
        Ok(())
    }

    fn handle_ready(&mut self, client: usize, out: &mut Vec<u8>) {
        let took = self.now_nanos.saturating_sub(self.clients[client].opened_nanos);
        self.handshakes.saturating_record(took);
        self.ready += 1;
        self.clients[client].stage = Stage::Ready;
        if self.manner.leave {
            self.leave(client, out);
        }
    }

    fn handle_other(
        &mut self,
        client: usize,
        packet: &Packet<'_>,
        out: &mut Vec<u8>,
    ) -> Result<(), Error> {
        self.progress += 1;
        match packet {
            Packet::ConnAck(connack) => self.handle_connack(client, connack, out)?,
            Packet::SubAck(suback) => {
                if let Some(&reason) = suback.reasons.iter().find(|reason| reason.is_error()) {
                    return Err(Error::Subscription { client: self.name(client), reason });
                }
                self.handle_ready(client, out);
            }
            Packet::PingResp => self.pongs += 1,
            Packet::Disconnect(disconnect) if self.clients[client].stage != Stage::Leaving => {
                let reason: ReasonCode = disconnect.reason;
                return Err(Error::Disconnected { client: self.name(client), reason });
            }
            _ => {}
        }
        Ok(())
    }

    fn handle_publish(&mut self, client: usize, payload: &[u8]) {
        let Some(stamp) = Stamp::read(payload) else {
            self.tally.counts.foreign += 1;
            return;
        };
        self.progress += 1;
        if self.tally.deliver(client, stamp, self.now_nanos) {
            let stream = stamp.stream as usize;
            self.publishers[stream].window.handle_delivery(stamp.number);
            self.list(stream);
        }
    }

    fn handle_answer(&mut self, client: usize, id: PacketId, refused: bool) {
        let Some(stream) = client.checked_sub(self.subscribers) else { return };
        self.progress += 1;
        let voided = self.publishers[stream].window.handle_answer(id, refused);
        self.tally.counts.refused += u64::from(refused);
        self.tally.counts.expected -= u64::from(voided);
        self.list(stream);
    }
}

fn error(client: String, stage: Stage, end: End, limit: usize) -> Error {
    let during = match stage {
        Stage::Connecting => "before CONNACK",
        Stage::Subscribing => "before SUBACK",
        _ => "in the middle of the run",
    };
    match end {
        End::NotConnected(cause) => Error::Connect { client, cause },
        End::Lost(cause) if cause.kind() == io::ErrorKind::ConnectionReset => {
            Error::Closed { client, during }
        }
        End::Lost(cause) => Error::Lost { client, cause },
        End::Closed => Error::Closed { client, during },
        End::Malformed(cause) => Error::Packet { client, cause },
        End::PacketTooLarge => Error::PacketTooLarge { client, limit },
    }
}

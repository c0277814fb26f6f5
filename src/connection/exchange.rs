//! Enhanced authentication, section 4.12: AUTH packets before CONNACK and during a connection.

use std::sync::Arc;

use super::{Connection, Ended, Fault, Input, Inputs, Link, Output, State};
use crate::codec::{Auth, Packet};
use crate::request::{AuthAnswer, AuthRequest, Identity, Request};
use crate::types::{ClientId, Protocol, ReasonCode};

/// The longest authentication data, in bytes: what a two-byte length can tell (section 1.5.6).
const AUTHENTICATION_DATA_MAX: usize = u16::MAX as usize;

const UNSENDABLE: &str = "the answer to its authentication data cannot be sent";

/// Who is to speak next.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum Turn {
    /// The answer to an [`AuthRequest`] is due.
    Server,
    /// An AUTH packet is. With it goes back what came with the last answer.
    Client(Box<[u8]>),
}

impl Connection {
    /// Goes on with the answer to an [`Input::Auth`]; passed over where none is due.
    pub fn handle_auth(&mut self, answer: AuthAnswer, out: &mut Inputs, output: &mut Output) {
        if self.is_reading() || self.is_closing() {
            return;
        }
        match bounded(answer) {
            AuthAnswer::Continue { data, state } => self.continue_exchange(&data, state, output),
            AuthAnswer::Refuse { reason, why } => self.refuse(reason, why, output),
            AuthAnswer::Accept { identity, data, .. } => self.accept(identity, data, out, output),
        }
    }

    fn continue_exchange(&mut self, data: &[u8], state: Box<[u8]>, output: &mut Output) {
        let link = match &mut self.state {
            State::Authenticating(handshake) => {
                handshake.turn = Turn::Client(state);
                &handshake.link
            }
            State::Connected(link) => {
                link.exchange = Some(Turn::Client(state));
                &*link
            }
            _ => return,
        };
        if !link.write_auth(ReasonCode::ContinueAuthentication, Some(data), output) {
            self.refuse(ReasonCode::NotAuthorized, UNSENDABLE, output);
        }
    }

    fn accept(
        &mut self,
        identity: Identity,
        data: Option<Vec<u8>>,
        out: &mut Inputs,
        output: &mut Output,
    ) {
        if self.is_connected() && self.username.as_deref() != identity.username.as_deref() {
            let why = "authenticated again as somebody else";
            return self.refuse(ReasonCode::NotAuthorized, why, output);
        }
        self.username = identity.username.as_deref().map(Box::from);
        match std::mem::replace(&mut self.state, State::Closing) {
            State::Authenticating(handshake) => {
                let (mut connect, link) = handshake.into_parts();
                connect.identity = identity;
                connect.authentication_data = data;
                self.state = State::Connected(link);
                out.push_back(Input::Connect(connect));
            }
            State::Connected(mut link) => {
                link.exchange = None;
                let sent = link.write_auth(ReasonCode::Success, data.as_deref(), output);
                self.state = State::Connected(link);
                match sent {
                    true => out.push_back(Input::Request(Request::Identify(Box::new(identity)))),
                    false => self.refuse(ReasonCode::NotAuthorized, UNSENDABLE, output),
                }
            }
            other => self.state = other,
        }
    }

    fn is_connected(&self) -> bool {
        matches!(self.state, State::Connected(_))
    }
}

/// The answer, if the data in it can be sent.
fn bounded(answer: AuthAnswer) -> AuthAnswer {
    let len = match &answer {
        AuthAnswer::Continue { data, .. } | AuthAnswer::Accept { data: Some(data), .. } => {
            data.len()
        }
        AuthAnswer::Accept { data: None, .. } | AuthAnswer::Refuse { .. } => 0,
    };
    if len > AUTHENTICATION_DATA_MAX {
        return AuthAnswer::Refuse { reason: ReasonCode::NotAuthorized, why: UNSENDABLE };
    }
    answer
}

impl Link {
    /// AUTH from a connected client: it starts over, or goes on with what it started.
    pub fn handle_auth_packet(
        &mut self,
        auth: &Auth<'_>,
        client_id: ClientId,
    ) -> Result<AuthRequest, Fault> {
        let (method, data) = check_method(auth, self.method.as_ref())?;
        let request = match (auth.reason, self.exchange.take()) {
            (ReasonCode::ReAuthenticate, None) => {
                AuthRequest::ReAuthenticate { client_id, method, data }
            }
            (ReasonCode::ContinueAuthentication, Some(Turn::Client(state))) => {
                AuthRequest::Continue { client_id, method, data, state }
            }
            _ => return Err(Fault::protocol("AUTH out of turn")),
        };
        self.exchange = Some(Turn::Server);
        Ok(request)
    }

    /// False where it cannot be sent: without a method there is no AUTH.
    #[must_use]
    fn write_auth(&self, reason: ReasonCode, data: Option<&[u8]>, output: &mut Output) -> bool {
        if self.method.is_none() {
            return false;
        }
        let auth = Auth {
            reason,
            authentication_method: self.method.as_deref(),
            authentication_data: data,
            ..Auth::default()
        };
        self.write(&Packet::Auth(auth), Protocol::V5, output)
    }
}

/// The data of an AUTH packet that has the method of the CONNECT
/// (`[MQTT-4.12.0-5]`, `[MQTT-4.12.1-1]`).
pub(super) fn check_method(
    auth: &Auth<'_>,
    method: Option<&Arc<str>>,
) -> Result<(String, Vec<u8>), Fault> {
    let Some(method) = method else {
        return Err(Fault::protocol("AUTH from a client that connected without a method"));
    };
    if auth.authentication_method != Some(method) {
        return Err(Fault::protocol("AUTH with another method than CONNECT"));
    }
    Ok((method.to_string(), auth.authentication_data.unwrap_or_default().to_vec()))
}

impl super::Handshake {
    /// A packet between CONNECT and CONNACK: AUTH, or DISCONNECT to give up
    /// (`[MQTT-3.1.2-30]`).
    pub fn handle_packet(
        &mut self,
        packet: &Packet<'_>,
        out: &mut Inputs,
    ) -> Result<Option<Ended>, Fault> {
        match packet {
            Packet::Auth(auth) if auth.reason == ReasonCode::ContinueAuthentication => {
                let (method, data) = check_method(auth, self.link.method.as_ref())?;
                let client_id = self.connect.client_id.clone();
                let state = match std::mem::replace(&mut self.turn, Turn::Server) {
                    Turn::Client(state) => state,
                    Turn::Server => return Err(Fault::protocol("AUTH out of turn")),
                };
                let request = AuthRequest::Continue { client_id, method, data, state };
                out.push_back(Input::Auth(request.into()));
                Ok(None)
            }
            Packet::Disconnect(packet) => Ok(Some(Ended::ByClient { reason: packet.reason })),
            _ => Err(Fault::protocol("neither AUTH nor DISCONNECT during authentication")),
        }
    }
}

//! What the driver asks the doorkeeper: whether its client comes in, and how fast it may publish.

use std::task::Context;

use tokio::io::{AsyncRead, AsyncWrite};

use super::{Driver, Scratch};
use crate::guard::Refusal;
use crate::net::doors::{Reading, TurnedAway};
use crate::request::{AuthRequest, Connect, Request};
use crate::types::ReasonCode;

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Refuses a client that is not wanted before anybody looks at its credentials. Whether it did.
    pub(super) fn turn_away(&mut self, question: &AuthRequest) -> bool {
        let client_id = match question {
            AuthRequest::Credentials { client_id, .. } | AuthRequest::Begin { client_id, .. } => {
                client_id
            }
            // Many that have begun are not many guesses once a few of them were wrong.
            AuthRequest::Continue { client_id, .. } if self.link.conn.is_none() => client_id,
            AuthRequest::Continue { .. } | AuthRequest::ReAuthenticate { .. } => return false,
        };
        let user = self.shared.authenticator.named_user(question);
        let admitted = self.shared.doorkeeper.admit_client(&self.peer, client_id, user.as_deref());
        admitted.map_err(|turned_away| self.refuse(turned_away)).is_err()
    }

    /// The CONNECT of a client that has shown who it is, if it comes in.
    /// If not, what came behind it is forgotten.
    pub(super) fn admit(
        &mut self,
        connect: Box<Connect>,
        scratch: &mut Scratch,
    ) -> Option<Box<Connect>> {
        let (user, pace) = (connect.identity.username.as_deref(), self.admission.pace());
        match self.shared.doorkeeper.handle_client(&self.peer, &connect.client_id, user, pace) {
            Ok(member) => {
                self.member = member;
                Some(connect)
            }
            Err(turned_away) => {
                self.refuse(turned_away);
                self.clear_gate();
                scratch.inputs.clear();
                None
            }
        }
    }

    /// Counts what the client publishes, where that is limited.
    pub(super) fn pace(&mut self, request: Request) -> Request {
        let Some(member) = &mut self.member else { return request };
        let is_v5 = self.connection.protocol().is_some_and(|protocol| protocol.is_v5());
        member.count(request, is_v5, self.shared.clock.now())
    }

    /// Whether nothing is read for now because the client has published faster than it may. What is
    /// for the client is still sent, and its keep alive waits, though not for ever.
    pub(super) fn must_rest(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(member) = &mut self.member else { return false };
        let now = self.shared.clock.now();
        let reading = member.poll_reading(now, cx);
        match reading {
            Reading::On | Reading::Pauses => {}
            Reading::OnAgain | Reading::PausesLong => self.shared.pace(&self.link, false),
            Reading::PausesNow => {
                if member.is_to_be_named(now) {
                    self.log_slowed_down();
                }
                self.shared.pace(&self.link, true);
            }
        }
        !matches!(reading, Reading::On | Reading::OnAgain)
    }

    /// Whether what arrived with a CONNECT waits because its client still owes for what it published on
    /// an earlier connection: else each new connection would let it publish as much as one read brings.
    pub(super) fn must_defer(&self) -> bool {
        let now = self.shared.clock.now();
        self.member.as_ref().is_some_and(|member| member.owes(now))
    }

    /// Takes what had to wait. Whether something had.
    pub(super) fn take_deferred(&mut self, scratch: &mut Scratch) -> bool {
        let deferred = self.inbox.has_unseen();
        if deferred {
            self.take_left(scratch);
            self.sort_all(scratch);
        }
        deferred
    }

    fn refuse(&mut self, TurnedAway { refusal, retry_after_secs }: TurnedAway) {
        let reason = match refusal {
            Refusal::Banned => ReasonCode::Banned,
            Refusal::UserConnections => ReasonCode::QuotaExceeded,
            _ => ReasonCode::ServerBusy,
        };
        let output = &mut self.outbox.output;
        self.connection.turn_away(reason, refusal.why(), retry_after_secs, output);
    }
}

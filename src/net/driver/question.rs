use std::pin::Pin;
use std::task::{Context, Poll};

use tokio::io::{AsyncRead, AsyncWrite};
use tokio::time::{Instant, sleep, sleep_until};

use super::{Driver, Ending, Scratch, Stage};
use crate::auth::Decision;
use crate::request::{AuthAnswer, AuthRequest, Outgoing};
use crate::types::ReasonCode;

/// What a connection asked about its client's credentials, and what was said of them last.
///
/// While an answer is due nothing that the client sends is looked at. To notice that it is gone its
/// socket is still read, until something has come: that is all that is kept unread.
#[derive(Default)]
pub struct Question {
    asked: Option<Box<Asked>>,
    /// When the credentials expire.
    valid_until: Option<Instant>,
}

/// A question that is open.
struct Asked {
    answer: Pin<Box<dyn Future<Output = AuthAnswer> + Send>>,
    /// The user whom the client named.
    user: Option<Box<str>>,
}

impl Question {
    /// Whether an answer is due.
    pub fn is_open(&self) -> bool {
        self.asked.is_some()
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> Driver<S> {
    /// Asks about credentials. Whether that is answered already.
    pub(super) fn ask(&mut self, question: &AuthRequest, scratch: &mut Scratch) -> bool {
        if matches!(question, AuthRequest::ReAuthenticate { .. }) {
            self.time_re_authentication();
        }
        match self.shared.authenticator.decide(question, &self.peer) {
            Decision::Now(answer) => {
                let user = self.shared.authenticator.named_user(question);
                self.handle_answer(answer, user.as_deref(), scratch);
            }
            Decision::Later(answer) => {
                let user = self.shared.authenticator.named_user(question).map(Box::from);
                self.question.asked = Some(Box::new(Asked { answer, user }));
            }
        }
        !self.question.is_open()
    }

    /// Goes on with the answer that is due. Whether it has come.
    pub(super) fn poll_answer(&mut self, cx: &mut Context<'_>, scratch: &mut Scratch) -> bool {
        if self.is_closing() {
            return false;
        }
        let Some(asked) = &mut self.question.asked else { return false };
        let Poll::Ready(answer) = asked.answer.as_mut().poll(cx) else { return false };
        let user = self.question.asked.take().and_then(|asked| asked.user);
        self.handle_answer(answer, user.as_deref(), scratch);
        // Who the client is decides whether what came behind its CONNECT is taken now.
        self.sort_all(scratch);
        self.receive_left(scratch);
        self.sort_all(scratch);
        true
    }

    fn handle_answer(&mut self, answer: AuthAnswer, user: Option<&str>, scratch: &mut Scratch) {
        if is_failed_login(&answer) {
            self.shared.doorkeeper.handle_failed_login(&self.peer, user);
        }
        if let AuthAnswer::Accept { valid_for, .. } = &answer {
            self.question.valid_until = valid_for.map(|time| sleep(time).deadline());
            if self.link.conn.is_some() {
                self.time_credentials();
            }
        }
        self.connection.handle_auth(answer, &mut scratch.inputs, &mut self.outbox.output);
    }

    /// A connected client has as much time as its credentials have.
    pub(super) fn time_credentials(&mut self) {
        if !matches!(self.stage, Stage::Serving) {
            return;
        }
        self.timer = self.question.valid_until.map(|until| Box::pin(sleep_until(until)));
    }

    /// To authenticate again it has less, which does not make expired credentials last.
    fn time_re_authentication(&mut self) {
        let limit = sleep(self.shared.re_authentication_timeout);
        let is_first = self.question.valid_until.is_none_or(|until| limit.deadline() < until);
        if is_first && matches!(self.stage, Stage::Serving) {
            self.timer = Some(Box::pin(limit));
        }
    }

    /// What was to be finished by `deadline` is not.
    pub(super) fn handle_authentication_time_up(&mut self, deadline: Option<Instant>) {
        let is_ours = self.question.is_open() || self.is_gate_shut();
        self.clear_gate();
        if self.link.conn.is_none() {
            // A store that is behind has kept the CONNECT unread.
            let is_ours = is_ours || self.shared.commits.is_congested();
            return self.end(if is_ours { Ending::AnswerTimeout } else { Ending::ConnectTimeout });
        }
        let why = match self.question.valid_until == deadline {
            true => "credentials have expired",
            false => "re-authentication was not over in time",
        };
        let close = Outgoing::Close { reason: ReasonCode::NotAuthorized, why };
        self.connection.encode(&close, self.shared.clock.now(), &mut self.outbox.output);
    }
}

/// Whether the client is to blame: a server that is too busy to look has found nothing wrong.
fn is_failed_login(answer: &AuthAnswer) -> bool {
    use ReasonCode::{BadUserNameOrPassword, NotAuthorized};
    matches!(answer, AuthAnswer::Refuse { reason: BadUserNameOrPassword | NotAuthorized, .. })
}

use std::time::Duration;

use crate::auth::PeerInfo;
use crate::request::{AuthAnswer, Identity};
use crate::types::{ClientId, ReasonCode};

/// What a client gives in its CONNECT, and what is known of it besides.
#[derive(Clone, PartialEq, Eq)]
pub struct Login {
    /// Its identifier.
    pub client_id: ClientId,
    /// Its user name, if it gives one.
    pub username: Option<String>,
    /// Its password, if it gives one.
    pub password: Option<Vec<u8>>,
    /// Where it comes from.
    pub peer: PeerInfo,
}

/// What one source of credentials says of a [`Login`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Verdict {
    /// It is who it says.
    Accept {
        /// Who that is.
        identity: Identity,
        /// For how long; `None` for ever.
        valid_for: Option<Duration>,
    },
    /// It is not, and no other source is asked.
    Refuse {
        /// For the client.
        reason: ReasonCode,
        /// For the log.
        why: &'static str,
    },
    /// The next source is asked. Why this one says nothing is for the log, if none does.
    NotMine(&'static str),
}

impl Verdict {
    /// It is `username`, of whom no more is known.
    pub fn accept(username: &str) -> Self {
        let identity = Identity { username: Some(username.to_owned()), ..Identity::default() };
        Self::Accept { identity, valid_for: None }
    }

    /// It gave a wrong password or the like.
    pub fn wrong(why: &'static str) -> Self {
        Self::Refuse { reason: ReasonCode::BadUserNameOrPassword, why }
    }

    /// It may come again when there is less to do.
    pub fn busy() -> Self {
        let why = "more logins wait to be checked than may";
        Self::Refuse { reason: ReasonCode::ServerBusy, why }
    }

    /// It may come again when what answers for it answers.
    pub fn unavailable(why: &'static str) -> Self {
        Self::Refuse { reason: ReasonCode::ServerUnavailable, why }
    }

    /// For the connection.
    ///
    /// # Errors
    ///
    /// Why there is none: the client is not this source's.
    pub fn answer(self) -> Result<AuthAnswer, &'static str> {
        match self {
            Self::Accept { identity, valid_for } => {
                Ok(AuthAnswer::Accept { identity, data: None, valid_for })
            }
            Self::Refuse { reason, why } => Ok(AuthAnswer::Refuse { reason, why }),
            Self::NotMine(why) => Err(why),
        }
    }
}

impl Login {
    /// Accepts whoever claims to be nobody.
    pub fn anonymous(&self) -> Verdict {
        match self.claims_something() {
            true => Verdict::NotMine("it gave a user name or a password"),
            false => Verdict::Accept { identity: Identity::default(), valid_for: None },
        }
    }

    /// What is said of this login when no source knows it.
    pub fn unknown(&self, why: &'static str) -> AuthAnswer {
        let reason = match self.claims_something() {
            true => ReasonCode::BadUserNameOrPassword,
            false => ReasonCode::NotAuthorized,
        };
        AuthAnswer::Refuse { reason, why }
    }

    fn claims_something(&self) -> bool {
        self.username.is_some() || self.password.is_some()
    }
}

impl std::fmt::Debug for Login {
    /// Without the password.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Login")
            .field("client_id", &self.client_id)
            .field("username", &self.username)
            .field("peer", &self.peer)
            .finish_non_exhaustive()
    }
}

//! Who a client is and what it may do: decisions about credentials and topics, without IO.

mod access;
pub mod password;
mod peer;
pub mod rules;
pub mod scram;
pub mod token;
mod verdict;

use std::borrow::Cow;
use std::pin::Pin;

pub use access::{Access, Action, Authorizer, Permission, Ruling};
pub use peer::{Certificate, PeerInfo};
pub use verdict::{Login, Verdict};

use crate::request::{AuthAnswer, AuthRequest, Identity};
use crate::types::ReasonCode;

/// Answers what a connection asks about credentials.
///
/// An exchange of several AUTH packets is several requests. What has to be remembered between them
/// goes into the `state` of [`AuthAnswer::Continue`].
pub trait Authenticator: Send + Sync {
    /// The answer to `request` from `peer`, or where it will come from. It never blocks.
    fn decide(&self, request: &AuthRequest, peer: &PeerInfo) -> Decision;

    /// The user whom `request` names, as far as that can be read before anything is proved: whoever is
    /// banned by that name need not be decided about, and for that name a failed login counts.
    fn named_user<'a>(&self, request: &'a AuthRequest) -> Option<Cow<'a, str>> {
        match request {
            AuthRequest::Credentials { username, .. } => username.as_deref().map(Cow::Borrowed),
            _ => None,
        }
    }
}

/// What an [`Authenticator`] says.
pub enum Decision {
    /// The answer.
    Now(AuthAnswer),
    /// The answer comes when others have done their work. Dropped when nobody waits any more.
    Later(Pin<Box<dyn Future<Output = AuthAnswer> + Send>>),
}

/// The rule of a server without any source of credentials.
///
/// Where anonymous clients are allowed everybody is who they say. Elsewhere nobody gets in: a user
/// name that cannot be checked is worth no more than none. No authentication method is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCredentials;

impl Authenticator for NoCredentials {
    fn decide(&self, request: &AuthRequest, peer: &PeerInfo) -> Decision {
        Decision::Now(match request {
            AuthRequest::Credentials { username, .. } if peer.allow_anonymous => {
                let identity = Identity { username: username.clone(), ..Identity::default() };
                AuthAnswer::Accept { identity, data: None, valid_for: None }
            }
            AuthRequest::Credentials { .. } => AuthAnswer::Refuse {
                reason: ReasonCode::NotAuthorized,
                why: "nobody is let in without credentials, and none can be checked",
            },
            AuthRequest::Begin { .. }
            | AuthRequest::Continue { .. }
            | AuthRequest::ReAuthenticate { .. } => AuthAnswer::Refuse {
                reason: ReasonCode::BadAuthenticationMethod,
                why: "unknown authentication method",
            },
        })
    }
}

impl Decision {
    /// The answer, where it is there.
    pub fn now(self) -> Option<AuthAnswer> {
        match self {
            Self::Now(answer) => Some(answer),
            Self::Later(_) => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ClientId;

    #[test]
    fn an_open_listener_takes_clients_by_the_name_they_give() {
        for username in [None, Some("ann".to_owned())] {
            let identity = Identity { username: username.clone(), ..Identity::default() };
            let answer = decide(&credentials(username), true);
            assert_eq!(answer, AuthAnswer::Accept { identity, data: None, valid_for: None });
        }
    }

    #[test]
    fn a_closed_listener_takes_nobody_that_cannot_be_checked() {
        for username in [None, Some("ann".to_owned())] {
            let answer = decide(&credentials(username), false);
            assert_eq!(reason(answer), ReasonCode::NotAuthorized);
        }
    }

    // [MQTT-4.12.0-1]
    #[test]
    fn an_unknown_method_is_a_bad_one() {
        let begin = AuthRequest::Begin {
            client_id: ClientId::new("c"),
            method: "SCRAM-SHA-1".to_owned(),
            data: Vec::new(),
        };
        assert_eq!(reason(decide(&begin, true)), ReasonCode::BadAuthenticationMethod);
    }

    fn credentials(username: Option<String>) -> AuthRequest {
        AuthRequest::Credentials { client_id: ClientId::new("c"), username, password: None }
    }

    fn decide(request: &AuthRequest, allow_anonymous: bool) -> AuthAnswer {
        let peer = PeerInfo { allow_anonymous, ..PeerInfo::default() };
        NoCredentials.decide(request, &peer).now().expect("answers at once")
    }

    fn reason(answer: AuthAnswer) -> ReasonCode {
        match answer {
            AuthAnswer::Refuse { reason, .. } => reason,
            other => panic!("not refused: {other:?}"),
        }
    }
}

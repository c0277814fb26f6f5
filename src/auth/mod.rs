//! Who a client is: decisions about credentials, without IO.

use crate::request::{AuthAnswer, AuthRequest, Identity};
use crate::types::ReasonCode;

/// Answers what a connection asks about credentials.
///
/// An exchange of several AUTH packets is several requests: what has to be remembered between them
/// is for the implementation to carry in the data that it gives to the client, or to keep by
/// client identifier.
pub trait Authenticator: Send + Sync {
    /// The answer to `request` from `peer`. It never waits for anything.
    fn decide(&self, request: &AuthRequest, peer: PeerInfo) -> AuthAnswer;
}

/// What is known of a client before it says anything.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PeerInfo {
    /// Whether its listener takes clients that nobody vouches for.
    pub allow_anonymous: bool,
}

/// The rule of a server without any source of credentials.
///
/// Where anonymous clients are allowed everybody is who they say. Elsewhere nobody gets in: a user
/// name that cannot be checked is worth no more than none. No authentication method is known.
#[derive(Debug, Clone, Copy, Default)]
pub struct NoCredentials;

impl Authenticator for NoCredentials {
    fn decide(&self, request: &AuthRequest, peer: PeerInfo) -> AuthAnswer {
        match request {
            AuthRequest::Credentials { username, .. } if peer.allow_anonymous => {
                let identity = Identity { username: username.clone() };
                AuthAnswer::Accept { identity, data: None }
            }
            AuthRequest::Credentials { .. } => {
                AuthAnswer::Refuse { reason: ReasonCode::NotAuthorized }
            }
            AuthRequest::Begin { .. }
            | AuthRequest::Continue { .. }
            | AuthRequest::ReAuthenticate { .. } => {
                AuthAnswer::Refuse { reason: ReasonCode::BadAuthenticationMethod }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::types::ClientId;

    const OPEN: PeerInfo = PeerInfo { allow_anonymous: true };
    const CLOSED: PeerInfo = PeerInfo { allow_anonymous: false };

    #[test]
    fn an_open_listener_takes_clients_by_the_name_they_give() {
        for username in [None, Some("ann".to_owned())] {
            let identity = Identity { username: username.clone() };
            let answer = NoCredentials.decide(&credentials(username), OPEN);
            assert_eq!(answer, AuthAnswer::Accept { identity, data: None });
        }
    }

    #[test]
    fn a_closed_listener_takes_nobody_that_cannot_be_checked() {
        for username in [None, Some("ann".to_owned())] {
            let answer = NoCredentials.decide(&credentials(username), CLOSED);
            assert_eq!(answer, AuthAnswer::Refuse { reason: ReasonCode::NotAuthorized });
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
        let answer = NoCredentials.decide(&begin, OPEN);
        assert_eq!(answer, AuthAnswer::Refuse { reason: ReasonCode::BadAuthenticationMethod });
    }

    fn credentials(username: Option<String>) -> AuthRequest {
        AuthRequest::Credentials { client_id: ClientId::new("c"), username, password: None }
    }
}

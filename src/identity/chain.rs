use std::borrow::Cow;
use std::collections::HashMap;
use std::sync::Arc;

use super::{Callout, CertificateUser, Passwords, Pool, RuleSource, Tokens, random};
use crate::auth::{Authenticator, Decision, Login, NoCredentials, PeerInfo, Verdict, scram, token};
use crate::request::{AuthAnswer, AuthRequest};
use crate::types::ReasonCode;

/// Everybody who is asked about clients, listener by listener.
pub struct Identities {
    parts: Arc<Parts>,
    /// By the name of the listener.
    chains: HashMap<String, Arc<[SourceKind]>>,
}

/// A source of credentials.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum SourceKind {
    /// The certificate that the client showed.
    Certificate,
    /// A signed token as password, or by the authentication method `JWT`.
    Token,
    /// A password in the password file.
    Password,
    /// The same file, by the authentication method `SCRAM-SHA-256`.
    Scram,
    /// Another server.
    Http,
    /// Nobody: whoever gives neither user name nor password comes in.
    Anonymous,
}

/// What the sources work with, and the rules that hold for whoever they accept. A source that no
/// listener asks may be missing.
pub struct Parts {
    /// Checks passwords and tokens.
    pub pool: Pool,
    /// Which part of a certificate is the user name.
    pub certificate_user: Option<CertificateUser>,
    /// The password file.
    pub passwords: Option<Passwords>,
    /// The keys of tokens.
    pub tokens: Option<Tokens>,
    /// The other server.
    pub callout: Option<Callout>,
    /// The rules about topics.
    pub rules: RuleSource,
}

/// Random bytes in the server's part of a nonce: as many as the client's usually have.
const NONCE_BYTES: usize = 18;

impl Identities {
    /// Asks the sources in `chains`, in their order; a listener without any has none.
    pub fn new(parts: Arc<Parts>, chains: HashMap<String, Arc<[SourceKind]>>) -> Self {
        Self { parts, chains }
    }

    fn chain(&self, peer: &PeerInfo) -> &[SourceKind] {
        self.chains.get(&*peer.listener).map_or(&[], |chain| chain)
    }

    fn begin(&self, method: &str, data: &[u8], peer: &PeerInfo) -> Decision {
        let chain = self.chain(peer);
        match method {
            scram::METHOD if chain.contains(&SourceKind::Scram) => {
                Decision::Now(self.parts.begin_scram(data))
            }
            token::METHOD if chain.contains(&SourceKind::Token) => {
                let (parts, token) = (Arc::clone(&self.parts), data.to_vec());
                Decision::Later(Box::pin(async move { parts.believe(token).await }))
            }
            _ => Decision::Now(refused(
                ReasonCode::BadAuthenticationMethod,
                "authentication method that its listener does not offer",
            )),
        }
    }
}

impl Authenticator for Identities {
    fn decide(&self, request: &AuthRequest, peer: &PeerInfo) -> Decision {
        match request {
            AuthRequest::Credentials { .. } if self.chain(peer).is_empty() => {
                NoCredentials.decide(request, peer)
            }
            AuthRequest::Credentials { client_id, username, password } => {
                let login = Login {
                    client_id: client_id.clone(),
                    username: username.clone(),
                    password: password.clone(),
                    peer: peer.clone(),
                };
                let (parts, chain) =
                    (Arc::clone(&self.parts), self.chains[&*peer.listener].clone());
                Decision::Later(Box::pin(async move { parts.ask_all(&chain, login).await }))
            }
            AuthRequest::Begin { method, data, .. }
            | AuthRequest::ReAuthenticate { method, data, .. } => self.begin(method, data, peer),
            AuthRequest::Continue { data, state, .. } => {
                Decision::Now(match &self.parts.passwords {
                    Some(passwords) => passwords.finish(data, state),
                    None => refused(ReasonCode::NotAuthorized, "nothing was begun"),
                })
            }
        }
    }

    fn named_user<'a>(&self, request: &'a AuthRequest) -> Option<Cow<'a, str>> {
        let name = match request {
            AuthRequest::Credentials { .. } => return NoCredentials.named_user(request),
            AuthRequest::Begin { method, data, .. }
            | AuthRequest::ReAuthenticate { method, data, .. } => match &**method {
                scram::METHOD => scram::named_user(data),
                token::METHOD => self.parts.tokens.as_ref()?.named_user(data),
                _ => None,
            },
            AuthRequest::Continue { state, .. } => scram::named_user_at(state),
        };
        name.map(Cow::Owned)
    }
}

impl Parts {
    /// The answer of the first source in `chain` that knows the client.
    async fn ask_all(&self, chain: &[SourceKind], login: Login) -> AuthAnswer {
        let mut unknown = "no source of credentials knows it";
        for source in chain.iter().filter(|source| **source != SourceKind::Scram) {
            match self.ask(*source, &login).await.answer() {
                Ok(answer) => return answer,
                Err(why) if chain.len() == 1 => unknown = why,
                Err(_) => {}
            }
        }
        login.unknown(unknown)
    }

    async fn ask(&self, source: SourceKind, login: &Login) -> Verdict {
        let missing = Verdict::NotMine("its source of credentials is not configured");
        match (source, &self.certificate_user, &self.tokens, &self.passwords, &self.callout) {
            (SourceKind::Certificate, Some(user), ..) => user.check(login),
            (SourceKind::Token, _, Some(tokens), ..) => tokens.check(login, &self.pool).await,
            (SourceKind::Password, _, _, Some(passwords), _) => {
                passwords.check(login, &self.pool).await
            }
            (SourceKind::Http, .., Some(callout)) => callout.check(login).await,
            (SourceKind::Anonymous, ..) => login.anonymous(),
            _ => missing,
        }
    }

    fn begin_scram(&self, data: &[u8]) -> AuthAnswer {
        let (Some(passwords), Ok(nonce)) = (&self.passwords, random::<NONCE_BYTES>()) else {
            return refused(ReasonCode::ServerUnavailable, "no password file, or no randomness");
        };
        passwords.begin(data, &scram::nonce(&nonce))
    }

    async fn believe(&self, token: Vec<u8>) -> AuthAnswer {
        let Some(tokens) = &self.tokens else {
            return refused(ReasonCode::ServerUnavailable, "no keys for tokens");
        };
        let answer = tokens.believe(token, None, &self.pool).await.answer();
        answer.unwrap_or_else(|why| refused(ReasonCode::NotAuthorized, why))
    }
}

fn refused(reason: ReasonCode, why: &'static str) -> AuthAnswer {
    AuthAnswer::Refuse { reason, why }
}

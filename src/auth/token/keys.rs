use jsonwebtoken::jwk::{AlgorithmParameters, EllipticCurve, Jwk, JwkSet, PublicKeyUse};
use jsonwebtoken::{Algorithm, AlgorithmFamily, DecodingKey, Header};

/// A key that signatures of tokens are checked with, and the algorithms that it is for.
#[derive(Clone)]
pub struct Key {
    id: Option<String>,
    algorithms: Vec<Algorithm>,
    key: DecodingKey,
}

/// The fewest bytes of a secret: as many as SHA-256 gives (RFC 7518 section 3.2).
pub const SECRET_BYTES_MIN: usize = 32;
/// The most keys of one JWKS file.
pub const JWKS_KEYS_MAX: usize = 256;

/// Why a file has no keys.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[allow(missing_docs, reason = "the messages say it")]
pub enum KeyError {
    #[error("is no public key in PEM of RSA, of P-256, P-384 or Ed25519")]
    Pem,
    #[error("holds a private key, which is for whoever issues tokens: put the public key here")]
    Private,
    #[error("holds a secret of fewer than {SECRET_BYTES_MIN} bytes")]
    Short,
    #[error("is no set of keys in JSON (RFC 7517)")]
    Jwks,
    #[error("holds more than {JWKS_KEYS_MAX} keys")]
    Many,
    #[error("holds no key for signatures of a kind that is known")]
    None,
}

const HMAC: [(Algorithm, usize); 3] =
    [(Algorithm::HS256, 32), (Algorithm::HS384, 48), (Algorithm::HS512, 64)];
const RSA: [Algorithm; 6] = [
    Algorithm::RS256,
    Algorithm::RS384,
    Algorithm::RS512,
    Algorithm::PS256,
    Algorithm::PS384,
    Algorithm::PS512,
];

impl Key {
    /// A public key in PEM.
    ///
    /// # Errors
    ///
    /// [`KeyError::Pem`], [`KeyError::Private`].
    pub fn from_pem(pem: &[u8]) -> Result<Self, KeyError> {
        use_one_library();
        if String::from_utf8_lossy(pem).contains("PRIVATE KEY") {
            return Err(KeyError::Private);
        }
        let key = |key, algorithms: &[Algorithm]| {
            Ok(Self { id: None, algorithms: algorithms.to_vec(), key })
        };
        if let Ok(rsa) = DecodingKey::from_rsa_pem(pem) {
            key(rsa, &RSA)
        } else if let Ok(curve) = DecodingKey::from_ec_pem(pem) {
            // The length of a point tells its curve.
            let algorithm = match curve.try_get_as_bytes().map(<[u8]>::len) {
                Ok(65) => Algorithm::ES256,
                Ok(97) => Algorithm::ES384,
                _ => return Err(KeyError::Pem),
            };
            key(curve, &[algorithm])
        } else if let Ok(edwards) = DecodingKey::from_ed_pem(pem) {
            key(edwards, &[Algorithm::EdDSA])
        } else {
            Err(KeyError::Pem)
        }
    }

    /// A secret that is shared with whoever issues tokens. It is for the algorithms whose hash is
    /// no longer than it. A line end behind it is not part of it.
    ///
    /// # Errors
    ///
    /// [`KeyError::Short`].
    pub fn from_secret(bytes: &[u8]) -> Result<Self, KeyError> {
        use_one_library();
        let secret = bytes.strip_suffix(b"\n").unwrap_or(bytes);
        let secret = secret.strip_suffix(b"\r").unwrap_or(secret);
        if secret.len() < SECRET_BYTES_MIN {
            return Err(KeyError::Short);
        }
        let algorithms = secret_algorithms(secret.len());
        Ok(Self { id: None, algorithms, key: DecodingKey::from_secret(secret) })
    }

    /// The keys of a JSON Web Key Set (RFC 7517) that are for signatures. Keys of unknown kinds are
    /// passed over.
    ///
    /// # Errors
    ///
    /// [`KeyError::Jwks`], [`KeyError::Many`], [`KeyError::None`].
    pub fn from_jwks(bytes: &[u8]) -> Result<Vec<Self>, KeyError> {
        use_one_library();
        let set: JwkSet = serde_json::from_slice(bytes).map_err(|_| KeyError::Jwks)?;
        if set.keys.len() > JWKS_KEYS_MAX {
            return Err(KeyError::Many);
        }
        let keys: Vec<Self> = set.keys.iter().filter_map(Self::from_jwk).collect();
        if keys.is_empty() { Err(KeyError::None) } else { Ok(keys) }
    }

    fn from_jwk(jwk: &Jwk) -> Option<Self> {
        if jwk.common.public_key_use.as_ref().is_some_and(|use_| *use_ != PublicKeyUse::Signature) {
            return None;
        }
        let key = DecodingKey::from_jwk(jwk).ok()?;
        let mut algorithms = match &jwk.algorithm {
            AlgorithmParameters::RSA(_) => RSA.to_vec(),
            AlgorithmParameters::EllipticCurve(curve) => match curve.curve {
                EllipticCurve::P256 => vec![Algorithm::ES256],
                EllipticCurve::P384 => vec![Algorithm::ES384],
                _ => return None,
            },
            AlgorithmParameters::OctetKeyPair(pair) if pair.curve == EllipticCurve::Ed25519 => {
                vec![Algorithm::EdDSA]
            }
            AlgorithmParameters::OctetKey(_) => {
                secret_algorithms(key.try_get_as_bytes().ok()?.len())
            }
            _ => return None,
        };
        if let Some(only) = jwk.common.key_algorithm {
            algorithms.retain(|algorithm| format!("{algorithm:?}") == only.to_string());
        }
        let id = jwk.common.key_id.clone();
        (!algorithms.is_empty()).then_some(Self { id, algorithms, key })
    }

    /// Whether a token with this `header` may be signed with this key.
    pub(super) fn fits(&self, header: &Header) -> bool {
        let same = match (&self.id, &header.kid) {
            (Some(id), Some(named)) => id == named,
            _ => true,
        };
        same && self.algorithms.contains(&header.alg)
    }

    /// Whether whoever has it can make tokens, too.
    pub fn is_secret(&self) -> bool {
        self.key.family() == AlgorithmFamily::Hmac
    }

    pub(super) fn decoding(&self) -> &DecodingKey {
        &self.key
    }
}

fn secret_algorithms(len: usize) -> Vec<Algorithm> {
    HMAC.iter().filter(|(_, bytes)| *bytes <= len).map(|(algorithm, _)| *algorithm).collect()
}

/// Another crate in the program may have switched on the other library, too. Whoever came first has
/// chosen one; either is good.
fn use_one_library() {
    #[cfg(feature = "aws-lc-rs")]
    let _ = jsonwebtoken::crypto::aws_lc::DEFAULT_PROVIDER.install_default();
    #[cfg(all(feature = "ring", not(feature = "aws-lc-rs")))]
    let _ = jsonwebtoken::crypto::rust_crypto::DEFAULT_PROVIDER.install_default();
}

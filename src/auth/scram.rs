//! SCRAM-SHA-256 (RFC 5802, RFC 7677), the server's part, as the authentication method of that name
//! (section 4.12 of the standard). Without channel binding.

use base64::Engine;
use base64::engine::general_purpose::STANDARD;

use crate::auth::password::{ScramRecord, keyed_hash};

/// The name of the authentication method.
pub const METHOD: &str = "SCRAM-SHA-256";

/// The most bytes of a message from a client.
pub const MESSAGE_BYTES_MAX: usize = 4_096;

/// What the server says to the client's first message.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct First {
    /// To the client.
    pub data: Vec<u8>,
    /// For [`finish`]. Holds no secret.
    pub state: Box<[u8]>,
}

/// A client that has proved who it is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Proven {
    /// Who it is.
    pub username: String,
    /// To the client: proves that the server knows it.
    pub data: Vec<u8>,
}

/// Answers the client's first message. `nonce` is the server's, of printable characters without
/// comma, never used before; `record` gives the salt and iterations of a user, also of one that
/// does not exist.
///
/// # Errors
///
/// What is wrong with the message.
pub fn begin(
    message: &[u8],
    nonce: &str,
    record: impl FnOnce(&str) -> (Box<[u8]>, u32),
) -> Result<First, &'static str> {
    let text = text(message)?;
    let (header, bare) = split_header(text)?;
    let (username, client_nonce) = read_first(bare)?;
    let authorized_as = header_name(header)?;
    if authorized_as.is_some_and(|other| other != username) {
        return Err("it wants to act for another user");
    }
    let (salt, iterations) = record(&username);
    let first = format!("r={client_nonce}{nonce},s={},i={iterations}", STANDARD.encode(salt));
    let state = [header, bare, &first].join("\0");
    Ok(First { data: first.into_bytes(), state: state.into_bytes().into() })
}

/// Checks the client's final message against the `state` of its first one; `record` is what is kept
/// of the user's password.
///
/// # Errors
///
/// What is wrong with the message.
pub fn finish<'a>(
    message: &[u8],
    state: &[u8],
    record: impl FnOnce(&str) -> Option<&'a ScramRecord>,
) -> Result<Proven, &'static str> {
    let (header, bare, first) = read_state(state).ok_or("nothing was begun")?;
    let (username, _) = read_first(bare)?;
    let (unproven, proof) = read_final(text(message)?, header, first)?;
    let nobody =
        ScramRecord { iterations: 1, salt: [].into(), stored_key: [0; 32], server_key: [0; 32] };
    let known = record(&username);
    let record = known.unwrap_or(&nobody);
    let everything = [bare, first, unproven].join(",");
    let signature = keyed_hash(&record.stored_key, everything.as_bytes());
    let client_key = std::array::from_fn(|at| proof[at] ^ signature[at]);
    if !record.is_client_key(&client_key) || known.is_none() {
        return Err("wrong password, or unknown user");
    }
    let proof = STANDARD.encode(keyed_hash(&record.server_key, everything.as_bytes()));
    Ok(Proven { username, data: format!("v={proof}").into_bytes() })
}

/// The user whom the client's first message names, be it true or not.
pub fn named_user(message: &[u8]) -> Option<String> {
    let (_, bare) = split_header(text(message).ok()?).ok()?;
    Some(read_first(bare).ok()?.0)
}

/// The same of an exchange that stands at `state`.
pub fn named_user_at(state: &[u8]) -> Option<String> {
    let (_, bare, _) = read_state(state)?;
    Some(read_first(bare).ok()?.0)
}

/// `random` in characters that a nonce may have.
pub fn nonce(random: &[u8]) -> String {
    STANDARD.encode(random)
}

fn text(message: &[u8]) -> Result<&str, &'static str> {
    if message.len() > MESSAGE_BYTES_MAX {
        return Err("its SCRAM message is too long");
    }
    let text = str::from_utf8(message).ok().filter(|text| !text.contains('\0'));
    text.ok_or("its SCRAM message is not text")
}

/// `n,a=name,` and what is behind it.
fn split_header(text: &str) -> Result<(&str, &str), &'static str> {
    let mut commas = text.match_indices(',').map(|(at, _)| at);
    let (Some(_), Some(second)) = (commas.next(), commas.next()) else { return Err(UNREADABLE) };
    match text.split(',').next() {
        Some("n" | "y") => Ok(text.split_at(second + 1)),
        Some(flag) if flag.starts_with("p=") => Err("it wants SCRAM with channel binding"),
        _ => Err(UNREADABLE),
    }
}

/// The user for whom the client wants to act, if it says so.
fn header_name(header: &str) -> Result<Option<String>, &'static str> {
    match header.split(',').nth(1) {
        Some("") => Ok(None),
        Some(name) => name.strip_prefix("a=").and_then(unescaped).map(Some).ok_or(UNREADABLE),
        None => Err(UNREADABLE),
    }
}

/// User name and nonce of `n=user,r=nonce`, with extensions behind.
fn read_first(bare: &str) -> Result<(String, &str), &'static str> {
    let mut parts = bare.split(',');
    let name = parts.next().and_then(|part| part.strip_prefix("n=")).and_then(unescaped);
    let nonce = parts.next().and_then(|part| part.strip_prefix("r="));
    match (name, nonce.filter(|nonce| is_nonce(nonce))) {
        (Some(name), Some(nonce)) if !name.is_empty() => Ok((name, nonce)),
        _ => Err(UNREADABLE),
    }
}

/// What the proof is over, and the proof.
fn read_final<'a>(
    text: &'a str,
    header: &str,
    first: &str,
) -> Result<(&'a str, [u8; 32]), &'static str> {
    let (unproven, proof) = text.rsplit_once(",p=").ok_or(UNREADABLE)?;
    let proof = STANDARD.decode(proof).ok().and_then(|proof| proof.try_into().ok());
    let mut parts = unproven.split(',');
    let bound = parts.next().and_then(|part| part.strip_prefix("c="));
    let nonce = parts.next().and_then(|part| part.strip_prefix("r="));
    let expected = first.strip_prefix("r=").and_then(|rest| rest.split(',').next());
    if bound != Some(&STANDARD.encode(header)) || nonce.is_none() || nonce != expected {
        return Err("its second SCRAM message does not belong to the first");
    }
    Ok((unproven, proof.ok_or(UNREADABLE)?))
}

fn read_state(state: &[u8]) -> Option<(&str, &str, &str)> {
    let mut parts = str::from_utf8(state).ok()?.split('\0');
    Some((parts.next()?, parts.next()?, parts.next()?))
}

fn is_nonce(text: &str) -> bool {
    !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_graphic())
}

/// A name in which `=2C` stands for a comma and `=3D` for `=`.
fn unescaped(name: &str) -> Option<String> {
    let mut parts = name.split('=');
    let mut text = parts.next()?.to_owned();
    for part in parts {
        let (sign, rest) = part.split_at_checked(2)?;
        text.push(match sign {
            "2C" => ',',
            "3D" => '=',
            _ => return None,
        });
        text.push_str(rest);
    }
    Some(text)
}

const UNREADABLE: &str = "its SCRAM message cannot be read";

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of RFC 7677, section 3.
    const CLIENT_FIRST: &str = "n,,n=user,r=rOprNGfwEbeRWgbNEkqO";
    const NONCE: &str = "%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0";
    const SERVER_FIRST: &str = "r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                                s=W22ZaJ0SNY7soEsUEjb6gQ==,i=4096";
    const CLIENT_FINAL: &str = "c=biws,r=rOprNGfwEbeRWgbNEkqO%hvYDpWUa2RaTCAfuxFIlj)hNlF$k0,\
                                p=dHzbZapWIk4jUhN+Ute9ytag9zjfMHgsqmmiz7AndVQ=";
    const SERVER_FINAL: &str = "v=6rriTRBi23WpRR/wtup+mMhUZUn/dB5nLTJRsjl95G4=";

    #[test]
    fn the_example_of_the_standard_is_followed_to_the_letter() {
        let record = pencil();
        let first = begin(CLIENT_FIRST.as_bytes(), NONCE, |user| {
            assert_eq!(user, "user");
            (record.salt.clone(), record.iterations)
        });
        let first = first.expect("a first message");
        assert_eq!(String::from_utf8_lossy(&first.data), SERVER_FIRST);

        let proven = finish(CLIENT_FINAL.as_bytes(), &first.state, |_| Some(&record));

        let proven = proven.expect("the right password");
        assert_eq!(proven.username, "user");
        assert_eq!(String::from_utf8_lossy(&proven.data), SERVER_FINAL);
    }

    #[test]
    fn a_wrong_password_and_an_unknown_user_are_refused_alike() {
        let other = ScramRecord::new(b"crayon", &pencil().salt, 4096);

        let wrong = finish(CLIENT_FINAL.as_bytes(), &state(), |_| Some(&other));
        let unknown = finish(CLIENT_FINAL.as_bytes(), &state(), |_| None);

        assert_eq!(wrong, Err("wrong password, or unknown user"));
        assert_eq!(unknown, wrong);
    }

    #[test]
    fn a_final_message_of_another_exchange_is_refused() {
        let other_nonce = CLIENT_FINAL.replace("$k0", "$k1");
        let other_header = CLIENT_FINAL.replace("biws", "eSws");
        let no_proof = &CLIENT_FINAL[..CLIENT_FINAL.len() - 8];
        for message in [&other_nonce[..], &other_header, no_proof, "c=biws", ""] {
            let answer = finish(message.as_bytes(), &state(), |_| panic!("too early"));
            assert!(answer.is_err(), "{message}");
        }
        assert!(finish(CLIENT_FINAL.as_bytes(), b"", |_| None).is_err(), "nothing was begun");
    }

    #[test]
    fn first_messages_that_cannot_be_are_refused() {
        for message in [
            "",
            "n",
            "n,,",
            "n,,n=user",
            "n,,n=,r=x",
            "n,,r=x,n=user",
            "n,,m=ext,n=user,r=x",
            "x,,n=user,r=x",
            "p=tls-exporter,,n=user,r=x",
            "n,,n=us=er,r=x",
            "n,,n=us=2cer,r=x",
            "n,,n=user,r=",
            "n,,n=user,r=ü",
            "n,a=other,n=user,r=x",
            "n,b=user,n=user,r=x",
            "n,,n=us\0er,r=x",
        ] {
            let answer = begin(message.as_bytes(), NONCE, |_| panic!("too early"));
            assert!(answer.is_err(), "{message:?}");
        }
        assert!(begin(b"n,,n=\xFF,r=x", NONCE, |_| panic!("too early")).is_err());
    }

    #[test]
    fn names_may_have_commas_and_equals_signs() {
        for (message, expected) in [("n,,n=a=2Cb=3Dc,r=x", "a,b=c"), ("y,a=a=3D,n=a=3D,r=x", "a=")]
        {
            let mut found = String::new();
            let first = begin(message.as_bytes(), NONCE, |user| {
                found = user.to_owned();
                ([1].into(), 4096)
            });
            assert!(first.is_ok());
            assert_eq!(found, expected);
        }
    }

    #[test]
    fn each_message_of_an_exchange_says_whom_it_names() {
        assert_eq!(named_user(CLIENT_FIRST.as_bytes()).as_deref(), Some("user"));
        assert_eq!(named_user_at(&state()).as_deref(), Some("user"));

        for message in ["", "n,,", "n,,r=x", "x,,n=user,r=x"] {
            assert_eq!(named_user(message.as_bytes()), None, "{message}");
        }
        assert_eq!(named_user_at(b""), None, "nothing was begun");
    }

    #[test]
    fn a_message_has_a_bounded_length() {
        let message = |len: usize| format!("n,,n=user,r={}", "x".repeat(len - 12));
        let is_taken = |len| begin(message(len).as_bytes(), NONCE, |_| ([1].into(), 4096)).is_ok();

        assert!(is_taken(MESSAGE_BYTES_MAX));
        assert!(!is_taken(MESSAGE_BYTES_MAX + 1));
    }

    fn pencil() -> ScramRecord {
        let salt = STANDARD.decode("W22ZaJ0SNY7soEsUEjb6gQ==").expect("base64");
        ScramRecord::new(b"pencil", &salt, 4096)
    }

    fn state() -> Box<[u8]> {
        let first = begin(CLIENT_FIRST.as_bytes(), NONCE, |_| (pencil().salt, 4096));
        first.expect("a first message").state
    }
}

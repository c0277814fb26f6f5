use std::io;

use crate::codec::DecodeError;
use crate::types::ReasonCode;

/// Why a run ended without a result.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    #[error("{0}")]
    Options(String),
    #[error("cannot find the host {host}: {cause}")]
    Host { host: String, cause: io::Error },
    #[error("{client} cannot connect: {cause}")]
    Connect { client: String, cause: io::Error },
    #[error("the broker refuses {client}: {} (0x{:02x})", name(*.reason), .reason.byte())]
    Refused { client: String, reason: ReasonCode },
    #[error("the broker refuses a subscription of {client}: {} (0x{:02x})", name(*.reason), .reason.byte())]
    Subscription { client: String, reason: ReasonCode },
    #[error("the broker disconnects {client}: {} (0x{:02x})", name(*.reason), .reason.byte())]
    Disconnected { client: String, reason: ReasonCode },
    #[error("the broker closed the connection of {client} {during}")]
    Closed { client: String, during: &'static str },
    #[error("the connection of {client} is lost: {cause}")]
    Lost { client: String, cause: io::Error },
    #[error("the broker sent {client} what is no packet: {}", .cause.what)]
    Packet { client: String, cause: DecodeError },
    #[error("the broker sent {client} a packet larger than {limit} bytes")]
    PacketTooLarge { client: String, limit: usize },
    #[error("nothing has come from the broker for {secs} s while {what}")]
    Silence { what: &'static str, secs: u64 },
    #[error("no figures for process {pid}: {cause}")]
    Process { pid: u32, cause: io::Error },
    #[error("the system: {0}")]
    System(#[from] io::Error),
}

/// The standard's name of a reason code, in words.
fn name(reason: ReasonCode) -> String {
    let mut words = String::new();
    for letter in format!("{reason:?}").chars() {
        if letter.is_uppercase() && !words.is_empty() {
            words.push(' ');
        }
        words.extend(letter.to_lowercase());
    }
    words
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reason_is_told_in_words_and_as_its_number() {
        let refused = Error::Refused { client: "a".into(), reason: ReasonCode::NotAuthorized };
        assert_eq!(refused.to_string(), "the broker refuses a: not authorized (0x87)");
    }
}

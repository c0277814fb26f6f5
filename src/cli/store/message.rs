use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use serde::{Deserialize, Serialize};

use crate::codec::{Property, encode_property, properties};
use crate::types::{Message, MessageHead, QoS, Timestamp, topic};

/// A message as it stands in an export.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MessageText {
    topic: String,
    qos: u8,
    #[serde(default)]
    retain: bool,
    /// Milliseconds since 1970; absent for never.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at_ms: Option<u64>,
    payload: Bytes,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    payload_is_utf8: Option<bool>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    response_topic: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    correlation_data: Option<Bytes>,
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    user_properties: Vec<(String, String)>,
}

/// Text where the bytes are text.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(untagged, expecting = "must be a text, or {\"base64\": a text}")]
pub enum Bytes {
    Text(String),
    Base64 { base64: String },
}

/// The longest string and the longest binary data in a packet.
pub const STRING_BYTES_MAX: usize = 65_535;
/// Bytes of topic, properties and payload that fit into the longest packet.
const MESSAGE_BYTES_MAX: usize = 268_435_455;

impl From<&Message> for MessageText {
    fn from(message: &Message) -> Self {
        let mut text = Self {
            topic: message.topic().to_owned(),
            qos: message.qos().bits(),
            retain: message.retain(),
            expires_at_ms: message.expires_at().map(|at| at.0),
            payload: Bytes::from(message.payload()),
            payload_is_utf8: None,
            content_type: None,
            response_topic: None,
            correlation_data: None,
            user_properties: Vec::new(),
        };
        properties(message.properties()).for_each(|property| text.note(property));
        text
    }
}

impl MessageText {
    fn note(&mut self, property: Property<'_>) {
        match property {
            Property::PayloadFormatIndicator(is_utf8) => self.payload_is_utf8 = Some(is_utf8),
            Property::ContentType(text) => self.content_type = Some(text.to_owned()),
            Property::ResponseTopic(topic) => self.response_topic = Some(topic.to_owned()),
            Property::CorrelationData(data) => self.correlation_data = Some(Bytes::from(data)),
            Property::UserProperty((name, value)) => {
                self.user_properties.push((name.to_owned(), value.to_owned()));
            }
            // No other property passes through a broker.
            _ => {}
        }
    }

    /// The message; the error says what no message can have.
    pub fn message(&self) -> Result<Message, String> {
        if !topic::is_valid_name(&self.topic) {
            return Err(format!("{:?} is no topic name", self.topic));
        }
        let properties = self.properties()?;
        let payload = self.payload.bytes("payload")?;
        let bytes = self.topic.len() + properties.len() + payload.len();
        if bytes > MESSAGE_BYTES_MAX {
            return Err(format!("a message of {bytes} bytes fits no packet"));
        }
        let expires_at = self.expires_at_ms.map(Timestamp);
        let head = MessageHead { qos: qos(self.qos)?, retain: self.retain, expires_at };
        Ok(Message::new(head, &self.topic, &properties, &payload))
    }

    fn properties(&self) -> Result<Vec<u8>, String> {
        let mut out = Vec::new();
        if let Some(is_utf8) = self.payload_is_utf8 {
            encode_property(&Property::PayloadFormatIndicator(is_utf8), &mut out);
        }
        if let Some(text) = &self.content_type {
            check_string("content_type", text)?;
            encode_property(&Property::ContentType(text), &mut out);
        }
        if let Some(response) = &self.response_topic {
            check_string("response_topic", response)?;
            if response.contains(['+', '#']) {
                return Err("response_topic has a wildcard".into());
            }
            encode_property(&Property::ResponseTopic(response), &mut out);
        }
        if let Some(data) = &self.correlation_data {
            let data = data.bytes("correlation_data")?;
            check_length("correlation_data", data.len())?;
            encode_property(&Property::CorrelationData(&data), &mut out);
        }
        for (name, value) in &self.user_properties {
            check_string("user_properties", name)?;
            check_string("user_properties", value)?;
            encode_property(&Property::UserProperty((name, value)), &mut out);
        }
        Ok(out)
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        match std::str::from_utf8(bytes) {
            Ok(text) => Self::Text(text.to_owned()),
            Err(_) => Self::Base64 { base64: STANDARD.encode(bytes) },
        }
    }
}

impl Bytes {
    fn bytes(&self, what: &str) -> Result<Vec<u8>, String> {
        match self {
            Self::Text(text) => Ok(text.as_bytes().to_vec()),
            Self::Base64 { base64 } => {
                STANDARD.decode(base64).map_err(|error| format!("{what} is no base64: {error}"))
            }
        }
    }
}

/// The QoS with this number.
pub fn qos(bits: u8) -> Result<QoS, String> {
    QoS::from_bits(bits).ok_or_else(|| format!("QoS {bits} does not exist"))
}

/// A string as MQTT has it.
pub fn check_string(what: &str, text: &str) -> Result<(), String> {
    check_length(what, text.len())?;
    if text.contains('\0') { Err(format!("{what} has a NUL")) } else { Ok(()) }
}

fn check_length(what: &str, bytes: usize) -> Result<(), String> {
    if bytes <= STRING_BYTES_MAX {
        return Ok(());
    }
    Err(format!("{what} has {bytes} bytes, at most {STRING_BYTES_MAX} are possible"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn everything_that_a_message_has_comes_back() {
        let mut encoded = Vec::new();
        for property in [
            Property::PayloadFormatIndicator(false),
            Property::ContentType("text/plain"),
            Property::ResponseTopic("answers"),
            Property::CorrelationData(&[0xff, 0]),
            Property::UserProperty(("b", "1")),
            Property::UserProperty(("a", "2")),
        ] {
            encode_property(&property, &mut encoded);
        }
        let head = MessageHead {
            qos: QoS::ExactlyOnce,
            retain: true,
            expires_at: Some(Timestamp(1_700_000_000_000)),
        };
        for payload in [&b"hello"[..], b"", &[0xc3], "\u{0}\u{1f426}".as_bytes()] {
            let message = Message::new(head, "a/b", &encoded, payload);
            let json = serde_json::to_string(&MessageText::from(&message)).expect("JSON");
            let read: MessageText = serde_json::from_str(&json).expect("the same JSON");
            assert_eq!(read.message(), Ok(message), "{json}");
        }
    }

    #[test]
    fn what_no_message_can_have_is_named() {
        let long = "x".repeat(STRING_BYTES_MAX + 1);
        let cases = [
            (r#""topic":"a/+""#.to_owned(), "is no topic name"),
            (r#""topic":"t","qos":3"#.to_owned(), "QoS 3 does not exist"),
            (r#""topic":"t","response_topic":"a/#""#.to_owned(), "has a wildcard"),
            (r#""topic":"t","content_type":"\u0000""#.to_owned(), "has a NUL"),
            (format!(r#""topic":"t","content_type":"{long}""#), "has 65536 bytes"),
            (r#""topic":"t","payload":{"base64":"?"}"#.to_owned(), "payload is no base64"),
        ];
        for (fields, expected) in cases {
            let with = |key: &str, value: &str| match fields.contains(&format!("\"{key}\"")) {
                true => String::new(),
                false => format!(",\"{key}\":{value}"),
            };
            let json = format!("{{{fields}{}{}}}", with("qos", "1"), with("payload", "\"\""));
            let text: MessageText = serde_json::from_str(&json).expect("well-formed");
            let mistake = text.message().expect_err(&json);
            assert!(mistake.contains(expected), "{mistake}");
        }
    }

    #[test]
    fn the_longest_string_is_possible() {
        assert_eq!(check_string("text", &"x".repeat(STRING_BYTES_MAX)), Ok(()));
    }
}

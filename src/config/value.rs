use std::net::SocketAddr;
use std::ops::RangeInclusive;
use std::path::PathBuf;

use super::listener::LIST_ENTRIES_MAX;
use crate::types::QoS;

/// A checked value of some key.
pub(super) trait Value: Sized {
    /// Checks what was written; the error says what it must be.
    fn read(written: &Written<'_>, range: &Range) -> Result<Self, String>;

    /// The value as it stands in a file.
    fn show(&self) -> String;

    /// What is accepted, for people; empty where the value says it already.
    fn allowed(_range: &Range) -> String {
        String::new()
    }
}

/// The least and the greatest number, or length in bytes; `None` for what has neither.
pub(super) type Range = Option<RangeInclusive<u64>>;

/// What stands where a value is expected, before it is checked.
pub(super) enum Written<'a> {
    Number(i128),
    Flag(bool),
    Text(&'a str),
    Texts(Vec<&'a str>),
    /// From the environment or a flag, which know no types.
    Bare(&'a str),
    /// What no key takes, by its name.
    Other(&'static str),
}

impl Written<'_> {
    pub(super) fn number(&self, range: &Range) -> Result<u64, String> {
        let number = match self {
            Self::Number(number) => Some(*number),
            Self::Bare(text) => text.trim().replace('_', "").parse().ok(),
            _ => None,
        };
        let number = number.ok_or_else(|| self.instead_of("a whole number"))?;
        within(number, range)
    }

    fn flag(&self) -> Result<bool, String> {
        match self {
            Self::Flag(flag) => Ok(*flag),
            Self::Bare("true") => Ok(true),
            Self::Bare("false") => Ok(false),
            _ => Err(self.instead_of("true or false")),
        }
    }

    pub(super) fn text(&self) -> Result<&str, String> {
        match self {
            Self::Text(text) | Self::Bare(text) => Ok(text),
            _ => Err(self.instead_of("a text in quotes")),
        }
    }

    pub(super) fn instead_of(&self, wanted: &str) -> String {
        let found = match self {
            Self::Number(number) => number.to_string(),
            Self::Flag(flag) => flag.to_string(),
            Self::Text(text) | Self::Bare(text) => format!("{text:?}"),
            Self::Texts(_) => "a list".into(),
            Self::Other(name) => (*name).into(),
        };
        format!("must be {wanted}, not {found}")
    }
}

fn within(number: i128, range: &Range) -> Result<u64, String> {
    let (least, greatest) = ends(range);
    if number < i128::from(least) {
        return Err(format!("must be at least {}", grouped(least)));
    }
    match u64::try_from(number) {
        Ok(number) if number <= greatest => Ok(number),
        _ => Err(format!("must be at most {}", grouped(greatest))),
    }
}

fn ends(range: &Range) -> (u64, u64) {
    range.as_ref().map_or((0, u64::MAX), |range| (*range.start(), *range.end()))
}

/// 65535 as `65_535`, which TOML reads as well as people do.
pub(super) fn grouped(number: u64) -> String {
    let digits = number.to_string();
    let groups: Vec<&str> = digits
        .as_bytes()
        .rchunks(3)
        .rev()
        .map(|group| std::str::from_utf8(group).expect("digits are ASCII"))
        .collect();
    groups.join("_")
}

macro_rules! numbers {
    ($($Number:ty),+) => { $(
        impl Value for $Number {
            fn read(written: &Written<'_>, range: &Range) -> Result<Self, String> {
                let number = written.number(range)?;
                Ok(number.try_into().expect("the range of a key lies within its type"))
            }

            fn show(&self) -> String {
                grouped(u64::try_from(*self).expect("no number is wider than 64 bits"))
            }

            fn allowed(range: &Range) -> String {
                let (least, greatest) = ends(range);
                format!("{} to {}", grouped(least), grouped(greatest))
            }
        }
    )+ };
}

numbers!(u16, u32, u64, usize);

impl Value for bool {
    fn read(written: &Written<'_>, _: &Range) -> Result<Self, String> {
        written.flag()
    }

    fn show(&self) -> String {
        self.to_string()
    }
}

/// Text that MQTT can carry: `range` bytes long, without U+0000 (`[MQTT-1.5.4-2]`).
impl Value for String {
    fn read(written: &Written<'_>, range: &Range) -> Result<Self, String> {
        let text = written.text()?;
        let (least, greatest) = ends(range);
        match text.len() as u64 {
            _ if text.contains('\0') => Err("must not contain the character U+0000".into()),
            length if length < least => Err(format!("must be at least {least} bytes long")),
            length if length > greatest => {
                Err(format!("must be at most {} bytes long", grouped(greatest)))
            }
            _ => Ok(text.into()),
        }
    }

    fn show(&self) -> String {
        quoted(self)
    }
}

/// A path; the empty text is none.
impl Value for Option<PathBuf> {
    fn read(written: &Written<'_>, _: &Range) -> Result<Self, String> {
        let text = written.text()?;
        if text.contains('\0') {
            return Err("must not contain the character U+0000".into());
        }
        Ok(Some(PathBuf::from(text)).filter(|path| !path.as_os_str().is_empty()))
    }

    fn show(&self) -> String {
        quoted(&self.as_deref().unwrap_or("".as_ref()).to_string_lossy())
    }
}

/// One text of a list.
pub(super) trait Entry: Sized {
    /// Checks one text; the error says what is wrong with it.
    fn read(text: &str) -> Result<Self, String>;

    /// The text as it stands in a list.
    fn show(&self) -> String;
}

/// A list of texts; one alone needs no brackets, and the empty text is none.
impl<T: Entry> Value for Vec<T> {
    fn read(written: &Written<'_>, _: &Range) -> Result<Self, String> {
        let texts = match written {
            Written::Texts(texts) => texts.as_slice(),
            Written::Text("") | Written::Bare("") => &[],
            Written::Text(text) => std::slice::from_ref(text),
            Written::Bare(text) => &text.split(',').map(str::trim).collect::<Vec<_>>(),
            _ => return Err(written.instead_of("a text in quotes or a list of such texts")),
        };
        match texts.len() {
            ..=LIST_ENTRIES_MAX => texts.iter().map(|text| T::read(text)).collect(),
            _ => Err(format!("must have at most {LIST_ENTRIES_MAX} entries")),
        }
    }

    fn show(&self) -> String {
        let texts: Vec<String> = self.iter().map(|entry| quoted(&entry.show())).collect();
        format!("[{}]", texts.join(", "))
    }
}

impl Entry for String {
    fn read(text: &str) -> Result<Self, String> {
        <Self as Value>::read(&Written::Text(text), &None)
    }

    fn show(&self) -> String {
        self.clone()
    }
}

impl Entry for PathBuf {
    fn read(text: &str) -> Result<Self, String> {
        let path = <Option<Self> as Value>::read(&Written::Text(text), &None)?;
        path.ok_or_else(|| "must name a file, not \"\"".into())
    }

    fn show(&self) -> String {
        self.to_string_lossy().into_owned()
    }
}

/// An address; the empty text is none.
impl Value for Option<SocketAddr> {
    fn read(written: &Written<'_>, range: &Range) -> Result<Self, String> {
        match written {
            Written::Text("") => Ok(None),
            _ => SocketAddr::read(written, range).map(Some),
        }
    }

    fn show(&self) -> String {
        self.as_ref().map_or_else(|| quoted(""), Value::show)
    }
}

impl Value for SocketAddr {
    fn read(written: &Written<'_>, _: &Range) -> Result<Self, String> {
        let text = written.text()?;
        let wanted = "an IP address and a port, as in \"127.0.0.1:1883\" or \"[::1]:1883\"";
        text.parse().map_err(|_| written.instead_of(wanted))
    }

    fn show(&self) -> String {
        quoted(&self.to_string())
    }
}

impl Value for QoS {
    fn read(written: &Written<'_>, _: &Range) -> Result<Self, String> {
        let bits = written.number(&Some(0..=2))?;
        Ok(u8::try_from(bits).ok().and_then(Self::from_bits).expect("0, 1 and 2 are QoS levels"))
    }

    fn show(&self) -> String {
        self.bits().to_string()
    }

    fn allowed(_: &Range) -> String {
        "0, 1 or 2".into()
    }
}

/// A TOML basic string: what TOML forbids raw is escaped.
fn quoted(text: &str) -> String {
    let escaped: String = text
        .chars()
        .map(|c| match c {
            '"' => "\\\"".into(),
            '\\' => "\\\\".into(),
            c if c.is_control() => format!("\\u{:04X}", u32::from(c)),
            c => c.to_string(),
        })
        .collect();
    format!("\"{escaped}\"")
}

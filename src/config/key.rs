use super::value::{Range, Written};

/// One key of the configuration: its name, what it accepts, and how it reads and shows its value
/// in a `T` ([`super::Config`], or one listener while it is read).
pub struct Key<T> {
    /// The section it stands in, such as `session`.
    pub section: &'static str,
    /// Its name in that section, such as `queue_messages_max`.
    pub name: &'static str,
    /// One sentence for people, the comment in `config/fulmar.toml`.
    pub about: &'static str,
    /// The least and the greatest number it accepts; for a text the length in bytes.
    pub range: Range,
    pub(super) allowed: fn(&Range) -> String,
    pub(super) set: fn(&mut T, &Written<'_>, &Range) -> Result<(), String>,
    pub(super) show: fn(&T) -> String,
}

impl<T> Key<T> {
    /// Section and name, as in `session.queue_messages_max`.
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// The environment variable that overrides it, as in `FULMAR_SESSION__QUEUE_MESSAGES_MAX`.
    pub fn variable(&self) -> String {
        format!("FULMAR_{}__{}", self.section, self.name).to_uppercase()
    }

    /// What it accepts, for people: `1 to 65_535`, or `"text" or "json"`.
    pub fn allowed(&self) -> String {
        (self.allowed)(&self.range)
    }

    /// Its value in `values`, written as in the file.
    pub fn show(&self, values: &T) -> String {
        (self.show)(values)
    }

    pub(super) fn set(&self, values: &mut T, written: &Written<'_>) -> Result<(), String> {
        (self.set)(values, written, &self.range)
    }
}

/// Declares the keys of an entry of a list of tables, and the field of the draft that each is for.
macro_rules! keys {
    ($section:literal: $(
        #[doc = $about:literal]
        $name:literal is $($field:ident).+: $Value:ty $(, within $range:expr)?;
    )+) => {
        &[ $( crate::config::Key {
            section: $section,
            name: $name,
            about: $about.trim_ascii(),
            range: keys!(@range $($range)?),
            allowed: <$Value as crate::config::value::Value>::allowed,
            set: |draft, written, range| {
                draft.$($field).+ = crate::config::value::Value::read(written, range)?;
                Ok(())
            },
            show: |draft| crate::config::value::Value::show(&draft.$($field).+),
        }, )+ ]
    };
    (@range) => { None };
    (@range $range:expr) => { Some($range) };
}

/// Declares one section: its checked values, their defaults, and its table of keys.
macro_rules! section {
    (
        #[doc = $about:literal]
        $Section:ident is $section:ident {
            $(
                $(#[doc = $doc:literal])+
                $key:ident: $Value:ty = $default:expr $(, within $range:expr)?;
            )+
        }
    ) => {
        #[doc = $about]
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $Section {
            $( $(#[doc = $doc])+ pub $key: $Value, )+
        }

        impl Default for $Section {
            fn default() -> Self {
                Self { $( $key: $default, )+ }
            }
        }

        impl $Section {
            pub(super) const SECTION: Section = Section {
                name: stringify!($section),
                about: $about.trim_ascii(),
                keys: &[
                    $( Key {
                        section: stringify!($section),
                        name: stringify!($key),
                        about: concat!($($doc),+).trim_ascii(),
                        range: section!(@range $($range)?),
                        allowed: <$Value as Value>::allowed,
                        set: |config, written, range| {
                            config.$section.$key = Value::read(written, range)?;
                            Ok(())
                        },
                        show: |config| config.$section.$key.show(),
                    }, )+
                ],
            };
        }
    };
    (@range) => { None };
    (@range $range:expr) => { Some($range) };
}

pub(super) use {keys, section};

use super::value::{Range, Value, Written, grouped};

/// Declares values that are chosen by name.
macro_rules! choices {
    ($(
        $(#[$about:meta])*
        $Choice:ident { $( $(#[$doc:meta])* $Name:ident = $name:literal, )+ }
    )+) => { $(
        $(#[$about])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum $Choice {
            $( $(#[$doc])* $Name, )+
        }

        impl $Choice {
            /// As the file has it.
            pub const fn name(self) -> &'static str {
                match self {
                    $( Self::$Name => $name, )+
                }
            }
        }

        impl Value for $Choice {
            fn read(written: &Written<'_>, range: &Range) -> Result<Self, String> {
                match written.text()? {
                    $( $name => Ok(Self::$Name), )+
                    _ => Err(written.instead_of(&Self::allowed(range))),
                }
            }

            fn show(&self) -> String {
                format!("\"{}\"", self.name())
            }

            fn allowed(_: &Range) -> String {
                crate::config::choice::one_of(&[$( $name ),+])
            }
        }
    )+ };
}

pub(super) use choices;

choices! {
    /// What happens to a message for a session whose queue is full.
    QueueFull {
        /// The new message is dropped.
        RefuseNew = "refuse_new",
        /// The oldest waiting message makes room for it.
        DropOldest = "drop_oldest",
    }

    /// Which member of a shared subscription gets a message.
    ShareStrategy {
        /// One after another.
        RoundRobin = "round_robin",
        /// The same one as long as it is connected.
        Sticky = "sticky",
        /// The one with the shortest queue.
        LeastBacklog = "least_backlog",
    }

    /// Where sessions and retained messages are kept.
    Engine {
        /// In the memory of the process.
        Memory = "memory",
        /// On disk, with sled.
        Sled = "sled",
        /// On disk, with fjall.
        Fjall = "fjall",
    }

    /// Which part of a client certificate is the user name.
    CertificateUser {
        /// None: certificates say who may connect, not who it is.
        None = "none",
        /// The common name of the subject.
        CommonName = "cn",
        /// The first DNS name among the alternative names.
        Dns = "san_dns",
        /// The first mail address among them.
        Email = "san_email",
        /// The first URI among them.
        Uri = "san_uri",
    }

    /// What an acknowledgement promises.
    Durability {
        /// The message is in the memory of the process.
        Memory = "memory",
        /// The message is with the kernel: it survives the end of the process, not a power cut.
        Os = "os",
        /// The message is synced to the disk.
        Disk = "disk",
    }

    /// What happens at a start if the engine's files are damaged.
    OnDamage {
        /// The broker does not start.
        Stop = "stop",
        /// They are set aside, and the broker starts without anything that was kept.
        StartEmpty = "start_empty",
    }

    /// How log lines are written.
    LogFormat {
        /// For people, coloured on a terminal.
        Text = "text",
        /// For machines, one object on each line.
        Json = "json",
    }
}

/// The longest time for which a session is kept after its connection has gone.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SessionExpiryMax {
    /// No bound: a client may ask for a session that never expires.
    Never,
    /// So many seconds; clients that ask for more get this.
    Secs(u32),
}

impl Value for SessionExpiryMax {
    fn read(written: &Written<'_>, range: &Range) -> Result<Self, String> {
        match written {
            Written::Text("never") | Written::Bare("never") => Ok(Self::Never),
            Written::Text(_) => Err(written.instead_of("seconds or \"never\"")),
            _ => Ok(Self::Secs(u32::read(written, range)?)),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Never => "\"never\"".into(),
            Self::Secs(secs) => grouped(u64::from(*secs)),
        }
    }

    fn allowed(range: &Range) -> String {
        format!("\"never\", or {}", u32::allowed(range))
    }
}

/// From how much memory on nothing new is begun.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemoryMax {
    /// Three quarters of what the machine has, or of what the service manager allows the process.
    Auto,
    /// So many bytes; 0 for no mark.
    Bytes(u64),
}

impl Value for MemoryMax {
    fn read(written: &Written<'_>, range: &Range) -> Result<Self, String> {
        match written {
            Written::Text("auto") | Written::Bare("auto") => Ok(Self::Auto),
            Written::Text(_) => Err(written.instead_of("bytes or \"auto\"")),
            _ => Ok(Self::Bytes(u64::read(written, range)?)),
        }
    }

    fn show(&self) -> String {
        match self {
            Self::Auto => "\"auto\"".into(),
            Self::Bytes(bytes) => grouped(*bytes),
        }
    }

    fn allowed(range: &Range) -> String {
        format!("\"auto\", or {}", u64::allowed(range))
    }
}

/// Which of `names` a text of a list is.
///
/// # Errors
///
/// That it is none of them.
pub(super) fn named<T: Copy>(names: &[(&str, T)], text: &str) -> Result<T, String> {
    let found = names.iter().find(|(name, _)| *name == text).map(|(_, value)| *value);
    found.ok_or_else(|| {
        let names: Vec<&str> = names.iter().map(|(name, _)| *name).collect();
        format!("{text:?} is none of {}", one_of(&names))
    })
}

/// As a list has `value`, which is one of `names`.
pub(super) fn name_in<T: PartialEq>(names: &[(&'static str, T)], value: &T) -> &'static str {
    let found = names.iter().find(|(_, other)| other == value).map(|(name, _)| *name);
    found.expect("every value has a name")
}

/// `"a", "b" or "c"`.
pub(super) fn one_of(names: &[&str]) -> String {
    let quoted: Vec<String> = names.iter().map(|name| format!("{name:?}")).collect();
    match quoted.split_last() {
        Some((last, [])) => last.clone(),
        Some((last, others)) => format!("{} or {last}", others.join(", ")),
        None => String::new(),
    }
}

use std::fmt;

/// Something in the configuration that cannot be: where it stands, and what it must be.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Mistake {
    /// What to change.
    pub origin: Origin,
    /// The key in question; empty where the text has none, as in a syntax error.
    pub key: String,
    /// What is wrong, without the key.
    pub text: String,
}

/// Where a value comes from, weakest first.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Origin {
    /// Nobody wrote it.
    Default,
    /// This line of a file, counted from 1.
    File {
        /// The path as given.
        file: String,
        /// Line 0 is the file as a whole.
        line: usize,
    },
    /// The environment variable of this name.
    Variable(String),
    /// The flag of this name on the command line.
    Flag(&'static str),
}

impl fmt::Display for Mistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (&self.origin, self.key.as_str()) {
            (Origin::Default, key) => write!(f, "{key}: {}", self.text),
            (Origin::File { .. }, key) if !key.is_empty() => {
                write!(f, "{}: {key}: {}", self.origin, self.text)
            }
            _ => write!(f, "{}: {}", self.origin, self.text),
        }
    }
}

impl fmt::Display for Origin {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Default => f.write_str("default"),
            Self::File { file, line: 0 } => f.write_str(file),
            Self::File { file, line } => write!(f, "{file}:{line}"),
            Self::Variable(name) => f.write_str(name),
            Self::Flag(name) => f.write_str(name),
        }
    }
}

/// Every mistake of a configuration: the file's by line, then the environment's, then the flags'.
#[derive(Debug, PartialEq, Eq)]
pub struct Mistakes(pub Vec<Mistake>);

impl fmt::Display for Mistakes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let lines: Vec<String> = self.0.iter().map(Mistake::to_string).collect();
        f.write_str(&lines.join("\n"))
    }
}

impl std::error::Error for Mistakes {}

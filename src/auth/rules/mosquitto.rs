//! Mosquitto's `acl_file`.

use super::RULES_MAX;
use super::pattern::{Pattern, PatternError};
use super::rule::{Accesses, Rule, Who};

/// Why a file is no list of rules.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("line {line}: {what}")]
pub struct Mistake {
    /// Counted from 1.
    pub line: usize,
    /// What is wrong with it.
    pub what: What,
}

/// What is wrong with a line.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum What {
    /// It is not UTF-8.
    #[error("is not UTF-8 text")]
    NoText,
    /// It begins with none of the words that there are.
    #[error("must begin with user, topic or pattern, or with # as a comment")]
    UnknownWord,
    /// `user` alone.
    #[error("a user name is missing")]
    NoUser,
    /// `topic` or `pattern` alone.
    #[error("a topic is missing")]
    NoTopic,
    /// A word in front of the topic.
    #[error("in front of the topic must be read, write, readwrite or deny")]
    UnknownAccess,
    /// The topic.
    #[error("{0}")]
    Topic(#[from] PatternError),
    /// One rule more than [`RULES_MAX`].
    #[error("there are more than {RULES_MAX} rules")]
    TooMany,
}

/// The most bytes of a file.
pub const FILE_BYTES_MAX: usize = 16 * 1024 * 1024;

/// What a line says besides comments.
enum Line<'a> {
    User(&'a str),
    Topic(Entry<'a>),
    Pattern(Entry<'a>),
}

struct Entry<'a> {
    allow: bool,
    accesses: Accesses,
    topic: &'a str,
}

/// Rules by kind: of each user and of nobody in particular, then of everybody.
#[derive(Default)]
struct Sorted {
    users_deny: Vec<Rule>,
    users_allow: Vec<Rule>,
    all_deny: Vec<Rule>,
    all_allow: Vec<Rule>,
}

/// The rules of the file with these bytes, in the order in which Mosquitto asks: those of the user
/// before patterns, `deny` first among either. `file` is its name in [`Rule::place`]. Behind them
/// stands one that allows every subscription: what may be received is decided message by message.
/// A file without a rule has none at all.
///
/// # Errors
///
/// The first mistake.
pub fn parse(bytes: &[u8], file: &str) -> Result<Vec<Rule>, Mistake> {
    let mut sorted = Sorted::default();
    let mut user = None;
    for (line, text) in (1..).zip(bytes.split(|byte| *byte == b'\n')) {
        let place = || format!("{file}:{line}").into_boxed_str();
        let read = read_line(text).and_then(|read| match read {
            None => Ok(()),
            Some(Line::User(name)) => {
                user = Some(name.to_owned());
                Ok(())
            }
            Some(Line::Topic(entry)) => sorted.add_topic(&entry, user.as_deref(), place()),
            Some(Line::Pattern(entry)) => sorted.add_pattern(&entry, place()),
        });
        read.map_err(|what| Mistake { line, what })?;
    }
    Ok(sorted.into_rules(file))
}

fn read_line(line: &[u8]) -> Result<Option<Line<'_>>, What> {
    let line = str::from_utf8(line).map_err(|_| What::NoText)?.trim_ascii();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (word, rest) = first_word(line);
    Ok(Some(match word {
        "user" if rest.is_empty() => return Err(What::NoUser),
        "user" => Line::User(rest),
        "topic" => Line::Topic(read_entry(rest)?),
        "pattern" => Line::Pattern(read_entry(rest)?),
        _ => return Err(What::UnknownWord),
    }))
}

/// A topic may have spaces in it, but only behind a word for the access.
fn read_entry(rest: &str) -> Result<Entry<'_>, What> {
    let (word, topic) = first_word(rest);
    let (read, write) = match (word, topic) {
        ("", _) => return Err(What::NoTopic),
        (topic, "") => return Ok(Entry { allow: true, accesses: READ_WRITE, topic }),
        ("read", _) => (true, false),
        ("write", _) => (false, true),
        ("readwrite" | "deny", _) => (true, true),
        _ => return Err(What::UnknownAccess),
    };
    let accesses = Accesses { read, write, subscribe: false };
    Ok(Entry { allow: word != "deny", accesses, topic })
}

const READ_WRITE: Accesses = Accesses { read: true, write: true, subscribe: false };

fn first_word(text: &str) -> (&str, &str) {
    let (word, rest) = text.split_once([' ', '\t']).unwrap_or((text, ""));
    (word, rest.trim_ascii())
}

impl Sorted {
    /// Without a `user` line before it, it is about clients without a user name.
    fn add_topic(
        &mut self,
        entry: &Entry<'_>,
        user: Option<&str>,
        place: Box<str>,
    ) -> Result<(), What> {
        let users = user.map(String::from).into_iter().collect();
        let who = Who { anonymous: user.is_none(), users, ..Who::default() };
        // `%u` and `%c` mean themselves here.
        let topic = Pattern::literal(entry.topic)?;
        let list = if entry.allow { &mut self.users_allow } else { &mut self.users_deny };
        list.push(rule(entry, who, topic, place));
        self.check_len()
    }

    /// About everybody, wherever it stands.
    fn add_pattern(&mut self, entry: &Entry<'_>, place: Box<str>) -> Result<(), What> {
        let topic = Pattern::parse(entry.topic)?;
        let list = if entry.allow { &mut self.all_allow } else { &mut self.all_deny };
        list.push(rule(entry, Who::default(), topic, place));
        self.check_len()
    }

    /// With the last rule, which is no line.
    fn check_len(&self) -> Result<(), What> {
        let lists = [&self.users_deny, &self.users_allow, &self.all_deny, &self.all_allow];
        match lists.iter().map(|list| list.len()).sum::<usize>() < RULES_MAX {
            true => Ok(()),
            false => Err(What::TooMany),
        }
    }

    fn into_rules(self, file: &str) -> Vec<Rule> {
        let Self { users_deny, users_allow, all_deny, all_allow } = self;
        let mut rules = [users_deny, users_allow, all_deny, all_allow].concat();
        if !rules.is_empty() {
            rules.push(Rule {
                allow: true,
                accesses: Accesses { subscribe: true, ..Accesses::default() },
                place: format!("{file}, which allows every subscription").into(),
                ..Rule::default()
            });
        }
        rules
    }
}

fn rule(entry: &Entry<'_>, who: Who, topic: Pattern, place: Box<str>) -> Rule {
    Rule { allow: entry.allow, accesses: entry.accesses, who, topics: vec![topic], place }
}

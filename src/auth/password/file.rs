use std::fmt;

use super::{Record, ScramRecord};

/// The users of a password file: a line `name:record` for each, as Mosquitto has it. Empty lines and
/// those that begin with `#` are passed over.
#[derive(Debug, Default, PartialEq, Eq)]
pub struct PasswordFile {
    /// By name.
    users: Vec<(Box<str>, Record)>,
    /// Those of [`Self::users`] that SCRAM knows.
    scram: Vec<usize>,
}

/// A line that cannot be.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FileMistake {
    /// Counted from 1; 0 is the file as a whole.
    pub line: usize,
    /// What is wrong, without any part of the line.
    pub what: &'static str,
}

/// The most bytes of a password file.
pub const FILE_BYTES_MAX: usize = 256 * 1024 * 1024;
/// The most users in it.
pub const USERS_MAX: usize = 1_000_000;
/// The most bytes of one line.
pub const LINE_BYTES_MAX: usize = 4_096;
/// The most bytes of a user's name.
pub const USER_BYTES_MAX: usize = 1_024;
/// How many mistakes are told of one file.
const MISTAKES_MAX: usize = 20;

impl PasswordFile {
    /// Reads the bytes of a file.
    ///
    /// # Errors
    ///
    /// The first mistakes that it has.
    pub fn parse(bytes: &[u8]) -> Result<Self, Vec<FileMistake>> {
        let whole = |what| vec![FileMistake { line: 0, what }];
        if bytes.len() > FILE_BYTES_MAX {
            return Err(whole("is too large"));
        }
        let text = str::from_utf8(bytes).map_err(|_| whole("is not UTF-8 text"))?;
        let (mut users, mut mistakes) = (Vec::new(), Vec::new());
        for (index, line) in text.lines().enumerate() {
            match read_line(line) {
                Ok(Some((name, record))) => users.push((name.into(), record, index + 1)),
                Ok(None) => {}
                Err(what) => mistakes.push(FileMistake { line: index + 1, what }),
            }
            if mistakes.len() == MISTAKES_MAX {
                break;
            }
        }
        if users.len() > USERS_MAX {
            return Err(whole("has too many users"));
        }
        sorted(users, mistakes)
    }

    /// What is kept of the password of `user`.
    pub fn record(&self, user: &str) -> Option<&Record> {
        let at = self.users.binary_search_by(|(name, _)| (**name).cmp(user)).ok()?;
        Some(&self.users[at].1)
    }

    /// The record of some user or other, always the same for one `number`: what an unknown user is
    /// checked against, so that it takes as long as a known one. `None` if there are no users.
    pub fn decoy(&self, number: u64) -> Option<&Record> {
        Some(&self.users[pick(number, self.users.len())?].1)
    }

    /// The same among those that SCRAM knows.
    pub fn scram_decoy(&self, number: u64) -> Option<&ScramRecord> {
        let at = self.scram[pick(number, self.scram.len())?];
        self.users[at].1.scram()
    }

    /// How many users there are.
    pub fn len(&self) -> usize {
        self.users.len()
    }

    /// Whether there is nobody.
    pub fn is_empty(&self) -> bool {
        self.users.is_empty()
    }
}

fn pick(number: u64, len: usize) -> Option<usize> {
    let at = number.checked_rem(len as u64)?;
    Some(usize::try_from(at).expect("less than the length of a list"))
}

/// The users by name, each once.
fn sorted(
    mut users: Vec<(Box<str>, Record, usize)>,
    mut mistakes: Vec<FileMistake>,
) -> Result<PasswordFile, Vec<FileMistake>> {
    users.sort_by(|(one, _, line), (other, _, later)| (one, line).cmp(&(other, later)));
    let twice = users.windows(2).filter(|pair| pair[0].0 == pair[1].0);
    mistakes.extend(
        twice.take(MISTAKES_MAX).map(|pair| FileMistake {
            line: pair[1].2,
            what: "the user stands in the file already",
        }),
    );
    if !mistakes.is_empty() {
        mistakes.sort_by_key(|mistake| mistake.line);
        return Err(mistakes);
    }
    let users: Vec<_> = users.into_iter().map(|(name, record, _)| (name, record)).collect();
    let of_scram = |(at, (_, record)): (usize, &(Box<str>, Record))| record.scram().map(|_| at);
    let scram = users.iter().enumerate().filter_map(of_scram).collect();
    Ok(PasswordFile { users, scram })
}

fn read_line(line: &str) -> Result<Option<(&str, Record)>, &'static str> {
    if line.len() > LINE_BYTES_MAX {
        return Err("is too long");
    }
    let line = line.trim_end();
    if line.is_empty() || line.starts_with('#') {
        return Ok(None);
    }
    let (name, record) = line.split_once(':').ok_or("has no colon")?;
    check_user(name)?;
    Ok(Some((name, Record::parse(record)?)))
}

/// Whether a password file can have a user of this name.
///
/// # Errors
///
/// What is wrong with it.
pub fn check_user(name: &str) -> Result<(), &'static str> {
    if name.is_empty() {
        Err("has no user name")
    } else if name.len() > USER_BYTES_MAX {
        Err("has a user name that is too long")
    } else if name.starts_with('#') {
        Err("has a user name that begins with #")
    } else if name.contains(|c: char| c.is_control() || c == ':') {
        Err("has a user name with a colon or a control character")
    } else if name.trim() != name {
        Err("has a user name with a space at its end")
    } else {
        Ok(())
    }
}

/// `text`, the contents of a password file, with `record` for `user`: in the place of an earlier
/// one, else at the end. Every other line stays as it is.
pub fn with_user(text: &str, user: &str, record: &Record) -> String {
    let new = format!("{user}:{record}");
    let mut found = false;
    let mut lines: Vec<&str> = Vec::new();
    for line in text.lines() {
        match is_of(line, user) {
            true if found => {}
            true => {
                found = true;
                lines.push(&new);
            }
            false => lines.push(line),
        }
    }
    if !found {
        lines.push(&new);
    }
    joined(&lines)
}

/// `text` without `user`; `None` if it is not there.
pub fn without_user(text: &str, user: &str) -> Option<String> {
    let lines: Vec<&str> = text.lines().filter(|line| !is_of(line, user)).collect();
    (lines.len() < text.lines().count()).then(|| joined(&lines))
}

fn is_of(line: &str, user: &str) -> bool {
    line.split_once(':').is_some_and(|(name, _)| name == user)
}

fn joined(lines: &[&str]) -> String {
    lines.iter().flat_map(|line| [*line, "\n"]).collect()
}

impl fmt::Display for FileMistake {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.line {
            0 => f.write_str(self.what),
            line => write!(f, "line {line}: {}", self.what),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::password::SCRAM_ITERATIONS_MIN;

    #[test]
    fn users_are_found_by_name() {
        let file = parse(&format!("# who\n\nbob:{}\nann:{}  \n", record("b"), record("a")));

        assert_eq!(file.record("ann"), Some(&record("a")));
        assert_eq!(file.record("bob"), Some(&record("b")));
        assert_eq!((file.record("eve"), file.len()), (None, 2));
    }

    #[test]
    fn every_mistake_is_told_with_its_line_and_without_its_secret() {
        let record = record("a");
        let text =
            format!("ann:{record}\nplain\n:{record}\nann:{record}\nbob:hunter2\n#\nann:{record}");

        let mistakes = PasswordFile::parse(text.as_bytes()).expect_err("many mistakes");

        let lines: Vec<usize> = mistakes.iter().map(|mistake| mistake.line).collect();
        assert_eq!(lines, [2, 3, 4, 5, 7]);
        assert!(!format!("{mistakes:?}").contains("hunter2"));
    }

    #[test]
    fn a_bound_is_held_and_one_past_it_is_not() {
        let record = record("a").to_string();
        let name = |len: usize| format!("{}:{record}", "n".repeat(len));
        assert!(is_read(&name(USER_BYTES_MAX)) && !is_read(&name(USER_BYTES_MAX + 1)));

        let padded = |len: usize| format!("a:{record}{}", " ".repeat(len - 2 - record.len()));
        assert!(is_read(&padded(LINE_BYTES_MAX)) && !is_read(&padded(LINE_BYTES_MAX + 1)));

        assert!(PasswordFile::parse(b"a:\xFF").is_err(), "not UTF-8");
    }

    #[test]
    fn a_decoy_is_always_the_same_and_there_is_one_if_there_are_users() {
        let file = parse(&format!("ann:{}\nbob:{}", record("a"), record("b")));

        assert_eq!(file.decoy(2), Some(&record("a")));
        assert_eq!(file.decoy(3), Some(&record("b")));
        assert!(file.scram_decoy(u64::MAX).is_some());
        assert_eq!(PasswordFile::default().decoy(1), None);
        assert_eq!(PasswordFile::default().scram_decoy(1), None);
    }

    #[test]
    fn a_user_is_added_replaced_and_deleted_and_the_rest_stays() {
        let (old, new) = (record("a"), record("b"));
        let text = format!("# who\nann:{old}\r\nbob:{old}");

        let added = with_user(&text, "eve", &new);
        assert_eq!(added, format!("# who\nann:{old}\nbob:{old}\neve:{new}\n"));
        let replaced = with_user(&added, "ann", &new);
        assert_eq!(replaced, format!("# who\nann:{new}\nbob:{old}\neve:{new}\n"));
        let deleted = without_user(&replaced, "bob").expect("bob was there");
        assert_eq!(deleted, format!("# who\nann:{new}\neve:{new}\n"));
        assert_eq!(without_user(&deleted, "bob"), None);
    }

    #[test]
    fn names_that_a_line_cannot_hold_are_refused() {
        for name in ["", "a:b", "#a", "a\nb", " a", "a ", "a\0"] {
            assert!(check_user(name).is_err(), "{name:?}");
        }
        for name in ["a", "a b", "ü", "a#", "a=b,c"] {
            assert!(check_user(name).is_ok(), "{name:?}");
        }
    }

    fn record(password: &str) -> Record {
        let (password, salt) = (password.as_bytes(), b"saltsalt");
        Record::Scram(ScramRecord::new(password, salt, SCRAM_ITERATIONS_MIN))
    }

    fn parse(text: &str) -> PasswordFile {
        PasswordFile::parse(text.as_bytes()).expect("a file without mistakes")
    }

    fn is_read(text: &str) -> bool {
        PasswordFile::parse(text.as_bytes()).is_ok()
    }
}

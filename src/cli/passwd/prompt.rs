use std::fs::File;
use std::io::{self, BufRead, BufReader, Read, Write};

use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};

/// How often a password is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Times {
    /// To compare it with what is known.
    Once,
    /// To notice a slip before it is kept.
    Twice,
}

/// The most bytes of a password: MQTT carries no longer one.
pub const PASSWORD_BYTES_MAX: u64 = 65_535;

/// Everything on standard input but a line end.
///
/// # Errors
///
/// Those of the system; `InvalidData` for a password that is too long.
pub fn from_stdin() -> io::Result<Vec<u8>> {
    let mut password = Vec::new();
    // Room for the line end and for one byte too many.
    io::stdin().lock().take(PASSWORD_BYTES_MAX + 3).read_to_end(&mut password)?;
    bounded(password)
}

/// Asks the person at the terminal, wherever standard input comes from. What is typed is not shown.
///
/// # Errors
///
/// Those of the system, most often that there is no terminal; `InvalidData` if the same was not
/// typed twice.
pub fn from_terminal(times: Times) -> io::Result<Vec<u8>> {
    let terminal = File::options().read(true).write(true).open("/dev/tty").map_err(|error| {
        io::Error::new(error.kind(), "there is no terminal to ask at: use --stdin")
    })?;
    let first = ask(&terminal, "Password: ")?;
    if times == Times::Twice && ask(&terminal, "The same again: ")? != first {
        return Err(io::Error::new(io::ErrorKind::InvalidData, "the two are not the same"));
    }
    Ok(first)
}

fn ask(mut terminal: &File, question: &str) -> io::Result<Vec<u8>> {
    let _silent = Silent::begin(terminal)?;
    terminal.write_all(question.as_bytes())?;
    let mut line = Vec::new();
    BufReader::new(terminal).take(PASSWORD_BYTES_MAX + 3).read_until(b'\n', &mut line)?;
    // The one that was typed is not shown either.
    terminal.write_all(b"\n")?;
    bounded(line)
}

fn bounded(mut password: Vec<u8>) -> io::Result<Vec<u8>> {
    if password.last() == Some(&b'\n') {
        password.pop();
    }
    if password.last() == Some(&b'\r') {
        password.pop();
    }
    match password.len() as u64 {
        ..=PASSWORD_BYTES_MAX => Ok(password),
        _ => Err(io::Error::new(io::ErrorKind::InvalidData, "it is longer than MQTT can carry")),
    }
}

/// A terminal that does not show what is typed, for as long as this lives.
struct Silent<'a> {
    terminal: &'a File,
    before: Termios,
}

impl<'a> Silent<'a> {
    fn begin(terminal: &'a File) -> io::Result<Self> {
        let before = tcgetattr(terminal)?;
        let mut silent = before.clone();
        silent.local_modes.remove(LocalModes::ECHO);
        tcsetattr(terminal, OptionalActions::Flush, &silent)?;
        Ok(Self { terminal, before })
    }
}

impl Drop for Silent<'_> {
    fn drop(&mut self) {
        // A terminal that is gone shows nothing.
        let _ = tcsetattr(self.terminal, OptionalActions::Now, &self.before);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_end_is_no_part_of_a_password_and_spaces_are() {
        for (typed, password) in [
            ("a\n", "a"),
            ("a\r\n", "a"),
            ("a", "a"),
            (" a \n", " a "),
            ("a\n\n", "a\n"),
            ("\n", ""),
        ] {
            let bounded = bounded(typed.as_bytes().to_vec()).expect("short");
            assert_eq!(bounded, password.as_bytes(), "{typed:?}");
        }
    }

    #[test]
    fn a_password_is_as_long_as_mqtt_can_carry() {
        let typed = |len: u64| [vec![b'x'; len as usize], b"\n".to_vec()].concat();
        assert!(bounded(typed(PASSWORD_BYTES_MAX)).is_ok());
        assert!(bounded(typed(PASSWORD_BYTES_MAX + 1)).is_err());
    }
}

//! A data directory belongs to one process.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, ChildStderr, Command, Stdio};

use crate::fixture::{ENGINES, Place, fulmar};

#[test]
fn a_second_broker_on_the_same_directory_is_refused_and_told_who_has_it() {
    for engine in ENGINES {
        let place = Place::empty(engine);
        let first = Broker::start(&place);

        let (code, log) = Broker::try_start(serve(&place)).err().expect("refused");

        assert_eq!(code, Some(1));
        assert!(log.contains(&first.in_use(&place)), "{log}");
    }
}

#[test]
fn no_command_touches_the_store_of_a_running_broker() {
    for engine in ENGINES {
        let place = Place::filled(engine);
        let broker = Broker::start(&place);
        for command in ["verify", "export", "import", "repair", "compact"] {
            let ran = place.run(&[command]).expect_code(1);
            assert!(ran.stderr.contains(&broker.in_use(&place)), "{command}: {ran:?}");
        }
        drop(broker);
        place.run(&["verify"]).expect_code(0);
    }
}

/// A broker in a process of its own; killed when the test is over.
pub struct Broker {
    child: Child,
    /// What it has logged until it served.
    pub log: String,
    /// Kept open: who logs into a pipe that nobody reads any more gets an error.
    _rest: BufReader<ChildStderr>,
}

impl Broker {
    /// Returns when it serves. Panics with its log if it never does.
    pub fn start(place: &Place) -> Self {
        Self::start_as(serve(place))
    }

    pub fn start_as(command: Command) -> Self {
        Self::try_start(command).unwrap_or_else(|(code, log)| panic!("{code:?}:\n{log}"))
    }

    /// What it ended with and its log, if it did not serve.
    pub fn try_start(mut command: Command) -> Result<Self, (Option<i32>, String)> {
        let mut child = command.stderr(Stdio::piped()).spawn().expect("the binary is built");
        let mut rest = BufReader::new(child.stderr.take().expect("a pipe"));
        let mut log = String::new();
        while !log.contains(" ready") {
            if rest.by_ref().read_line(&mut log).expect("text") == 0 {
                return Err((child.wait().expect("a child").code(), log));
            }
        }
        Ok(Self { child, log, _rest: rest })
    }

    fn in_use(&self, place: &Place) -> String {
        let (path, id) = (place.path().display(), self.child.id());
        format!("the data directory {path} is in use by the broker with process id {id}")
    }
}

impl Drop for Broker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub fn serve(place: &Place) -> Command {
    let mut command = fulmar();
    command
        .args(["serve", "--listen", "127.0.0.1:0", "--data-dir"])
        .arg(place.path())
        .env("FULMAR_STORE__ENGINE", place.engine.name())
        .env("FULMAR_STORE__DURABILITY", "disk")
        .env("FULMAR_STORE__BALLAST_BYTES", "0")
        .stdout(Stdio::null());
    command
}

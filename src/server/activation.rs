use std::net::TcpListener;
use std::os::unix::net::UnixListener;

use listenfd::ListenFd;
use socket2::SockRef;

/// Sockets that the service manager listens on in our place, by the names of their listeners
/// (sd_listen_fds(3)). They stay open while the process is restarted: clients wait and are not refused.
#[derive(Default)]
pub struct Activation(Vec<(String, Passed)>);

/// One of them.
pub enum Passed {
    /// By TCP.
    Tcp(TcpListener),
    /// By a file, which is the service manager's.
    Unix(UnixListener),
}

/// Why what was passed is of no use.
#[derive(Debug, thiserror::Error)]
pub enum ActivationError {
    /// The environment contradicts itself.
    #[error("the sockets that the service manager passes are not to be had: {0}")]
    Environment(#[source] std::io::Error),
    /// No stream socket that listens.
    #[error("what the service manager passes as {0:?} is no TCP or Unix socket that listens")]
    NoListener(String),
}

impl Activation {
    /// The sockets of this process, which is asked once: at its start, before it has threads.
    ///
    /// # Errors
    ///
    /// [`ActivationError`].
    pub fn of_process() -> Result<Self, ActivationError> {
        let wrong = ActivationError::Environment;
        if sd_notify::listen_fds().map_err(wrong)?.len() == 0 {
            // What the environment says of names then is meant for another process.
            return Ok(Self::default());
        }
        let names = sd_notify::listen_fds_with_names().map_err(wrong)?;
        let mut sockets = ListenFd::from_env();
        let passed = names.enumerate().map(|(index, (_, name))| match take(&mut sockets, index) {
            Some(passed) => Ok((name, passed)),
            None => Err(ActivationError::NoListener(name)),
        });
        passed.collect::<Result<_, _>>().map(Self)
    }

    /// All sockets of the listener `name`.
    pub fn take(&mut self, name: &str) -> Vec<Passed> {
        let (taken, left) = std::mem::take(&mut self.0).into_iter().partition(|(of, _)| of == name);
        self.0 = left;
        let taken: Vec<(String, Passed)> = taken;
        taken.into_iter().map(|(_, passed)| passed).collect()
    }

    /// The names of those that nobody has taken.
    pub fn names_left(self) -> impl Iterator<Item = String> {
        self.0.into_iter().map(|(name, _)| name)
    }
}

fn take(sockets: &mut ListenFd, index: usize) -> Option<Passed> {
    let tcp = sockets.take_tcp_listener(index).ok().flatten().map(Passed::Tcp);
    let unix = || sockets.take_unix_listener(index).ok().flatten().map(Passed::Unix);
    tcp.or_else(unix).filter(listens)
}

fn listens(passed: &Passed) -> bool {
    let listens = match passed {
        Passed::Tcp(socket) => SockRef::from(socket).is_listener(),
        Passed::Unix(socket) => SockRef::from(socket).is_listener(),
    };
    listens.unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_listener_takes_all_sockets_of_its_name_and_leaves_the_others() {
        let tcp = || Passed::Tcp(TcpListener::bind("127.0.0.1:0").expect("a free port"));
        let sockets = ["mqtt", "ws", "mqtt"].map(|name| (name.to_owned(), tcp()));
        let mut activation = Activation(sockets.into());

        assert_eq!(activation.take("mqtt").len(), 2);
        assert_eq!(activation.take("mqtt").len(), 0);
        assert_eq!(activation.take("none").len(), 0);
        assert_eq!(activation.names_left().collect::<Vec<_>>(), ["ws"]);
    }

    #[test]
    fn a_socket_that_does_not_listen_is_of_no_use() {
        use socket2::{Domain, Socket, Type};
        let deaf = Socket::new(Domain::IPV4, Type::STREAM, None).expect("a socket");
        assert!(!listens(&Passed::Tcp(deaf.into())));

        let tcp = TcpListener::bind("127.0.0.1:0").expect("a free port");
        assert!(listens(&Passed::Tcp(tcp)));
    }
}

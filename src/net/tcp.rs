use std::io;
use std::net::SocketAddr;
#[cfg(unix)]
use std::os::fd::AsFd;
use std::time::Duration;

#[cfg(target_os = "linux")]
use nix::{libc, sys::socket::sockopt::SetStruct};
use socket2::{Domain, Protocol, SockRef, Socket, TcpKeepalive, Type};

/// Whether an accepted socket has the options of the one that listened. Linux copies that one,
/// which spares each connection up to seven calls of the system.
pub(super) const OPTIONS_ARE_INHERITED: bool = cfg!(target_os = "linux");

/// What is set on sockets. TCP_NODELAY always is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpOptions {
    /// Probes that find out whether a silent peer still exists.
    pub keepalive: Option<Keepalive>,
    /// How long sent bytes may stay unacknowledged before the connection is dead; `None` leaves it
    /// to the kernel. Only on Linux.
    pub user_timeout: Option<Duration>,
    /// Unsent bytes above which the socket counts as full; `None` for as many as its buffer holds.
    /// Only on Linux.
    pub notsent_lowat_bytes: Option<u32>,
    /// How many seconds a client may say nothing before it is accepted all the same; 0 to accept it
    /// at once. Until then the kernel keeps it, without a socket, and nobody is woken. Only on Linux.
    pub defer_accept_secs: u16,
}

/// TCP keep-alive; not the keep alive of MQTT.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Keepalive {
    /// Silence before the first probe.
    pub idle: Duration,
    /// Time between probes.
    pub interval: Duration,
    /// Unanswered probes after which the connection is dead.
    pub probes: u32,
}

/// A socket that listens on `address`. `[::]` takes IPv4 too, unless `only_v6`.
///
/// # Errors
///
/// Those of the system: most often that the address is in use.
pub fn bind(address: SocketAddr, only_v6: bool, backlog: u32) -> io::Result<std::net::TcpListener> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(only_v6)?;
    }
    // A restart need not wait until the connections of the last run are forgotten.
    #[cfg(unix)]
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
    Ok(socket.into())
}

impl TcpOptions {
    /// Sets what concerns `listener` itself.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub(super) fn apply_to_listener(&self, listener: &std::net::TcpListener) -> io::Result<()> {
        #[cfg(target_os = "linux")]
        nix::sys::socket::setsockopt(listener, DeferAccept, &self.defer_accept_secs.into())?;
        if OPTIONS_ARE_INHERITED {
            self.apply(listener)?;
        }
        Ok(())
    }

    /// Sets the options of a connection on `socket`.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn apply(&self, socket: &impl AsFd) -> io::Result<()> {
        let socket = SockRef::from(socket);
        socket.set_tcp_nodelay(true)?;
        if let Some(keepalive) = self.keepalive {
            let probes = TcpKeepalive::new()
                .with_time(keepalive.idle)
                .with_interval(keepalive.interval)
                .with_retries(keepalive.probes);
            socket.set_tcp_keepalive(&probes)?;
        }
        #[cfg(target_os = "linux")]
        {
            if self.user_timeout.is_some() {
                socket.set_tcp_user_timeout(self.user_timeout)?;
            }
            if let Some(bytes) = self.notsent_lowat_bytes {
                socket.set_tcp_notsent_lowat(bytes)?;
            }
        }
        Ok(())
    }
}

/// TCP_DEFER_ACCEPT. The kernel counts in retransmissions of its SYN-ACK: at 1, 3, 7 … seconds.
#[cfg(target_os = "linux")]
#[derive(Clone, Copy)]
struct DeferAccept;

#[cfg(target_os = "linux")]
nix::setsockopt_impl!(
    DeferAccept,
    libc::IPPROTO_TCP,
    libc::TCP_DEFER_ACCEPT,
    libc::c_int,
    SetStruct<libc::c_int>
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn all_addresses_of_ipv6_take_ipv4_too_unless_told_otherwise() {
        for (only_v6, reached) in [(false, true), (true, false)] {
            let Ok(listener) = bind("[::]:0".parse().expect("address"), only_v6, 1) else {
                return; // A machine without IPv6.
            };
            let port = listener.local_addr().expect("bound").port();

            let connected = std::net::TcpStream::connect(("127.0.0.1", port));

            assert_eq!(connected.is_ok(), reached, "only_v6 = {only_v6}");
        }
    }
}

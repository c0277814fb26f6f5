use std::fs::{self, Permissions};
use std::io;
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::{Path, PathBuf};

use socket2::{Domain, SockAddr, Socket, Type};
use tokio::net::UnixListener;

/// A socket in the file system, removed when this is dropped if it is ours.
#[derive(Debug)]
pub struct UnixSocket {
    /// Where clients come from.
    pub listener: UnixListener,
    path: Option<PathBuf>,
}

impl UnixSocket {
    /// A socket at `path` with the permissions `mode`. One that a dead process left there gives way.
    /// To be called within a runtime.
    ///
    /// # Errors
    ///
    /// Those of the system; `AddrInUse` if somebody listens there, or if it is no socket.
    pub fn bind(path: &Path, mode: u32, backlog: u32) -> io::Result<Self> {
        remove_stale(path)?;
        let socket = Socket::new(Domain::UNIX, Type::STREAM, None)?;
        socket.set_nonblocking(true)?;
        socket.bind(&SockAddr::unix(path)?)?;
        // Nobody connects before `listen`, so nobody connects before the permissions are right.
        fs::set_permissions(path, Permissions::from_mode(mode))?;
        socket.listen(i32::try_from(backlog).unwrap_or(i32::MAX))?;
        Ok(Self { listener: UnixListener::from_std(socket.into())?, path: Some(path.into()) })
    }

    /// A socket that somebody else has made, and removes. To be called within a runtime.
    ///
    /// # Errors
    ///
    /// Those of the system.
    pub fn adopt(socket: std::os::unix::net::UnixListener) -> io::Result<Self> {
        socket.set_nonblocking(true)?;
        Ok(Self { listener: UnixListener::from_std(socket)?, path: None })
    }
}

impl Drop for UnixSocket {
    fn drop(&mut self) {
        if let Some(path) = &self.path {
            // A socket that stays behind is found to be stale.
            let _ = fs::remove_file(path);
        }
    }
}

fn remove_stale(path: &Path) -> io::Result<()> {
    match fs::symlink_metadata(path) {
        Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(()),
        Err(error) => Err(error),
        Ok(file) if file.file_type().is_socket() && !is_alive(path) => fs::remove_file(path),
        Ok(_) => Err(io::ErrorKind::AddrInUse.into()),
    }
}

fn is_alive(path: &Path) -> bool {
    let connected = std::os::unix::net::UnixStream::connect(path);
    !matches!(connected, Err(error) if error.kind() == io::ErrorKind::ConnectionRefused)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_socket_has_its_permissions_and_goes_with_its_listener() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("mqtt.sock");

        let socket = UnixSocket::bind(&path, 0o600, 1).expect("a free path");
        let mode = fs::metadata(&path).expect("it is there").permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
        drop(socket);

        assert!(!path.exists());
    }

    #[tokio::test]
    async fn a_socket_of_somebody_else_stays() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("mqtt.sock");
        let theirs = std::os::unix::net::UnixListener::bind(&path).expect("a free path");

        drop(UnixSocket::adopt(theirs).expect("it listens"));

        assert!(path.exists());
    }

    #[tokio::test]
    async fn a_socket_of_a_dead_process_gives_way_and_that_of_a_living_one_does_not() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("mqtt.sock");
        drop(std::os::unix::net::UnixListener::bind(&path).expect("a free path"));
        assert!(path.exists(), "left behind");

        let alive = UnixSocket::bind(&path, 0o660, 1).expect("the stale one gives way");
        let second = UnixSocket::bind(&path, 0o660, 1).expect_err("somebody listens");

        assert_eq!(second.kind(), io::ErrorKind::AddrInUse);
        drop(alive);
    }

    #[tokio::test]
    async fn a_file_that_is_no_socket_stays() {
        let directory = tempfile::tempdir().expect("a temporary directory");
        let path = directory.path().join("precious");
        fs::write(&path, "text").expect("written");

        let error = UnixSocket::bind(&path, 0o660, 1).expect_err("it is in the way");

        assert_eq!(error.kind(), io::ErrorKind::AddrInUse);
        assert_eq!(fs::read(&path).expect("still there"), b"text");
    }
}

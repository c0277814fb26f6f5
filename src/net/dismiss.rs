use tokio::io::{AsyncRead, AsyncReadExt, AsyncWrite, AsyncWriteExt};
use tokio::time::timeout;

use super::driver::{LINGER_BYTES_MAX, LINGER_TIME_MAX};

/// Closes a connection whose client has just been told why. A socket that is closed while bytes of
/// the client lie unread is reset, and the client may lose the words that stood before the end.
pub async fn dismiss(mut socket: impl AsyncRead + AsyncWrite + Unpin) {
    let farewell = async {
        socket.shutdown().await?;
        let mut rest = (&mut socket).take(LINGER_BYTES_MAX as u64);
        tokio::io::copy(&mut rest, &mut tokio::io::sink()).await
    };
    // Neither a client that stays nor one that has gone is our concern any more.
    let _ = timeout(LINGER_TIME_MAX, farewell).await;
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_client_that_stays_is_left_after_its_time() {
        let (near, mut far) = tokio::io::duplex(64);
        let dismissing = tokio::spawn(dismiss(near));

        let mut rest = Vec::new();
        far.read_to_end(&mut rest).await.expect("the end of the stream");
        assert!(!dismissing.is_finished());
        tokio::time::sleep(LINGER_TIME_MAX).await;

        dismissing.await.expect("over");
    }
}

use std::sync::Arc;
use std::time::Duration;

use super::supervisor::Supervisor;
use crate::net::{Activity, Shared};

/// Between two looks; news that people read need not be newer.
const INTERVAL: Duration = Duration::from_secs(30);

/// Tells the service manager now and then how busy the server is, for `systemctl status`.
pub async fn keep(shared: Arc<Shared>, supervisor: Supervisor) {
    if !supervisor.listens() {
        return;
    }
    let mut told = None;
    loop {
        tokio::time::sleep(INTERVAL).await;
        let activity = shared.activity();
        if told.replace(activity) != Some(activity) {
            supervisor.serving(&text(activity));
        }
    }
}

fn text(activity: Activity) -> String {
    let Activity { clients, received, sent } = activity;
    format!("serving: {clients} clients, {received} messages received, {sent} sent")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_read_how_busy_it_is() {
        let text = text(Activity { clients: 3, received: 20, sent: 60 });
        assert_eq!(text, "serving: 3 clients, 20 messages received, 60 sent");
    }
}

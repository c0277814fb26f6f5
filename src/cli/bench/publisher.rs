use super::plan::Topic;
use super::settings::Settings;
use super::stamp::Stamp;
use super::window::Window;
use super::wire::Template;
use crate::types::QoS;

/// One publisher's messages.
pub struct Publisher {
    topics: Box<[(Template, u32)]>,
    topic: usize,
    pub window: Window,
    /// Messages that it may still send.
    pub left: u64,
    /// Copies hold its window open until they arrive.
    pub awaits_copies: bool,
    /// It stands among those that may send.
    pub listed: bool,
}

impl Publisher {
    pub fn new(topics: &[Topic], settings: &Settings, retain: bool) -> Self {
        let Settings { qos, payload_len, version, .. } = *settings;
        let template =
            |topic: &Topic| Template::new(&topic.name, qos, retain, payload_len, version);
        Self {
            topics: topics.iter().map(|topic| (template(topic), topic.copies)).collect(),
            topic: 0,
            window: Window::new(settings.in_flight),
            left: 0,
            awaits_copies: true,
            listed: false,
        }
    }

    /// Its messages from now on go to `topics`, with nothing in them.
    pub fn publish_nothing(&mut self, topics: &[Topic], settings: &Settings) {
        let empty = Settings { payload_len: 0, ..settings.clone() };
        self.topics = Self::new(topics, &empty, true).topics;
        self.topic = 0;
    }

    pub fn may_send(&self) -> bool {
        self.left > 0 && self.window.room() > 0
    }

    /// Appends the next message and returns how many copies of it are to arrive.
    pub fn put(&mut self, stamp: Stamp, qos: QoS, out: &mut Vec<u8>) -> u64 {
        let (template, copies) = &self.topics[self.topic];
        let id = self.window.send(*copies, self.awaits_copies, qos);
        template.put(id, stamp, out);
        self.left -= 1;
        self.topic = (self.topic + 1) % self.topics.len();
        (*copies).into()
    }
}

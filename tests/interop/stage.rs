//! Where a story plays: one broker, and the ways to bring peers in.

use std::process::{Command, ExitStatus};
use std::thread;
use std::time::Instant;

use crate::broker::Broker;
use crate::peer::{DEADLINE, MESSAGE_MARK, POLL_INTERVAL, Peer, Play};
use crate::setup::{self, Tools};

/// A broker of its own for one story, and everything that is said in it.
pub struct Stage {
    broker: Broker,
    tools: &'static Tools,
    play: Play,
}

impl Stage {
    /// A fresh broker; `None` if this run skips the interop suite.
    pub fn open() -> Option<Stage> {
        let tools = setup::tools()?;
        let play = Play::default();
        Some(Stage { broker: Broker::start(&play), tools, play })
    }

    pub fn port(&self) -> u16 {
        self.broker.port()
    }

    /// Looks again and again until `find` finds something.
    pub fn poll<T>(&self, what: &str, mut find: impl FnMut() -> Option<T>) -> T {
        let until = Instant::now() + DEADLINE;
        loop {
            match find() {
                Some(found) => return found,
                None if Instant::now() < until => thread::sleep(POLL_INTERVAL),
                None => self.play.fail(&format!("{what}: it did not come")),
            }
        }
    }

    /// Ends the test with `why` and everything that the peers said.
    pub fn fail(&self, why: &str) -> ! {
        self.play.fail(why)
    }

    /// Stops the broker with SIGTERM.
    pub fn shut_down_broker(&mut self) -> ExitStatus {
        self.broker.shut_down()
    }

    /// Runs mosquitto_pub with the words of `args`; returns when it has done its work.
    pub fn publish(&self, args: &str) {
        self.publish_input(args, b"");
    }

    /// As [`Stage::publish`], with `input` on the standard input (for `-s` and `-l`).
    pub fn publish_input(&self, args: &str, input: &[u8]) {
        self.mosquitto("mosquitto_pub", args, input).await_success();
    }

    /// Starts mosquitto_sub, and returns when its subscriptions are acknowledged.
    /// Its messages read `topic payload`.
    pub fn subscribe(&self, args: &str) -> Peer {
        self.subscribe_as("%t %p", args)
    }

    /// As [`Stage::subscribe`], with messages in mosquitto_sub's output `format`.
    pub fn subscribe_as(&self, format: &str, args: &str) -> Peer {
        let peer = self.subscriber(format, args);
        peer.await_line("Subscribed (mid:");
        peer
    }

    /// Starts mosquitto_sub, and waits for nothing.
    pub fn subscriber(&self, format: &str, args: &str) -> Peer {
        let mut command = self.client("mosquitto_sub", args);
        command.arg("-d").arg("-F").arg(format!("{MESSAGE_MARK}{format}"));
        Peer::start(&format!("mosquitto_sub {args}"), command, b"", &self.play)
    }

    /// Starts a Mosquitto client with the words of `args`.
    pub fn mosquitto(&self, program: &str, args: &str, input: &[u8]) -> Peer {
        let command = self.client(program, args);
        Peer::start(&format!("{program} {args}"), command, input, &self.play)
    }

    /// Plays a story of paho_stories.py: a function of that name, with the protocol as its argument.
    pub fn paho(&self, story: &str, protocol: &str) {
        let mut command = Command::new(&self.tools.python);
        command.arg("-u").arg(setup::suite_path("scripts/paho_stories.py"));
        self.play_script(&format!("paho {story} {protocol}"), command, story, protocol);
    }

    /// Plays a story of mqttjs_stories.cjs: a function of that name, with the protocol as its argument.
    pub fn mqttjs(&self, story: &str, protocol: &str) {
        let mut command = Command::new("node");
        command.arg(setup::suite_path("scripts/mqttjs_stories.cjs"));
        command.env("NODE_PATH", &self.tools.node_modules);
        self.play_script(&format!("MQTT.js {story} {protocol}"), command, story, protocol);
    }

    fn play_script(&self, name: &str, mut command: Command, story: &str, protocol: &str) {
        command.arg(story).arg(self.port().to_string()).arg(protocol);
        Peer::start(name, command, b"", &self.play).await_success();
    }

    fn client(&self, program: &str, args: &str) -> Command {
        // Without stdbuf the debug lines stay in the client's buffer until a message comes.
        let mut command = Command::new("stdbuf");
        command.args(["-oL", program]);
        command.args(["-h", "127.0.0.1", "-p", &self.port().to_string()]);
        command.args(args.split_whitespace());
        command
    }
}

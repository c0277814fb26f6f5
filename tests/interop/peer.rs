//! A running program whose output is watched.

use std::io::{BufRead, BufReader, Read, Write};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::sync::{Arc, Condvar, Mutex, MutexGuard};
use std::thread;
use std::time::{Duration, Instant};

/// The longest that a story waits for one thing to happen.
pub const DEADLINE: Duration = Duration::from_secs(30);

/// How long a story waits before it looks again at what cannot be waited for.
pub const POLL_INTERVAL: Duration = Duration::from_millis(10);

/// What begins each line that mosquitto_sub prints for a message, so that it stands out between
/// the debug lines.
pub const MESSAGE_MARK: &str = "> ";

/// A program that plays a part in a story; killed when dropped.
pub struct Peer {
    child: Child,
    transcript: Arc<Transcript>,
    play: Play,
}

impl Peer {
    /// Starts `command` with `input` as its whole standard input.
    pub fn start(name: &str, mut command: Command, input: &[u8], play: &Play) -> Peer {
        command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command
            .spawn()
            .unwrap_or_else(|error| play.fail(&format!("{command:?} cannot be started: {error}")));
        let transcript = play.open_transcript(format!("{name} (pid {})", child.id()));
        transcript.follow("out", child.stdout.take().expect("stdout is piped"));
        transcript.follow("err", child.stderr.take().expect("stderr is piped"));
        let mut stdin = child.stdin.take().expect("stdin is piped");
        let input = input.to_vec();
        // A peer may end without reading all of its input; its exit status tells of that.
        thread::spawn(move || drop(stdin.write_all(&input)));
        Peer { child, transcript, play: play.clone() }
    }

    /// Waits for a line that contains `text`.
    pub fn await_line(&self, text: &str) {
        self.await_lines(text, 1);
    }

    /// Waits for `count` lines that contain `text`.
    pub fn await_lines(&self, text: &str, count: usize) {
        self.await_that(&format!("{count} line(s) with {text:?}"), |lines| {
            (lines.iter().filter(|line| line.contains(text)).count() >= count).then_some(())
        });
    }

    /// Waits for at least `count` messages, and gives all that have come.
    pub fn await_messages(&self, count: usize) -> Vec<String> {
        self.await_that(&format!("{count} message(s)"), |lines| {
            let messages = messages_of(lines);
            (messages.len() >= count).then_some(messages)
        })
    }

    /// Waits for the message `last`, and gives all messages up to it.
    pub fn await_messages_until(&self, last: &str) -> Vec<String> {
        self.await_that(&format!("the message {last:?}"), |lines| {
            let messages = messages_of(lines);
            messages.iter().any(|message| message == last).then_some(messages)
        })
    }

    /// The messages that have come so far.
    pub fn messages(&self) -> Vec<String> {
        messages_of(&self.transcript.lines())
    }

    /// How many lines so far contain `text`.
    pub fn count_lines(&self, text: &str) -> usize {
        self.transcript.lines().iter().filter(|line| line.contains(text)).count()
    }

    /// Waits for the end of the program and of its output.
    pub fn await_exit(&mut self) -> ExitStatus {
        let until = Instant::now() + DEADLINE;
        loop {
            match self.try_exit() {
                Some(status) => {
                    self.await_end_of_output();
                    return status;
                }
                None if Instant::now() < until => thread::sleep(POLL_INTERVAL),
                None => self.play.fail(&format!("{} did not end", self.transcript.name)),
            }
        }
    }

    /// Waits for the end of the program, which must be a success.
    pub fn await_success(&mut self) {
        let status = self.await_exit();
        if !status.success() {
            self.play.fail(&format!("{} ended with {status}", self.transcript.name));
        }
    }

    /// How the program ended, if it has.
    pub fn try_exit(&mut self) -> Option<ExitStatus> {
        self.child.try_wait().expect("a child can be waited for")
    }

    /// Ends the program so that it can say nothing to anybody.
    pub fn kill(&mut self) {
        self.child.kill().expect("a child can be killed");
        self.child.wait().expect("a child can be waited for");
    }

    /// Asks the program to end: mosquitto_sub then sends DISCONNECT.
    pub fn terminate(&self) {
        self.signal("TERM");
    }

    /// Freezes the program: its socket stays open and says nothing more.
    pub fn freeze(&self) {
        self.signal("STOP");
    }

    fn signal(&self, signal: &str) {
        let script = format!("kill -{signal} {}", self.child.id());
        let status = Command::new("sh").arg("-c").arg(&script).status().expect("sh runs");
        assert!(status.success(), "{script} ended with {status}");
    }

    fn await_end_of_output(&self) {
        self.transcript.wait(|state| (state.open_streams == 0).then_some(())).unwrap_or_else(
            || self.play.fail(&format!("the output of {} stayed open", self.transcript.name)),
        );
    }

    fn await_that<T>(&self, what: &str, find: impl Fn(&[String]) -> Option<T>) -> T {
        self.transcript.wait(|state| find(&state.lines)).unwrap_or_else(|| {
            self.play.fail(&format!("{} did not print {what}", self.transcript.name))
        })
    }
}

impl Drop for Peer {
    fn drop(&mut self) {
        // Both fail only for a child that has already been waited for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Everything that the programs of one story printed, to be shown when the story fails.
#[derive(Clone, Default)]
pub struct Play {
    transcripts: Arc<Mutex<Vec<Arc<Transcript>>>>,
}

impl Play {
    /// Ends the test with `why` and the output of every program that took part.
    pub fn fail(&self, why: &str) -> ! {
        panic!("{why}\n{}", self.script());
    }

    fn script(&self) -> String {
        let transcripts = self.transcripts.lock().expect("no test panics with this lock");
        transcripts.iter().map(|transcript| transcript.show()).collect()
    }

    fn open_transcript(&self, name: String) -> Arc<Transcript> {
        let transcript = Arc::new(Transcript {
            name,
            state: Mutex::new(State { lines: Vec::new(), open_streams: 0 }),
            changed: Condvar::new(),
        });
        self.transcripts.lock().expect("no test panics with this lock").push(transcript.clone());
        transcript
    }
}

/// The lines that one program has printed.
struct Transcript {
    name: String,
    state: Mutex<State>,
    changed: Condvar,
}

struct State {
    lines: Vec<String>,
    open_streams: usize,
}

impl Transcript {
    /// Gathers the lines of `stream` in a thread that ends with the stream.
    fn follow(self: &Arc<Self>, stream_name: &'static str, stream: impl Read + Send + 'static) {
        self.lock().open_streams += 1;
        let transcript = self.clone();
        thread::spawn(move || {
            let mut reader = BufReader::new(stream);
            let mut line = Vec::new();
            while reader.read_until(b'\n', &mut line).is_ok_and(|length| length > 0) {
                let text = String::from_utf8_lossy(&line);
                let text = text.strip_suffix('\n').unwrap_or(&text);
                let mark = if stream_name == "err" { "stderr: " } else { "" };
                transcript.change(|state| state.lines.push(format!("{mark}{text}")));
                line.clear();
            }
            transcript.change(|state| state.open_streams -= 1);
        });
    }

    /// Waits until `find` finds something; `None` at the deadline.
    fn wait<T>(&self, find: impl Fn(&State) -> Option<T>) -> Option<T> {
        let until = Instant::now() + DEADLINE;
        let mut state = self.lock();
        loop {
            if let Some(found) = find(&state) {
                return Some(found);
            }
            let left = until.checked_duration_since(Instant::now())?;
            state = self.changed.wait_timeout(state, left).expect("no reader panics").0;
        }
    }

    fn change(&self, change: impl FnOnce(&mut State)) {
        change(&mut self.lock());
        self.changed.notify_all();
    }

    fn lines(&self) -> Vec<String> {
        self.lock().lines.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().expect("no reader panics")
    }

    fn show(&self) -> String {
        let lines: Vec<String> = self.lines().iter().map(|line| shorten(line)).collect();
        format!("--- {}\n{}\n", self.name, lines.join("\n"))
    }
}

/// Keeps a message of a mebibyte from filling the screen.
fn shorten(line: &str) -> String {
    const SHOWN_CHARS_MAX: usize = 500;
    match line.char_indices().nth(SHOWN_CHARS_MAX) {
        Some((end, _)) => format!("{}… ({} bytes)", &line[..end], line.len()),
        None => line.to_owned(),
    }
}

fn messages_of(lines: &[String]) -> Vec<String> {
    lines.iter().filter_map(|line| line.strip_prefix(MESSAGE_MARK)).map(str::to_owned).collect()
}

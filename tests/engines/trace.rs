//! What a process did to its files, as strace tells it.

use std::collections::BTreeMap;
use std::fs;
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};

/// One system call that succeeded, in the order of completion.
#[derive(Debug)]
pub enum Event {
    Open {
        file: u32,
        path: String,
        how: OpenHow,
    },
    Write {
        file: u32,
        at: Option<u64>,
        bytes: Vec<u8>,
    },
    Seek {
        file: u32,
        to: u64,
    },
    Resize {
        file: u32,
        length: u64,
    },
    /// Makes it at least as long.
    Allocate {
        file: u32,
        length: u64,
    },
    /// What was written before this is durable at the end of it.
    SyncBegun {
        thread: u32,
        file: u32,
    },
    SyncEnded {
        thread: u32,
    },
    Close {
        file: u32,
    },
    MakeDirectory {
        path: String,
    },
    Rename {
        from: String,
        to: String,
    },
    Remove {
        path: String,
    },
    /// A socket is there.
    Accept {
        file: u32,
    },
    /// From a socket.
    Received {
        file: u32,
        bytes: Vec<u8>,
    },
    /// To a socket: they may have left from the beginning of the call on.
    Sent {
        file: u32,
        bytes: Vec<u8>,
    },
    /// Another descriptor is there for the same thing.
    Duplicate {
        file: u32,
    },
    /// A call that came to nothing.
    Nothing,
}

#[derive(Debug, Clone, Copy)]
pub struct OpenHow {
    pub creates: bool,
    pub truncates: bool,
    pub appends: bool,
}

/// All calls that change files, make them durable, or move a descriptor about; and what passes over
/// sockets.
const CALLS: &str = "openat,creat,write,pwrite64,writev,pwritev,pwritev2,lseek,fsync,fdatasync,\
    ftruncate,truncate,fallocate,rename,renameat,renameat2,link,linkat,symlink,unlink,unlinkat,\
    mkdir,mkdirat,rmdir,close,dup,dup2,dup3,fcntl,copy_file_range,sendfile,splice,\
    accept4,recvfrom,recvmsg,sendto,sendmsg";

/// `command` under strace, or nothing where that cannot be had.
pub fn record(command: &Command, output: &Path) -> Option<Vec<Event>> {
    if !is_there() {
        return None;
    }
    let mut strace = under_strace(&[], command, output);
    let status = strace.stdout(Stdio::null()).stderr(Stdio::null()).status().expect("seen to work");
    assert!(status.success(), "the writer failed under strace");
    Some(read(output))
}

/// Whether processes can be followed here. Says so where they cannot.
pub fn is_there() -> bool {
    let mut trial = Command::new("strace");
    trial.args(["-f", "--seccomp-bpf", "-o", "/dev/null", "true"]);
    let status = trial.stdin(Stdio::null()).stdout(Stdio::null()).stderr(Stdio::null()).status();
    let is_there = status.is_ok_and(|status| status.success());
    if !is_there {
        // Past the capture of a test's output.
        let _ = writeln!(io::stderr(), "SKIPPED: no power was cut, strace cannot be run here");
    }
    is_there
}

/// `command` with all that [`read`] needs going to `output`.
pub fn under_strace(options: &[&str], command: &Command, output: &Path) -> Command {
    let mut strace = Command::new("strace");
    strace.args(options).args([
        "-f",
        "--seccomp-bpf",
        "-q",
        "-xx",
        "-s",
        "16777216",
        "-e",
        "signal=SIGKILL",
        "-e",
    ]);
    strace.arg(format!("trace={CALLS}")).arg("-o").arg(output).arg(command.get_program());
    strace.args(command.get_args());
    for (name, value) in command.get_envs() {
        match value {
            Some(value) => strace.env(name, value),
            None => strace.env_remove(name),
        };
    }
    strace
}

/// What strace has written to `output`.
pub fn read(output: &Path) -> Vec<Event> {
    let text = fs::read_to_string(output).expect("strace wrote it");
    Reader::default().read(&text)
}

#[derive(Default)]
struct Reader {
    events: Vec<Event>,
    /// The beginnings of calls during which other threads made some, by thread; and where their
    /// events go.
    unfinished: BTreeMap<u32, (String, usize)>,
    /// What each thread received last, if it has done nothing since.
    received: BTreeMap<u32, usize>,
}

impl Reader {
    fn read(mut self, text: &str) -> Vec<Event> {
        for line in text.lines() {
            let (thread, call) = line.split_once(' ').expect("a thread and a call");
            self.line(thread.parse().expect("a thread"), call.trim_start());
        }
        self.events
    }

    fn line(&mut self, thread: u32, line: &str) {
        let (received, before) = (self.received.remove(&thread), self.events.len());
        if line.starts_with("+++ killed") {
            // It never looked at that, and what strace saw of it may be older bytes.
            received.into_iter().for_each(|at| self.events[at] = Event::Nothing);
            return;
        }
        if let Some(start) = line.strip_suffix(" <unfinished ...>") {
            if let Some(file) = synced_file(start) {
                self.events.push(Event::SyncBegun { thread, file });
            }
            self.unfinished.insert(thread, (start.into(), self.events.len()));
            self.events.push(Event::Nothing);
        } else if let Some((_, rest)) = line.split_once(" resumed>") {
            let (start, begun) = self.unfinished.remove(&thread).expect("begun before");
            if synced_file(&start).is_some() {
                self.events.push(Event::SyncEnded { thread });
                return;
            }
            match event(&(start + rest)) {
                Some(sent @ Event::Sent { .. }) => self.events[begun] = sent,
                other => self.events.extend(other),
            }
        } else if let Some(file) = synced_file(line) {
            self.events.push(Event::SyncBegun { thread, file });
            self.events.push(Event::SyncEnded { thread });
        } else {
            self.events.extend(event(line));
        }
        if let Some(Event::Received { .. }) = self.events[before..].last() {
            self.received.insert(thread, self.events.len() - 1);
        }
    }
}

fn synced_file(line: &str) -> Option<u32> {
    let arguments = line.strip_prefix("fsync(").or_else(|| line.strip_prefix("fdatasync("))?;
    arguments.split(')').next()?.parse().ok()
}

fn event(line: &str) -> Option<Event> {
    let (call, result) = line.rsplit_once(" = ")?;
    let result: u64 = result.split(' ').next()?.parse().ok()?;
    let (name, arguments) = call.split_once('(')?;
    let arguments: Vec<&str> = arguments.trim_end().trim_end_matches(')').split(", ").collect();
    let file = || arguments[0].parse().expect("a descriptor");
    let number = |at: usize| arguments[at].parse().expect("a number");
    Some(match name {
        "openat" => Event::Open {
            file: result as u32,
            path: path(arguments[1]),
            how: OpenHow {
                creates: arguments[2].contains("O_CREAT"),
                truncates: arguments[2].contains("O_TRUNC"),
                appends: arguments[2].contains("O_APPEND"),
            },
        },
        "write" => Event::Write { file: file(), at: None, bytes: bytes(arguments[1], result) },
        "pwrite64" => {
            Event::Write { file: file(), at: Some(number(3)), bytes: bytes(arguments[1], result) }
        }
        "accept4" => Event::Accept { file: result as u32 },
        "recvfrom" => Event::Received { file: file(), bytes: bytes(arguments[1], result) },
        "sendto" => Event::Sent { file: file(), bytes: bytes(arguments[1], result) },
        "writev" => Event::Sent { file: file(), bytes: parts(line, result) },
        "lseek" => Event::Seek { file: file(), to: result },
        "ftruncate" => Event::Resize { file: file(), length: number(1) },
        "fallocate" if arguments[1] == "0" => {
            Event::Allocate { file: file(), length: number(2) + number(3) }
        }
        "close" => Event::Close { file: file() },
        "mkdir" => Event::MakeDirectory { path: path(arguments[0]) },
        "rename" => Event::Rename { from: path(arguments[0]), to: path(arguments[1]) },
        "renameat" | "renameat2" => {
            Event::Rename { from: path(arguments[1]), to: path(arguments[3]) }
        }
        "unlink" | "rmdir" => Event::Remove { path: path(arguments[0]) },
        "unlinkat" => Event::Remove { path: path(arguments[1]) },
        "fcntl" if !line.contains("F_DUPFD") => return None,
        "fcntl" => Event::Duplicate { file: file() },
        _ => panic!("the model of the disk knows nothing of {}", &line[..line.len().min(200)]),
    })
}

fn path(argument: &str) -> String {
    let bytes = unescaped(argument);
    String::from_utf8(bytes).expect("a path of ours")
}

/// The part of an argument that was written.
fn bytes(argument: &str, written: u64) -> Vec<u8> {
    let mut bytes = unescaped(argument);
    assert!(bytes.len() as u64 >= written, "strace cut it short");
    bytes.truncate(written as usize);
    bytes
}

/// The parts of a vector that were written, as one.
fn parts(line: &str, written: u64) -> Vec<u8> {
    let parts = line.split("iov_base=").skip(1).map(|part| part.split(", ").next().expect("one"));
    let mut bytes: Vec<u8> = parts.flat_map(unescaped).collect();
    assert!(bytes.len() as u64 >= written, "strace cut it short");
    bytes.truncate(written as usize);
    bytes
}

/// `"\x01\x02"` as bytes.
fn unescaped(argument: &str) -> Vec<u8> {
    let digit = |byte: u8| char::from(byte).to_digit(16).expect("hexadecimal") as u8;
    let pairs = argument.trim_matches('"').as_bytes().chunks_exact(4);
    pairs.map(|pair| digit(pair[2]) * 16 + digit(pair[3])).collect()
}

#[test]
fn what_a_thread_received_when_it_was_killed_has_not_come() {
    let received = r#"7 recvfrom(5, "\x30", 1, 0, NULL, NULL) = 1"#;
    let killed = "8 +++ killed by SIGKILL +++\n7 +++ killed by SIGKILL +++";

    let at_once = Reader::default().read(&format!("{received}\n{killed}"));
    let later = Reader::default().read(&format!("{received}\n7 close(5) = 0\n{killed}"));

    assert!(matches!(at_once[..], [Event::Nothing]));
    assert!(matches!(later[..], [Event::Received { file: 5, .. }, Event::Close { file: 5 }]));
}

//! A disk that keeps what was written and what was synced apart.
//!
//! Stricter than real file systems: a file that was synced is still lost if its directory was not,
//! and what was written back without being asked for counts for nothing.

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::FileExt;
use std::path::Path;
use std::rc::Rc;

use crate::generator::Random;
use crate::trace::{Event, OpenHow};

const PAGE_BYTES: usize = 4096;

#[derive(Default)]
pub struct Disk {
    files: Vec<File>,
    names: Names,
    synced_names: Names,
    /// Renames that are not durable, from and to.
    renamed: Vec<(String, String)>,
    open: BTreeMap<u32, Open>,
    /// What each thread's call has yet to make durable, and the how manieth call it was.
    syncing: BTreeMap<u32, (u64, Sync)>,
    syncs_begun: u64,
}

/// Paths below the root; a directory has no file.
type Names = BTreeMap<String, Option<usize>>;

#[derive(Default)]
struct File {
    written: Content,
    synced: Content,
}

#[derive(Default, Clone)]
struct Content {
    pages: BTreeMap<u64, Rc<[u8; PAGE_BYTES]>>,
    length: u64,
}

enum Open {
    File { number: usize, appends: bool, position: u64 },
    Directory(String),
}

enum Sync {
    File { number: usize, content: Content },
    Directory { path: String, names: Names },
}

impl Sync {
    fn is_of_the_same_as(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::File { number, .. }, Self::File { number: other, .. }) => number == other,
            (Self::Directory { path, .. }, Self::Directory { path: other, .. }) => path == other,
            _ => false,
        }
    }
}

/// What a power cut leaves.
#[derive(Debug)]
pub enum Survives {
    /// What was synced and nothing else.
    Synced,
    /// Also some of the pages that were not, in no order, some of the lengths, and perhaps the names.
    Some(u64),
}

impl Disk {
    pub fn handle(&mut self, event: &Event, root: &str) {
        let below = |path: &str| Some(path.strip_prefix(root)?.trim_start_matches('/').to_owned());
        match event {
            Event::Open { file, path, how } => {
                let Some(path) = below(path) else { return };
                self.handle_open(*file, path, *how);
            }
            Event::Write { file, at, bytes } => self.handle_write(*file, *at, bytes),
            Event::Seek { file, to } => {
                if let Some(Open::File { position, .. }) = self.open.get_mut(file) {
                    *position = *to;
                }
            }
            Event::Resize { file, length } => {
                if let Some(Open::File { number, .. }) = self.open.get(file) {
                    self.files[*number].written.resize(*length);
                }
            }
            Event::Allocate { file, length } => {
                if let Some(Open::File { number, .. }) = self.open.get(file) {
                    let content = &mut self.files[*number].written;
                    content.length = content.length.max(*length);
                }
            }
            Event::SyncBegun { thread, file } => self.handle_sync_begun(*thread, *file),
            Event::SyncEnded { thread } => self.handle_sync_ended(*thread),
            Event::Close { file } => drop(self.open.remove(file)),
            Event::MakeDirectory { path } => {
                self.names.extend(below(path).map(|path| (path, None)));
            }
            Event::Rename { from, to } => {
                let Some((from, to)) = below(from).zip(below(to)) else { return };
                move_all(&mut self.names, &from, &to);
                self.renamed.push((from, to));
            }
            Event::Remove { path } => {
                below(path).and_then(|path| self.names.remove(&path));
            }
            Event::Sent { file, .. } | Event::Duplicate { file } => {
                let is_known = self.open.contains_key(file);
                assert!(!is_known, "the model of the disk knows nothing of writev and dup");
            }
            Event::Accept { .. } | Event::Received { .. } | Event::Nothing => {}
        }
    }

    fn handle_open(&mut self, file: u32, path: String, how: OpenHow) {
        let appends = how.appends;
        let opened = match self.names.get(&path) {
            None if how.creates => {
                self.files.push(File::default());
                let number = self.files.len() - 1;
                self.names.insert(path, Some(number));
                Open::File { number, appends, position: 0 }
            }
            Some(Some(number)) => Open::File { number: *number, appends, position: 0 },
            _ => Open::Directory(path),
        };
        if let (Open::File { number, .. }, true) = (&opened, how.truncates) {
            self.files[*number].written.resize(0);
        }
        self.open.insert(file, opened);
    }

    fn handle_write(&mut self, file: u32, at: Option<u64>, bytes: &[u8]) {
        let Some(Open::File { number, appends, position }) = self.open.get_mut(&file) else {
            return;
        };
        let content = &mut self.files[*number].written;
        let start = at.unwrap_or(if *appends { content.length } else { *position });
        content.write(start, bytes);
        if at.is_none() {
            *position = start + bytes.len() as u64;
        }
    }

    fn handle_sync_begun(&mut self, thread: u32, file: u32) {
        let sync = match self.open.get(&file) {
            Some(Open::File { number, .. }) => {
                Sync::File { number: *number, content: self.files[*number].written.clone() }
            }
            Some(Open::Directory(path)) => {
                Sync::Directory { path: path.clone(), names: self.names.clone() }
            }
            None => return,
        };
        self.syncs_begun += 1;
        self.syncing.insert(thread, (self.syncs_begun, sync));
    }

    fn handle_sync_ended(&mut self, thread: u32) {
        let Some((begun, sync)) = self.syncing.remove(&thread) else { return };
        // Those of the same that began before and have not ended know of nothing newer.
        self.syncing.retain(|_, (other, its)| *other > begun || !its.is_of_the_same_as(&sync));
        match sync {
            Sync::File { number, content } => self.files[number].synced = content,
            Sync::Directory { path, names } => {
                // What is in a directory goes with it, as durable as it was.
                for (from, to) in self.renamed.extract_if(.., |(_, to)| parent(to) == path) {
                    if names.get(&to).is_some_and(Option::is_none) {
                        move_all(&mut self.synced_names, &from, &to);
                    }
                }
                self.synced_names.retain(|name, _| parent(name) != path);
                let listed = names.into_iter().filter(|(name, _)| parent(name) == path);
                self.synced_names.extend(listed);
            }
        }
    }

    /// Writes what is left after a power cut now to the empty directory `target`.
    pub fn cut(&self, survives: &Survives, target: &Path) {
        let mut random = match survives {
            Survives::Synced => None,
            Survives::Some(seed) => Some(Random::new(*seed)),
        };
        let all_names = random.as_mut().is_some_and(|random| random.below(2) == 0);
        let names = if all_names { &self.names } else { &self.synced_names };
        for (name, file) in names.iter().filter(|(name, _)| is_reachable(name, names)) {
            let path = target.join(name);
            match file {
                None => fs::create_dir(path).expect("made"),
                Some(number) => self.files[*number].left(random.as_mut()).save(&path),
            }
        }
    }
}

impl File {
    fn left(&self, random: Option<&mut Random>) -> Content {
        let mut left = self.synced.clone();
        let Some(random) = random else { return left };
        if random.below(2) == 0 {
            left.resize(self.written.length);
        }
        for (number, page) in &self.written.pages {
            let is_inside = number * (PAGE_BYTES as u64) < left.length;
            if is_inside && random.below(2) == 0 {
                left.pages.insert(*number, page.clone());
            }
        }
        left
    }
}

impl Content {
    fn write(&mut self, at: u64, bytes: &[u8]) {
        let mut at = at;
        let mut rest = bytes;
        while !rest.is_empty() {
            let start = at as usize % PAGE_BYTES;
            let (part, later) = rest.split_at(rest.len().min(PAGE_BYTES - start));
            let page = self.pages.entry(at / PAGE_BYTES as u64);
            let page = page.or_insert_with(|| Rc::new([0; PAGE_BYTES]));
            Rc::make_mut(page)[start..start + part.len()].copy_from_slice(part);
            at += part.len() as u64;
            rest = later;
        }
        self.length = self.length.max(at);
    }

    fn resize(&mut self, length: u64) {
        let edge = length / PAGE_BYTES as u64;
        self.pages.retain(|number, _| *number <= edge);
        if let Some(page) = self.pages.get_mut(&edge) {
            Rc::make_mut(page)[length as usize % PAGE_BYTES..].fill(0);
        }
        self.length = length;
    }

    fn save(&self, path: &Path) {
        let file = fs::File::create(path).expect("made");
        for (number, page) in &self.pages {
            file.write_all_at(&page[..], number * PAGE_BYTES as u64).expect("written");
        }
        file.set_len(self.length).expect("made as long");
    }
}

/// Renames a file, or a directory with all that is in it.
fn move_all(names: &mut Names, from: &str, to: &str) {
    let is_moved = |name: &String| {
        name.strip_prefix(from).is_some_and(|rest| rest.is_empty() || rest.starts_with('/'))
    };
    let (moved, others): (Names, Names) =
        std::mem::take(names).into_iter().partition(|(name, _)| is_moved(name));
    *names = others;
    names.extend(moved.into_iter().map(|(name, file)| (name.replacen(from, to, 1), file)));
}

fn parent(name: &str) -> &str {
    name.rsplit_once('/').map_or("", |(parent, _)| parent)
}

/// Whether all directories on the way are there.
fn is_reachable(name: &str, names: &Names) -> bool {
    let above = parent(name);
    above.is_empty() || (names.contains_key(above) && is_reachable(above, names))
}

#[test]
fn a_sync_that_began_before_another_and_ends_after_it_undoes_nothing() {
    let how = OpenHow { creates: true, truncates: false, appends: false };
    let write = |byte, at| Event::Write { file: 3, at: Some(at), bytes: vec![byte] };
    let mut disk = Disk::default();
    for event in [
        Event::Open { file: 3, path: "/root/f".into(), how },
        write(b'a', 0),
        Event::SyncBegun { thread: 1, file: 3 },
        write(b'b', 1),
        Event::SyncBegun { thread: 2, file: 3 },
        Event::SyncEnded { thread: 2 },
        Event::SyncEnded { thread: 1 },
    ] {
        disk.handle(&event, "/root");
    }

    assert_eq!(disk.files[0].synced.length, 2);
}

use std::collections::VecDeque;

use super::Input;
use crate::codec::LastTopic;
use crate::request::Request;
use crate::types::{Message, Mould};

/// What a connection makes of the bytes it receives, in order.
///
/// Requests, which nearly all of it is, stand apart: a burst of them moves on as one.
#[derive(Debug, Default)]
pub struct Inputs {
    pub(super) requests: VecDeque<Request>,
    /// All else, each with the number of requests in front of it.
    others: VecDeque<(usize, Input)>,
    pub(super) casting: Casting,
}

/// What making messages of PUBLISH packets takes.
#[derive(Debug, Default)]
pub(super) struct Casting {
    pub topic: LastTopic,
    pub mould: Mould,
}

/// Bytes that are kept for what the messages of a burst have in common.
const MOULD_BYTES_KEPT: usize = 64 * 1024;

impl Inputs {
    /// Puts `input` last.
    pub fn push_back(&mut self, input: Input) {
        match input {
            Input::Request(request) => self.requests.push_back(request),
            other => self.others.push_back((self.requests.len(), other)),
        }
    }

    /// Takes out the first one.
    pub fn pop_front(&mut self) -> Option<Input> {
        if let Some((0, _)) = self.others.front() {
            return self.others.pop_front().map(|(_, other)| other);
        }
        let request = self.requests.pop_front()?;
        self.others.iter_mut().for_each(|(before, _)| *before -= 1);
        Some(Input::Request(request))
    }

    /// Moves the requests at the front behind those in `requests`.
    pub fn pop_requests(&mut self, requests: &mut VecDeque<Request>) {
        match self.others.front() {
            Some(&(before, _)) => {
                requests.extend(self.requests.drain(..before));
                self.others.iter_mut().for_each(|(left, _)| *left -= before);
            }
            None if requests.is_empty() => std::mem::swap(&mut self.requests, requests),
            None => requests.append(&mut self.requests),
        }
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.requests.is_empty() && self.others.is_empty()
    }

    /// Forgets all of them.
    pub fn clear(&mut self) {
        self.requests.clear();
        self.others.clear();
    }

    /// The message has been sent; if nobody else has it, its memory is for one to come.
    #[inline]
    pub fn reclaim(&mut self, message: Message) {
        self.casting.mould.reclaim(message);
    }

    /// Keeps room for at most so many.
    pub fn shrink_to(&mut self, entries: usize) {
        self.requests.shrink_to(entries);
        self.others.shrink_to(entries);
        self.casting.mould.shrink_to(MOULD_BYTES_KEPT);
    }
}

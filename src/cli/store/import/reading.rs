use std::collections::HashSet;

use super::super::line::{FORMAT, Line, Queued, VERSION, change};
use super::super::message::{check_string, qos};
use crate::journal::{Change, SessionNumber, outlives_connection};
use crate::store::{Content, Delivery, Filling, StoreError};
use crate::types::{ClientId, Timestamp};

/// Takes lines into a store as long as there is no mistake, and goes on checking after one.
pub struct Reading<'a> {
    filling: Filling<'a>,
    stage: Stage,
    has_mistake: bool,
    sessions: u64,
    client_ids: HashSet<String>,
    topics: HashSet<String>,
    /// Messages behind the first mistake, which are not written.
    unwritten: HashSet<u64>,
    /// The session that lines may belong to.
    current: Option<Current>,
    /// A line that could not be read may have begun another session.
    is_lost: bool,
}

#[derive(PartialEq)]
enum Stage {
    Header,
    State,
    Over,
    /// Not an export, or not one of this version.
    Hopeless,
}

struct Current {
    session: SessionNumber,
    client_id: String,
    /// What may be there once only, and is.
    seen: HashSet<String>,
    /// The highest queue number so far.
    number: Option<u64>,
}

/// What is wrong with a line, for people.
type Mistake = String;

/// Queue numbers and ids of messages keep far from where they would run over.
const NUMBER_MAX: u64 = 1 << 62;

impl<'a> Reading<'a> {
    pub fn new(filling: Filling<'a>) -> Self {
        let (client_ids, topics, unwritten) = Default::default();
        Self {
            filling,
            stage: Stage::Header,
            has_mistake: false,
            sessions: 0,
            client_ids,
            topics,
            unwritten,
            current: None,
            is_lost: false,
        }
    }

    /// Takes the next line, before which there were so many; returns what is wrong with it.
    pub fn take(&mut self, line: &Line, before: u64) -> Result<Option<Mistake>, StoreError> {
        let contents = match self.check(line, before) {
            Ok(contents) => contents,
            Err(Wrong::Line(mistake)) => {
                self.has_mistake = true;
                return Ok(Some(mistake));
            }
            Err(Wrong::Store(error)) => return Err(error),
        };
        if !self.has_mistake {
            for content in contents {
                self.filling.take(content)?;
            }
        }
        Ok(None)
    }

    /// A line that could not be read: what follows may belong to what it began.
    pub fn lose_track(&mut self) {
        (self.has_mistake, self.is_lost) = (true, true);
        if self.stage == Stage::Header {
            self.stage = Stage::Hopeless;
        }
    }

    /// Whether it makes no sense to read on.
    pub fn is_hopeless(&self) -> bool {
        self.stage == Stage::Hopeless
    }

    /// What should have come before the end.
    pub fn missing(&self) -> Option<Mistake> {
        match self.stage {
            Stage::Header | Stage::Hopeless => Some("there is no header".into()),
            Stage::State => Some("there is no end line: the export is cut off".into()),
            Stage::Over => None,
        }
    }

    /// Sessions so far.
    pub fn sessions(&self) -> u64 {
        self.sessions
    }

    /// Writes the rest.
    pub fn finish(self) -> Result<(), StoreError> {
        self.filling.finish()
    }

    fn check(&mut self, line: &Line, before: u64) -> Result<Vec<Content>, Wrong> {
        match (&self.stage, line) {
            (Stage::Over, _) => return Err("comes after the end line".into()),
            (Stage::Header, Line::Header { .. }) | (Stage::State, _) => {}
            (Stage::Header | Stage::Hopeless, _) => {
                self.stage = Stage::Hopeless;
                return Err("is no header of an export".into());
            }
        }
        Ok(match line {
            Line::Header { format, version, .. } => self.check_header(format, *version)?,
            Line::End { lines } => self.check_end(*lines, before)?,
            Line::Message { id, message } => {
                below(*id, "id")?;
                if self.has_message(*id)? {
                    return Err(format!("there is a message {id} already").into());
                }
                if self.has_mistake {
                    self.unwritten.insert(*id);
                }
                vec![Content::Shared { body: *id, message: message.message()? }]
            }
            Line::Session { client_id, expiry_secs, detached_at_ms } => {
                self.check_session(client_id, *expiry_secs, *detached_at_ms)?
            }
            Line::Retained { message } => {
                self.current = None;
                let message = message.message()?;
                if !self.topics.insert(message.topic().to_owned()) {
                    let topic = message.topic();
                    return Err(format!("{topic:?} has a retained message already").into());
                }
                vec![Content::Change(Change::RetainedSet { message })]
            }
            line => self.check_part(line)?,
        })
    }

    fn has_message(&mut self, id: u64) -> Result<bool, StoreError> {
        Ok(self.unwritten.contains(&id) || self.filling.has_shared(id)?)
    }

    fn check_header(&mut self, format: &str, version: u32) -> Result<Vec<Content>, Wrong> {
        if self.stage != Stage::Header {
            return Err("there is a header already".into());
        }
        if format != FORMAT || version != VERSION {
            self.stage = Stage::Hopeless;
            let text = format!("{format} {version} is not {FORMAT} {VERSION}, which can be read");
            return Err(text.into());
        }
        self.stage = Stage::State;
        Ok(Vec::new())
    }

    fn check_end(&mut self, lines: u64, before: u64) -> Result<Vec<Content>, Wrong> {
        self.stage = Stage::Over;
        if lines == before {
            return Ok(Vec::new());
        }
        Err(format!("{lines} lines should come before this one, there are {before}").into())
    }

    fn check_session(
        &mut self,
        client_id: &str,
        expiry_secs: u32,
        detached_at_ms: Option<u64>,
    ) -> Result<Vec<Content>, Wrong> {
        self.sessions += 1;
        self.is_lost = false;
        let session = SessionNumber(self.sessions);
        self.current = Some(Current {
            session,
            client_id: client_id.to_owned(),
            seen: HashSet::new(),
            number: None,
        });
        check_string("client_id", client_id)?;
        if client_id.is_empty() {
            return Err("client_id is empty".into());
        }
        if !outlives_connection(expiry_secs) {
            return Err("a session with an expiry of 0 ends with its connection".into());
        }
        if !self.client_ids.insert(client_id.to_owned()) {
            return Err(format!("{client_id:?} has a session already").into());
        }
        let client_id = ClientId::new(client_id);
        let opened = Change::SessionOpened { session, client_id, expiry_secs };
        let detached = detached_at_ms.map(|at| {
            let at = Timestamp(at);
            Content::Change(Change::SessionDetached { session, expiry_secs, at })
        });
        Ok(std::iter::once(Content::Change(opened)).chain(detached).collect())
    }

    /// A line that belongs to the session before it.
    fn check_part(&mut self, line: &Line) -> Result<Vec<Content>, Wrong> {
        let owner = line.owner().unwrap_or_default();
        let current = self.current.as_mut().filter(|current| current.client_id == owner);
        let Some(current) = current else {
            return match self.is_lost {
                true => Ok(Vec::new()),
                false => Err(format!("comes before or away from the session {owner:?}").into()),
            };
        };
        let once = match line {
            Line::Queued(Queued { number, .. }) | Line::Released { number, .. } => {
                current.advance(*number)?;
                None
            }
            Line::Subscription(subscription) => Some(format!("filter {:?}", subscription.filter)),
            Line::Inbound { packet_id, .. } => Some(format!("packet id {packet_id}")),
            Line::Sent { before, .. } => {
                below(*before, "before")?;
                Some("sent".to_owned())
            }
            _ => Some("will".to_owned()),
        };
        if let Some(twice) = once.filter(|once| !current.seen.insert(once.clone())) {
            return Err(format!("{twice} is there twice").into());
        }
        let session = current.session;
        match line {
            Line::Queued(queued) => self.check_queued(session, queued),
            line => Ok(vec![Content::Change(change(line, session)?)]),
        }
    }

    fn check_queued(
        &mut self,
        session: SessionNumber,
        queued: &Queued,
    ) -> Result<Vec<Content>, Wrong> {
        let Queued { number, retain, .. } = *queued;
        let qos = qos(queued.qos)?;
        let subscription_ids = queued.subscription_ids()?;
        let content = match (&queued.message, queued.message_id) {
            (Some(message), None) => {
                let message = message.message()?;
                Content::Change(Change::Queued {
                    session,
                    number,
                    message,
                    qos,
                    retain,
                    subscription_ids,
                })
            }
            (None, Some(body)) if self.has_message(body)? => {
                Content::Delivery(Delivery { session, number, body, qos, retain, subscription_ids })
            }
            (None, Some(body)) => return Err(format!("there is no message {body} before").into()),
            _ => return Err("has either message or message_id".into()),
        };
        Ok(vec![content])
    }
}

impl Current {
    /// The queue goes on with `number`.
    fn advance(&mut self, number: u64) -> Result<(), Wrong> {
        below(number, "number")?;
        match self.number {
            Some(last) if last >= number => {
                Err(format!("queue number {number} comes behind {last}").into())
            }
            _ => {
                self.number = Some(number);
                Ok(())
            }
        }
    }
}

fn below(number: u64, what: &str) -> Result<(), Wrong> {
    if number < NUMBER_MAX {
        return Ok(());
    }
    Err(format!("{what} {number} is not below {NUMBER_MAX}").into())
}

/// Why a line is not taken.
enum Wrong {
    Line(Mistake),
    Store(StoreError),
}

impl From<String> for Wrong {
    fn from(mistake: String) -> Self {
        Self::Line(mistake)
    }
}

impl From<&str> for Wrong {
    fn from(mistake: &str) -> Self {
        Self::Line(mistake.to_owned())
    }
}

impl From<StoreError> for Wrong {
    fn from(error: StoreError) -> Self {
        Self::Store(error)
    }
}

/// What is wrong with JSON, and where in its line.
pub fn explain(error: &serde_json::Error) -> Mistake {
    let text = error.to_string();
    let place = format!(" at line {} column {}", error.line(), error.column());
    match text.strip_suffix(&place) {
        Some(what) if error.column() > 0 => format!("{what} (column {})", error.column()),
        _ => text,
    }
}

use fulmar::journal::Image;
use fulmar::types::Lsn;

use super::Sim;
use crate::stack::Died;

/// What a crash leaves of what the server had decided.
pub struct Survival {
    /// What the next process goes on from; `None` if it is what the model says.
    pub image: Option<Image>,
    /// The last batch of it.
    pub last: Lsn,
    /// All of it.
    pub lossless: bool,
}

impl Sim {
    /// The store's thread has its turn.
    pub fn store_some(&mut self) -> Result<(), Died> {
        let calls = self.stack.as_mut().map_or(0, |stack| stack.draw_calls());
        for _ in 0..calls {
            self.store_one()?;
        }
        Ok(())
    }

    fn store_one(&mut self) -> Result<(), Died> {
        if self.tell_one() {
            return Ok(());
        }
        let Self { stack: Some(stack), shell, trace, .. } = self else { return Ok(()) };
        let done = stack.work(shell);
        trace.note(shell.now, || format!("the store: {done:?}"));
        done.map(drop)
    }

    /// The broker hears of something that the store has done. True if there was anything.
    fn tell_one(&mut self) -> bool {
        let Some(event) = self.stack.as_mut().and_then(|stack| stack.tell()) else { return false };
        self.trace.note(self.shell.now, || format!("the store tells {event:?}"));
        self.on_shell(|shell| shell.handle_store(event));
        true
    }

    /// The store does all that waits, and the broker hears of it. Nobody dies of that.
    pub fn store_all(&mut self) {
        self.stack.iter().for_each(|stack| stack.spare(true));
        while self.tell_one() || self.finish_one() {}
        self.stack.iter().for_each(|stack| stack.spare(self.draining));
    }

    fn finish_one(&mut self) -> bool {
        let Self { stack, shell, .. } = self;
        stack.as_mut().is_some_and(|stack| stack.finish(shell))
    }

    /// The process dies; what the next one finds is what was told, and perhaps more, in order.
    pub fn survive(&mut self) -> Survival {
        let Self { stack: Some(stack), shell, trace, .. } = self else {
            return self.survive_by_list();
        };
        let found = stack.restart();
        shell.keep(found.kept);
        trace.note(shell.now, || format!("{:?}, {:?} is kept", found.crash, found.last));
        let whole = stack.whole(found.image.clone());
        let (whole, model) = (without_counters(whole), without_counters(shell.image.clone()));
        assert!(whole == model, "found {whole:#?}\nwhere there should be {model:#?}");
        let lossless = shell.waiting.is_empty();
        Survival { image: Some(found.image), last: found.last, lossless }
    }

    /// The store has some of what it had not reported, from the oldest batch on.
    fn survive_by_list(&mut self) -> Survival {
        let waiting = self.shell.waiting.len();
        let kept = self.crashing.index(waiting + 1);
        let last = self.shell.waiting.iter().take(kept).next_back();
        let last = last.map_or(Lsn::NONE, |batch| batch.lsn);
        self.trace.note(self.shell.now, || format!("{kept} of {waiting} batches are kept"));
        Survival { image: None, last, lossless: kept == waiting }
    }

    /// When all is over: what a restart would find is what there is, and nothing else is left.
    pub fn check_store(&mut self) {
        self.store_all();
        if self.stack.is_some() {
            self.survive();
        }
        let Self { stack: Some(stack), shell, .. } = self else { return };
        // What a session does that ends with its connection is not recorded: it ends at a restart.
        let sessions = shell.image.sessions.values();
        let (lasting, others): (Vec<_>, Vec<_>) =
            sessions.partition(|session| session.expiry_secs > 0);
        for session in lasting {
            assert!(session.queue.is_empty(), "never settled: {session:?}");
        }
        if others.iter().all(|session| session.queue.is_empty()) {
            stack.check_tidy();
        }
    }
}

/// How far numbers have come may be told late.
fn without_counters(mut image: Image) -> Image {
    image.last_session = None;
    image.sessions.values_mut().for_each(|session| session.next_number = 0);
    image
}

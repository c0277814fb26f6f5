use super::Sim;

impl Sim {
    /// The store may have sorted in a part of some queue, up to any number that is durable, and may
    /// answer one of the loads that wait, whichever was asked for first.
    pub fn page(&mut self) {
        if self.stack.is_some() {
            return;
        }
        let sessions: Vec<_> = self.shell.image.sessions.keys().copied().collect();
        if self.paging.chance(self.plan.stores) && !sessions.is_empty() {
            let session = sessions[self.paging.index(sessions.len())];
            let next = self.shell.image.sessions[&session].next_number;
            let sorted = self.shell.pages.before(session).min(next);
            let before = sorted + self.paging.index((next - sorted) as usize + 1) as u64;
            self.trace.note(self.shell.now, || format!("{session:?} is stored up to {before}"));
            self.on_shell(|shell| shell.store(session, before));
        }
        let waiting = self.shell.pages.asked.len();
        if waiting > 0 && self.paging.chance(300) {
            let index = self.paging.index(waiting);
            self.answer(index);
        }
    }

    pub fn answer_all(&mut self) {
        self.store_all();
        while !self.shell.pages.asked.is_empty() {
            self.answer(0);
        }
    }

    fn answer(&mut self, index: usize) {
        let load = self.shell.pages.asked[index];
        self.trace.note(self.shell.now, || format!("the store answers {load:?}"));
        self.on_shell(|shell| shell.answer(index));
    }
}

use std::collections::VecDeque;
use std::io;
use std::sync::Arc;
use std::thread::Builder;

use parking_lot::{Condvar, Mutex};
use tokio::sync::oneshot;

/// Threads for work that takes its time, with a bounded number of jobs that wait for one.
///
/// Tasks of connections never block: they hand the work in and wait for what comes of it. A job whose
/// client has gone before a thread was free is not done.
pub struct Pool(Arc<Inner>);

/// As many jobs wait as may.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Full;

struct Inner {
    /// Locked for a push or a pop, by tasks that have work and threads that look for some.
    waiting: Mutex<Waiting>,
    more: Condvar,
    waiting_max: usize,
}

#[derive(Default)]
struct Waiting {
    jobs: VecDeque<Box<dyn FnOnce() + Send>>,
    closed: bool,
}

impl Pool {
    /// Starts `threads` threads, for which at most `waiting_max` jobs wait.
    ///
    /// # Errors
    ///
    /// Those of the system, which has no more threads.
    pub fn start(name: &str, threads: usize, waiting_max: usize) -> io::Result<Self> {
        let (waiting, more) = (Mutex::new(Waiting::default()), Condvar::new());
        let pool = Self(Arc::new(Inner { waiting, more, waiting_max }));
        for number in 0..threads.max(1) {
            let inner = Arc::clone(&pool.0);
            Builder::new().name(format!("{name}-{number}")).spawn(move || inner.work())?;
        }
        Ok(pool)
    }

    /// Has `work` done. What comes of it is missing if it panicked.
    ///
    /// # Errors
    ///
    /// [`Full`]: nothing was handed in.
    pub fn run<T: Send + 'static>(
        &self,
        work: impl FnOnce() -> T + Send + 'static,
    ) -> Result<oneshot::Receiver<T>, Full> {
        let (done, result) = oneshot::channel();
        let job = Box::new(move || {
            if !done.is_closed() {
                // Whoever asked may have gone meanwhile.
                let _ = done.send(work());
            }
        });
        let mut waiting = self.0.waiting.lock();
        if waiting.jobs.len() >= self.0.waiting_max {
            return Err(Full);
        }
        waiting.jobs.push_back(job);
        drop(waiting);
        self.0.more.notify_one();
        Ok(result)
    }
}

impl Inner {
    fn work(&self) {
        while let Some(job) = self.next() {
            // One job that panics takes down neither the thread nor the others.
            let _ = std::panic::catch_unwind(std::panic::AssertUnwindSafe(job));
        }
    }

    fn next(&self) -> Option<Box<dyn FnOnce() + Send>> {
        let mut waiting = self.waiting.lock();
        loop {
            if waiting.closed {
                return None;
            }
            match waiting.jobs.pop_front() {
                Some(job) => return Some(job),
                None => self.more.wait(&mut waiting),
            }
        }
    }
}

impl Drop for Pool {
    fn drop(&mut self) {
        let mut waiting = self.0.waiting.lock();
        waiting.closed = true;
        let jobs = std::mem::take(&mut waiting.jobs);
        drop(waiting);
        self.0.more.notify_all();
        drop(jobs);
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    #[tokio::test]
    async fn work_is_done_elsewhere() {
        let pool = Pool::start("test", 2, 8).expect("threads");
        let here = std::thread::current().id();

        let done = pool.run(move || std::thread::current().id() != here).expect("room");

        assert!(done.await.expect("done"));
    }

    #[tokio::test]
    async fn as_many_jobs_wait_as_may_and_no_more() {
        let pool = Pool::start("test", 1, 2).expect("threads");
        let (started, go) = block(&pool);
        started.recv().expect("the thread is busy");

        let first = pool.run(|| 1).expect("room");
        let second = pool.run(|| 2).expect("room");
        assert!(pool.run(|| 3).is_err());

        go.send(()).expect("it waits");
        assert_eq!((first.await, second.await), (Ok(1), Ok(2)));
        assert!(pool.run(|| 3).is_ok());
    }

    #[tokio::test]
    async fn work_that_nobody_waits_for_is_not_done() {
        let pool = Pool::start("test", 1, 8).expect("threads");
        let (started, go) = block(&pool);
        started.recv().expect("the thread is busy");

        let (touched, seen) = mpsc::channel();
        drop(pool.run(move || touched.send(())).expect("room"));
        let last = pool.run(|| ()).expect("room");
        go.send(()).expect("it waits");
        last.await.expect("done");

        assert!(seen.try_recv().is_err());
    }

    #[tokio::test]
    async fn a_panic_costs_one_job() {
        let pool = Pool::start("test", 1, 8).expect("threads");

        let lost = pool.run(|| panic!("as asked")).expect("room");
        let next = pool.run(|| 7).expect("room");

        assert!(lost.await.is_err());
        assert_eq!(next.await, Ok(7));
    }

    /// Keeps the one thread busy: the first end says when it is, the second one lets it go on.
    fn block(pool: &Pool) -> (mpsc::Receiver<()>, mpsc::Sender<()>) {
        let (busy, started) = mpsc::channel();
        let (go, wait) = mpsc::channel::<()>();
        let blocked = pool.run(move || {
            busy.send(()).expect("the test waits");
            wait.recv().expect("the test says when");
        });
        // Held until it is done: the job counts as wanted.
        tokio::spawn(blocked.expect("room"));
        (started, go)
    }
}

//! Parallel processing on all cores with results in order, and a limit on how many are waiting.

use std::collections::BTreeMap;
use std::sync::{Condvar, Mutex, MutexGuard, PoisonError};

struct State<R> {
    next_job: usize,
    next_result: usize,
    ready: BTreeMap<usize, R>,
    stopped: bool,
}

struct Shared<R> {
    state: Mutex<State<R>>,
    changed: Condvar,
}

impl<R> Shared<R> {
    fn lock(&self) -> MutexGuard<'_, State<R>> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn wait<'a>(&self, guard: MutexGuard<'a, State<R>>) -> MutexGuard<'a, State<R>> {
        self.changed.wait(guard).unwrap_or_else(PoisonError::into_inner)
    }

    fn stop(&self) {
        self.lock().stopped = true;
        self.changed.notify_all();
    }
}

/// Stops all threads when one of them leaves early, by an error or a panic, so that none waits forever.
struct StopOnDrop<'a, R>(&'a Shared<R>);

impl<R> Drop for StopOnDrop<'_, R> {
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.0.stop();
        }
    }
}

/// Runs `work` on every job with `threads` threads and passes the results to `sink`, on the calling thread, in the
/// order of the jobs. No job is started that is `window` or more ahead of the sink, so at most `window` results are in
/// memory. Each thread has its own `tools`, created by `equip`.
///
/// # Errors
/// The first error of `sink`; no job is started after it.
pub(crate) fn ordered<J: Sync, T, R: Send, E>(
    jobs: &[J],
    threads: usize,
    window: usize,
    equip: impl Fn() -> T + Sync,
    work: impl Fn(&mut T, &J) -> R + Sync,
    mut sink: impl FnMut(&J, R) -> Result<(), E>,
) -> Result<(), E> {
    let state = State { next_job: 0, next_result: 0, ready: BTreeMap::new(), stopped: false };
    let shared = Shared { state: Mutex::new(state), changed: Condvar::new() };
    let window = window.max(1);
    std::thread::scope(|scope| {
        for _ in 0..threads.clamp(1, jobs.len().max(1)) {
            scope.spawn(|| {
                let _guard = StopOnDrop(&shared);
                let mut tools = equip();
                while let Some(i) = claim(&shared, jobs.len(), window) {
                    let result = work(&mut tools, &jobs[i]);
                    shared.lock().ready.insert(i, result);
                    shared.changed.notify_all();
                }
            });
        }
        let _guard = StopOnDrop(&shared);
        for job in jobs {
            let Some(result) = collect(&shared) else { break };
            if let Err(error) = sink(job, result) {
                shared.stop();
                return Err(error);
            }
        }
        Ok(())
    })
}

fn claim<R>(shared: &Shared<R>, jobs: usize, window: usize) -> Option<usize> {
    let mut state = shared.lock();
    loop {
        if state.stopped || state.next_job == jobs {
            return None;
        }
        if state.next_job < state.next_result + window {
            state.next_job += 1;
            return Some(state.next_job - 1);
        }
        state = shared.wait(state);
    }
}

/// Returns the next result in order, or `None` if a worker panicked (the scope propagates the panic).
fn collect<R>(shared: &Shared<R>) -> Option<R> {
    let mut state = shared.lock();
    loop {
        let next = state.next_result;
        if let Some(result) = state.ready.remove(&next) {
            state.next_result += 1;
            shared.changed.notify_all();
            return Some(result);
        }
        if state.stopped {
            return None;
        }
        state = shared.wait(state);
    }
}

//! Long computations within async tasks.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Runs a long computation within a task. If the runtime has other threads, its other tasks continue there meanwhile;
/// if it has only one, as on each host of a simulated network, they wait.
pub fn busy<T>(work: impl FnOnce() -> T) -> T {
    match Handle::try_current().map(|runtime| runtime.runtime_flavor()) {
        Ok(RuntimeFlavor::MultiThread) => tokio::task::block_in_place(work),
        _ => work(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::mpsc;

    #[tokio::test(flavor = "multi_thread", worker_threads = 1)]
    async fn other_tasks_go_on_while_one_is_busy() {
        let (sender, receiver) = mpsc::channel();
        let busy = tokio::spawn(async move {
            tokio::spawn(async move { sender.send(7) });
            // If no thread took over the other task, this would wait forever.
            busy(|| receiver.recv())
        });
        assert_eq!(busy.await.unwrap(), Ok(7));
    }

    #[tokio::test]
    async fn on_a_single_thread_and_outside_of_tasks_the_work_is_done_all_the_same() {
        assert_eq!(busy(|| 7), 7);
        assert_eq!(std::thread::spawn(|| busy(|| 7)).join().unwrap(), 7);
    }
}

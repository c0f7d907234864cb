//! Arithmetic within tasks.

use tokio::runtime::{Handle, RuntimeFlavor};

/// Does within a task what keeps a processor busy for long. Where the runtime has other threads, its other tasks go on
/// there meanwhile; where it has but one, as each host of a simulated network does, they wait.
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
            // Where nobody took the other task over, this would wait for ever.
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

use crate::remote;
use std::time::Duration;

/// Pauses before a request is sent again.
const PAUSES: [Duration; 3] = [Duration::from_millis(200), Duration::from_secs(1), Duration::from_secs(5)];

/// Repeats requests that object_store does not repeat because they may have taken effect: their answers were lost.
/// Only for requests that are harmless when sent twice.
pub(crate) async fn insist<T, F>(request: impl Fn() -> F) -> Result<T, object_store::Error>
where
    F: Future<Output = Result<T, object_store::Error>>,
{
    let mut pauses = PAUSES.into_iter();
    loop {
        let problem = match request().await {
            Ok(answer) => return Ok(answer),
            Err(problem) => problem,
        };
        let Some(pause) = pauses.next().filter(|_| remote::is_answer_lost(&problem)) else {
            return Err(problem);
        };
        tracing::warn!(%problem, ?pause, "the answer was lost; trying again");
        tokio::time::sleep(pause).await;
    }
}

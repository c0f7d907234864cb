use crate::command::Command;
use crate::scalars::Cut;
use crate::signing::SignedBy;
use crate::summary::Tally;
use std::convert::Infallible;
use std::time::Duration;
use stentor_checkpoint::{DevResult, Manifest, Object, SignedPart};
use stentor_experiment::Strategy;
use stentor_rounds::Publication;
use stentor_runlog::{EventLog, State};
use stentor_runtime::metrics;
use stentor_signature::Digest;
use stentor_store::Store;
use tokio::sync::mpsc;

/// How long the program waits at its end for publications and deletions in progress: less than supervisors wait for the program.
const LAST_WRITES: Duration = Duration::from_secs(8);

/// Waits until everything that a dropped [`Publisher`] has begun is done. Work that is cut off does no harm: a checkpoint
/// exists only with its manifest, and a later deletion continues this one.
pub(crate) async fn ended(mut under_way: mpsc::Receiver<Infallible>) {
    if tokio::time::timeout(LAST_WRITES, under_way.recv()).await.is_err() {
        let seconds = LAST_WRITES.as_secs();
        tracing::warn!(seconds, "the last publication or deletion is not finished; not waiting any longer");
    }
}

/// Publishes checkpoints while training continues: the manifest last; then deletes checkpoints that are no longer kept.
#[derive(Debug)]
pub(crate) struct Publisher {
    pub(crate) run: Store,
    /// The parts that are the same in every manifest of the run.
    pub(crate) template: Manifest,
    pub(crate) keep: usize,
    /// Incarnation of this coordinator.
    pub(crate) incarnation: u64,
    /// Cloned by each task in progress, so that the program's end can wait for them: the receiver ends with the last clone.
    pub(crate) under_way: mpsc::Sender<Infallible>,
    /// What a changed experiment file asks for.
    pub(crate) asked: Option<Asked>,
    /// In a run that signs.
    pub(crate) signed: Option<SignedBy>,
}

/// How a publication ended.
enum Published {
    /// The digest of the manifest, in a run that signs.
    Done { digest: Option<Digest> },
    /// Another coordinator has claimed the run.
    Replaced { by: u64 },
}

/// Another strategy, which a changed experiment file asks for.
#[derive(Debug)]
pub(crate) struct Asked {
    pub(crate) to: Strategy,
    /// The strategy of the file before.
    pub(crate) before: String,
    /// The first round with the new strategy, once there is one.
    pub(crate) since: Option<u64>,
}

impl Asked {
    /// Whether a checkpoint was written before the switch. It says so by the file's strategy before, and whoever resumes from it asks
    /// once more.
    fn is_after(&self, strategy: Strategy, round: u64) -> bool {
        strategy != self.to && self.since.is_none_or(|since| round < since)
    }
}

impl Publisher {
    /// A strategy is in force from `round` on.
    pub(crate) fn switched(&mut self, to: Strategy, round: u64) {
        if let Some(asked) = self.asked.as_mut().filter(|asked| asked.to == to) {
            asked.since.get_or_insert(round);
        }
    }

    /// Starts a publication; its end is reported to the engine through `commands`.
    pub(crate) fn publish(
        &mut self,
        publication: Publication,
        tally: &Tally,
        events: &mut EventLog,
        scalars: Option<Cut>,
        commands: &mpsc::Sender<Command>,
    ) {
        let Publication { name, objects, saved, fence, committed_frames, dev, needed } = publication;
        let asked = self.asked.as_ref().filter(|asked| asked.is_after(saved.strategy, fence.round));
        let strategy = asked.map_or_else(|| self.template.strategy.clone(), |asked| asked.before.clone());
        let coordinator = match serde_json::to_value(State { core: saved, tally: tally.clone() }) {
            Ok(value) => value,
            Err(error) => {
                self.fail(commands.clone(), name, error.to_string());
                return;
            }
        };
        let segments = events.cut();
        let signed = self.signed.clone();
        let part = |signed: &SignedBy| SignedPart {
            run: signed.signer.run().to_owned(),
            // Written before the manifest.
            events: events.head().cloned(),
        };
        // Only where it is needed: programs of earlier releases refuse a manifest with keys that they do not know.
        let blake3 = |digest: Option<[u8; 32]>| digest.filter(|_| signed.is_some()).map(Into::into);
        let manifest = Manifest {
            name: name.clone(),
            signed: signed.as_ref().map(part),
            lineage: fence.lineage,
            round: fence.round,
            committed_frames,
            dev: dev.as_ref().map(DevResult::of),
            objects: objects
                .into_iter()
                .map(|o| Object { name: o.name, bytes: o.bytes, digest: o.digest, blake3: blake3(o.blake3) })
                .collect(),
            coordinator,
            strategy,
            previous: self.template.previous.replace(name.clone()),
            ..self.template.clone()
        };
        let (run, keep, commands) = (self.run.clone(), self.keep, commands.clone());
        let (incarnation, under_way) = (self.incarnation, self.under_way.clone());
        tokio::spawn(async move {
            let done = async {
                // The log first: a checkpoint without its events could not be audited.
                segments.put().await?;
                let _ = commands.send(Command::Logged { segments: segments.until }).await;
                // A coordinator that was considered dead must not publish as well as its successor.
                let newest = crate::claim::newest_claim(&run).await?;
                if newest > incarnation {
                    return Ok(Published::Replaced { by: newest });
                }
                if let Some(cut) = scalars {
                    cut.write().await;
                }
                let digest = match &signed {
                    Some(SignedBy { signer, .. }) => {
                        Some(stentor_checkpoint::publish_signed(&run, &manifest, signer).await?)
                    }
                    None => {
                        stentor_checkpoint::publish(&run, &manifest).await?;
                        None
                    }
                };
                Ok::<_, stentor_checkpoint::Error>(Published::Done { digest })
            };
            let command = match done.await {
                Ok(Published::Replaced { by }) => Command::Replaced { by },
                Ok(Published::Done { digest }) => {
                    metrics::checkpoints(1, metrics::CheckpointEnd::Published);
                    metrics::last_checkpoint_timestamp(std::time::SystemTime::now());
                    tracing::info!(checkpoint = name, "published");
                    Command::Published { checkpoint: name, digest }
                }
                Err(error) => {
                    let object = error.unreported_object();
                    Command::PublishFailed { checkpoint: name, reason: error.to_string(), object }
                }
            };
            let published = matches!(command, Command::Published { .. });
            // The engine may have ended meanwhile; the checkpoint is valid nevertheless.
            let _ = commands.send(command).await;
            if published && let Err(error) = stentor_checkpoint::retain(&run, keep, &needed).await {
                tracing::warn!(%error, "old checkpoints could not be deleted");
            }
            drop(under_way);
        });
    }

    fn fail(&self, commands: mpsc::Sender<Command>, checkpoint: String, reason: String) {
        tokio::spawn(async move {
            let failed = Command::PublishFailed { checkpoint, reason, object: None };
            let _ = commands.send(failed).await;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_checkpoint_before_a_switch_that_the_file_asks_for_says_so_until_the_switch() {
        let mut asked = Asked { to: Strategy::Gtc, before: "bmuf".into(), since: None };
        assert!(asked.is_after(Strategy::Bmuf, 10));
        asked.since = Some(12);
        // A publication that took its time, and one after an operator's own switch.
        assert!(asked.is_after(Strategy::Bmuf, 11));
        assert!(!asked.is_after(Strategy::Gtc, 12) && !asked.is_after(Strategy::Dense, 30));
    }

    #[tokio::test(start_paused = true)]
    async fn the_end_waits_for_what_is_under_way_and_not_for_ever() {
        let (under_way, ends) = mpsc::channel(1);
        let (work, own) = (under_way.clone(), under_way);
        let started = tokio::time::Instant::now();
        tokio::spawn(async move {
            tokio::time::sleep(Duration::from_secs(3)).await;
            drop(work);
        });
        drop(own);
        ended(ends).await;
        assert_eq!(started.elapsed().as_secs(), 3);
        let (hangs, ends) = mpsc::channel(1);
        ended(ends).await;
        assert_eq!(started.elapsed().as_secs(), 3 + LAST_WRITES.as_secs());
        drop(hangs);
    }
}

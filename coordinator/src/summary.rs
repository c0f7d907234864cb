use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use std::time::SystemTime;
use stentor_experiment::Strategy;
use stentor_proto::v1;
use stentor_rounds::{Encoding, Event, OfSource, View};
use stentor_runlog::{Summary, Switches};
use stentor_runtime::metrics;
use stentor_scores::{FRAME_ERROR, LOSS, Scores};
use tokio::time::Instant;

/// Running totals behind a [`Summary`].
#[derive(Debug, Clone, Default, Serialize, Deserialize)]
pub(crate) struct Tally {
    pub(crate) rounds: u64,
    pub(crate) frames: u64,
    pub(crate) frames_by_source: BTreeMap<String, u64>,
    pub(crate) bytes_up: u64,
    pub(crate) bytes_down: u64,
    pub(crate) worker_peak_rss_mb: f64,
    pub(crate) seconds: f64,
    /// Checkpoints of older programs do not have this key.
    #[serde(default)]
    pub(crate) switches: Switches,
}

impl Tally {
    /// Adds the traffic of a member.
    pub(crate) fn wires(&mut self, header_bytes: u64, traffic: v1::Traffic) {
        self.bytes_up = self.bytes_up.saturating_add(header_bytes).saturating_add(traffic.sent_bytes);
        self.bytes_down = self.bytes_down.saturating_add(traffic.received_bytes);
    }

    /// Adds a closed round.
    pub(crate) fn round(&mut self, event: &Event, started: Instant) {
        self.rounds += 1;
        for OfSource { source, frames, scores } in event.by_source() {
            self.frames += frames;
            *self.frames_by_source.entry(source.name().to_owned()).or_default() += frames;
            tracing::debug!(source = source.name(), frames, loss = scores.get(LOSS), "round closed");
        }
        self.seconds = started.elapsed().as_secs_f64();
    }

    /// `configured`: the experiment's strategy.
    pub(crate) fn summary(
        &self,
        run: &str,
        configured: Strategy,
        checkpoint: &str,
        dev: Option<f64>,
    ) -> Summary {
        Summary {
            run: run.to_owned(),
            strategy: self.switches.in_force().unwrap_or(configured).name().to_owned(),
            switches: self.switches.clone(),
            checkpoint: checkpoint.to_owned(),
            rounds: self.rounds,
            frames: self.frames,
            frames_by_source: self.frames_by_source.clone(),
            bytes_up: self.bytes_up,
            bytes_down: self.bytes_down,
            bytes_per_frame: (self.bytes_up + self.bytes_down) as f64 / self.frames.max(1) as f64,
            seconds: self.seconds,
            peak_rss_mb: BTreeMap::from([
                ("coordinator".to_owned(), stentor_runtime::peak_rss_mb()),
                ("worker".to_owned(), self.worker_peak_rss_mb),
            ]),
            dev_frame_error: dev,
        }
    }
}

/// Records scores on the dev data for `/metrics`.
pub(crate) fn measure_dev(scores: &Scores) {
    if let Some(loss) = scores.get(LOSS) {
        metrics::dev_loss(loss);
    }
    if let Some(percent) = scores.get(FRAME_ERROR) {
        metrics::dev_frame_error(percent / 100.0);
    }
}

/// Records a closed round's figures for `/metrics`.
pub(crate) fn measure(event: &Event, parameters: usize, view: &View) {
    let Event::Round { source, committed_frames, contributors, values_sent, bytes_up, encoding, .. } = event
    else {
        return;
    };
    metrics::rounds(1, view.strategy, *source);
    metrics::progress(*committed_frames as f64 / view.total_frames.max(1) as f64);
    metrics::last_round_timestamp(SystemTime::now());
    // A round of empty batches has no scores.
    for OfSource { source, frames, scores } in event.by_source() {
        metrics::frames(frames, source);
        if let Some(loss) = scores.get(LOSS) {
            metrics::loss(loss, source);
        }
        if let Some(percent) = scores.get(FRAME_ERROR) {
            metrics::frame_error(percent / 100.0, source);
        }
    }
    metrics::exchanged(*bytes_up, metrics::Direction::In);
    let values = (parameters * contributors.len()).max(1) as f64;
    match encoding {
        Encoding::Threshold { tau, .. } => {
            metrics::tau(f64::from(*tau));
            metrics::density(*values_sent as f64 / values);
            metrics::compression(4.0 * values / (*bytes_up).max(1) as f64);
        }
        Encoding::Block { momentum, learning_rate, .. } => {
            metrics::block_momentum(*momentum);
            metrics::block_learning_rate(*learning_rate);
        }
        Encoding::Dense { .. } => {}
    }
}

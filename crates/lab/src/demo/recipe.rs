//! All numbers of the demo in one place, with one recipe for each size. To tune the demo, edit this file.

use super::senones::{Context, States, Tying};

/// The settings of a whole demo.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Recipe {
    /// Share of the groups (dialogues, speakers) that are annotated, including those for `dev`.
    pub(crate) annotated: f64,
    /// Share of the annotated groups that is held out for early stopping.
    pub(crate) dev: f64,
    /// Share of the groups for the final test.
    pub(crate) test: f64,
    /// Frames of a shard file: after a kill, the labeler repeats at most one shard.
    pub(crate) shard_frames: u32,
    pub(crate) tying: Tying,
    /// Words of the language model's longest n-grams.
    pub(crate) lm_order: u32,
    /// Senones kept per frame in soft labels.
    pub(crate) top_k: u32,
    pub(crate) teacher: Training,
    /// The baseline: a student trained on annotated data only, until the dev score stops improving.
    pub(crate) baseline: Training,
    /// The students trained on both kinds of data; they differ only in the exchange.
    pub(crate) student: Training,
    /// The same student, trained on the annotations of all audio: what the teacher's labels could reach at best.
    pub(crate) ceiling: Training,
    /// Whether the ceiling is trained. It takes as long as a student, and all audio has to be aligned for it.
    pub(crate) has_ceiling: bool,
    pub(crate) gtc: Gtc,
    pub(crate) bmuf: Bmuf,
    pub(crate) budget: Budget,
}

/// A model and its training.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Training {
    pub(crate) layers: u32,
    pub(crate) width: u32,
    pub(crate) bidirectional: bool,
    /// Share of the values between layers that are set to zero in training.
    pub(crate) dropout: f64,
    /// Over the unannotated data, or over the annotated data if there are no others.
    pub(crate) passes: u32,
    /// Annotated passes in each pass over the unannotated data.
    pub(crate) annotated_passes: u32,
    pub(crate) learning_rate: f64,
    pub(crate) final_fraction: f64,
    pub(crate) annotated_multiplier: f64,
    pub(crate) sub_epoch_batches: u32,
    pub(crate) chunk_frames: u32,
    pub(crate) left_context: u32,
    pub(crate) right_context: u32,
    /// Of each worker.
    pub(crate) chunks: u32,
    pub(crate) unit_batches: u32,
    /// Number of checkpoints, each with an evaluation on dev.
    pub(crate) checkpoints: u32,
    /// Evaluations without improvement until training stops; 0: never.
    pub(crate) patience: u32,
}

/// Gradient threshold compression.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Gtc {
    pub(crate) density: f64,
    pub(crate) warmup_dense: f64,
    pub(crate) warmup_falling: f64,
}

/// Blockwise model-update filtering. Block momentum is 1 − 1/N.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Bmuf {
    pub(crate) block: u32,
}

/// Number of frames to train on for another corpus than the one for which the passes were chosen.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(crate) struct Budget {
    pub(crate) teacher: f64,
    pub(crate) baseline: f64,
    pub(crate) student: f64,
}

/// More passes than this do not improve the model, however small the corpus.
const MOST_PASSES: f64 = 40.0;

impl Recipe {
    /// The talking game in some twenty minutes on two cores.
    pub(crate) fn game() -> Self {
        // Most utterances are shorter than a chunk of 3 s, so little is computed outside the loss. Larger batches mean
        // fewer exchanges.
        let teacher = Training {
            layers: 3,
            width: 192,
            bidirectional: true,
            dropout: 0.0,
            passes: 12,
            annotated_passes: 1,
            learning_rate: 2e-3,
            final_fraction: 0.05,
            annotated_multiplier: 1.0,
            sub_epoch_batches: 64,
            chunk_frames: 100,
            left_context: 10,
            right_context: 10,
            chunks: 8,
            unit_batches: 8,
            checkpoints: 6,
            patience: 0,
        };
        let student = Training {
            layers: 2,
            width: 192,
            bidirectional: false,
            passes: 4,
            annotated_passes: 2,
            learning_rate: 3e-3,
            annotated_multiplier: 2.0,
            right_context: 0,
            chunks: 16,
            checkpoints: 8,
            ..teacher
        };
        // The dev score is best after 10 to 14 passes; the learning rate has decayed by then. Twice as many passes,
        // larger batches and higher rates all end within half a point of this.
        let baseline = Training {
            passes: 14,
            annotated_passes: 1,
            learning_rate: 2e-3,
            annotated_multiplier: 1.0,
            chunks: 4,
            checkpoints: 14,
            patience: 4,
            ..student
        };
        Self {
            annotated: 0.125,
            dev: 0.28,
            test: 0.10,
            shard_frames: 65_536,
            // With 0.4 h of annotated speech more senones are worse: with 450 the teacher's frame error is 4 points higher on
            // test, and 2 points with 200 on dev. So there are few more than the states of phones.
            tying: Tying {
                leaves: 160,
                min_frames: 100,
                states: States::Thirds,
                context: Context::WithinWords,
            },
            lm_order: 3,
            top_k: 20,
            teacher,
            baseline,
            student,
            ceiling: Self::on_all_annotations(student, 5),
            has_ceiling: false,
            gtc: Gtc { density: 0.10, warmup_dense: 0.05, warmup_falling: 0.0 },
            bmuf: Bmuf { block: 10 },
            budget: Budget { teacher: 560_000.0, baseline: 650_000.0, student: 2_100_000.0 },
        }
    }

    /// The talking game with the best figures, without a time limit.
    pub(crate) fn full() -> Self {
        let game = Self::game();
        // The students have no more layers: with three they need far more passes for the same result.
        let student =
            Training { width: 256, passes: 10, learning_rate: 2.5e-3, checkpoints: 10, ..game.student };
        Self {
            teacher: Training { width: 256, passes: 16, checkpoints: 16, ..game.teacher },
            baseline: Training { width: 256, patience: 5, ..game.baseline },
            student,
            ceiling: Self::on_all_annotations(student, 11),
            has_ceiling: true,
            gtc: Gtc { density: 0.15, ..game.gtc },
            budget: Budget { teacher: 750_000.0, baseline: 650_000.0, student: 5_200_000.0 },
            ..game
        }
    }

    /// The small corpus in two minutes: shows that the loop works, not how good its results are.
    pub(crate) fn quick() -> Self {
        let game = Self::game();
        // There are so few data that small batches matter more than speed.
        let small = |training: Training| Training {
            layers: 1,
            width: 96,
            chunk_frames: 50,
            chunks: 4,
            checkpoints: 3,
            ..training
        };
        let student = Training {
            passes: 3,
            annotated_passes: 2,
            sub_epoch_batches: 16,
            learning_rate: 4e-3,
            ..small(game.student)
        };
        Self {
            // A tenth of the small corpus would be only two minutes of speech.
            annotated: 0.40,
            dev: 0.15,
            test: 0.15,
            shard_frames: 8_192,
            tying: Tying { leaves: 150, min_frames: 50, states: States::FirstThenRest, ..game.tying },
            teacher: Training { passes: 8, learning_rate: 4e-3, ..small(game.teacher) },
            baseline: Training {
                passes: 10,
                checkpoints: 5,
                patience: 2,
                learning_rate: 4e-3,
                ..small(game.baseline)
            },
            student,
            ceiling: Self::on_all_annotations(student, 5),
            gtc: Gtc { density: 0.03, warmup_dense: 0.05, warmup_falling: 0.10 },
            bmuf: Bmuf { block: 5 },
            budget: Budget { teacher: 120_000.0, baseline: 150_000.0, student: 150_000.0 },
            ..game
        }
    }

    /// A student that learns from annotations alone, in as many frames as `student`, whose passes also have the annotated
    /// part more than once.
    fn on_all_annotations(student: Training, passes: u32) -> Training {
        Training { passes, annotated_passes: 1, annotated_multiplier: 1.0, ..student }
    }

    /// The recipe for a corpus of another size: with as many passes as give about the same number of training frames.
    pub(crate) fn scaled(self, annotated_frames: u64, unannotated_frames: u64) -> Self {
        let passes =
            |budget: f64, frames: f64| (budget / frames.max(1.0)).round().clamp(1.0, MOST_PASSES) as u32;
        let annotated = annotated_frames as f64;
        let per_pass = unannotated_frames as f64 + f64::from(self.student.annotated_passes) * annotated;
        let all = annotated + unannotated_frames as f64;
        Self {
            teacher: Training { passes: passes(self.budget.teacher, annotated), ..self.teacher },
            baseline: Training { passes: passes(self.budget.baseline, annotated), ..self.baseline },
            student: Training { passes: passes(self.budget.student, per_pass), ..self.student },
            ceiling: Training { passes: passes(self.budget.student, all), ..self.ceiling },
            ..self
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_large_corpus_gets_fewer_passes_and_a_tiny_one_not_too_many() {
        let passes = |recipe: &Recipe| {
            [&recipe.teacher, &recipe.baseline, &recipe.student, &recipe.ceiling]
                .map(|training| training.passes)
        };
        assert_eq!(passes(&Recipe::game().scaled(100_000, 400_000)), [6, 7, 4, 4]);
        assert_eq!(passes(&Recipe::game().scaled(1_000_000_000, 1_000_000_000)), [1, 1, 1, 1]);
        assert_eq!(passes(&Recipe::game().scaled(0, 0)), [40, 40, 40, 40]);
    }

    #[test]
    fn the_ceiling_is_trained_on_about_as_many_frames_as_the_students() {
        let (annotated, unannotated) = (45_651.0, 430_829.0);
        for recipe in [Recipe::game(), Recipe::full()] {
            let Training { passes, annotated_passes, .. } = recipe.student;
            let student = f64::from(passes) * (unannotated + f64::from(annotated_passes) * annotated);
            let ceiling = f64::from(recipe.ceiling.passes) * (unannotated + annotated);
            assert!((ceiling / student - 1.0).abs() < 0.15, "{ceiling} {student}");
        }
    }
}

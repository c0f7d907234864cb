use crate::Error;
use crate::teacher::Teacher;
use stentor_acoustic::Device;
use stentor_checkpoint::Trust;
use stentor_shards::{FeatureManifest, FeatureRow, LabelRow};

/// Copies of one teacher that label row groups in parallel, one thread each; they share the parameters in memory.
///
/// One teacher with many threads would be slower: its matrices are small, so threads that share a product mostly wait
/// for each other, and keep cores busy that other programs could use.
pub(crate) struct Lanes {
    teachers: Vec<Teacher>,
}

impl Lanes {
    /// Loads the teacher, once, for `count` lanes; 0 counts as 1.
    pub(crate) async fn load(
        count: usize,
        location: &str,
        trust: Option<&Trust>,
        features: &FeatureManifest,
        features_location: &str,
        device: Device,
    ) -> Result<Self, Error> {
        Self::of(Teacher::load(location, trust, features, features_location, device).await?, count)
    }

    fn of(teacher: Teacher, count: usize) -> Result<Self, Error> {
        let mut teachers = vec![teacher];
        while teachers.len() < count {
            teachers.push(teachers[0].share()?);
        }
        Ok(Self { teachers })
    }

    /// The number of row groups that are labeled at the same time.
    pub(crate) fn len(&self) -> usize {
        self.teachers.len()
    }

    /// The number of the model's outputs.
    pub(crate) fn senones(&self) -> usize {
        self.teachers[0].senones()
    }

    /// Identifies the teacher's parameters.
    pub(crate) fn fingerprint(&self) -> &str {
        &self.teachers[0].fingerprint
    }

    /// Labels of at most [`Self::len`] row groups, in their order.
    pub(crate) fn label(&mut self, wave: &[Vec<FeatureRow>], k: usize) -> Result<Vec<Vec<LabelRow>>, Error> {
        debug_assert!(wave.len() <= self.len());
        std::thread::scope(|scope| {
            let lane = |(teacher, rows): (&'_ mut Teacher, &'_ Vec<FeatureRow>)| teacher.label(rows, k);
            let threads: Vec<_> =
                self.teachers.iter_mut().zip(wave).map(|pair| scope.spawn(move || lane(pair))).collect();
            let join = |thread: std::thread::ScopedJoinHandle<'_, _>| {
                thread.join().unwrap_or_else(|panic| std::panic::resume_unwind(panic))
            };
            threads.into_iter().map(join).collect()
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use stentor_acoustic::ModelShape;
    use stentor_experiment::Lstm;
    use stentor_shards::f16;

    fn rows(seed: usize) -> Vec<FeatureRow> {
        let value = |n: usize| f16::from_f32(((n * 7 + seed) % 13) as f32 / 6.0 - 1.0);
        let row = |(index, frames): (usize, usize)| FeatureRow {
            utterance: format!("u{index}"),
            speaker: "s".into(),
            group: "g".into(),
            features: (0..frames * 4).map(|n| value(n + index)).collect(),
            alignment: None,
            text: None,
        };
        [20, 9, 31].into_iter().enumerate().map(row).collect()
    }

    #[test]
    fn lanes_share_one_set_of_parameters_without_gradients_and_label_as_one_alone_does() {
        let settings = Lstm { layers: 2, width: 8, bidirectional: true, ..Lstm::default() };
        let shape = ModelShape::new(&settings.into(), 4, 9).unwrap();
        let mut lanes = Lanes::of(Teacher::untrained(&shape), 4).unwrap();
        let first = lanes.teachers[0].parameters().values().data_ptr();
        for teacher in &lanes.teachers {
            let parameters = teacher.parameters();
            assert_eq!(parameters.values().data_ptr(), first);
            assert!(!parameters.gradient().defined());
            assert!(parameters.views().iter().all(|view| !view.requires_grad()));
        }
        let wave: Vec<Vec<FeatureRow>> = (0..4).map(rows).collect();
        let labels = lanes.label(&wave, 3).unwrap();
        let alone = Teacher::untrained(&shape);
        for (rows, labels) in wave.iter().zip(&labels) {
            assert_eq!(&alone.label(rows, 3).unwrap(), labels);
        }
    }
}

use crate::Error;
use crate::teacher::Teacher;
use stentor_acoustic::Device;
use stentor_shards::{FeatureManifest, FeatureRow, LabelRow};

/// Copies of one teacher that label row groups side by side, one thread each.
///
/// Not one teacher with many threads: its matrices are small, so that threads which share a product mostly wait for each
/// other, and burn a core at it where other programs want one too.
pub(crate) struct Lanes {
    teachers: Vec<Teacher>,
}

impl Lanes {
    /// Loads the teacher `count` times; 0 counts as 1.
    pub(crate) async fn load(
        count: usize,
        location: &str,
        features: &FeatureManifest,
        features_location: &str,
        device: Device,
    ) -> Result<Self, Error> {
        let mut teachers = Vec::new();
        for _ in 0..count.max(1) {
            teachers.push(Teacher::load(location, features, features_location, device).await?);
        }
        Ok(Self { teachers })
    }

    /// How many row groups are labeled at a time.
    pub(crate) fn len(&self) -> usize {
        self.teachers.len()
    }

    /// The model's outputs.
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

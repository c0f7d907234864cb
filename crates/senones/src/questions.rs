//! Sets of phones that nodes of the tree may ask for.

use crate::bits::Bits;
use crate::{Error, Gaussian, Scheme, Statistics, divisions};
use std::collections::{BTreeMap, BTreeSet};
use stentor_inventory::PhoneId;

/// Sets of phones, each once, in order.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Questions {
    sets: BTreeSet<Bits>,
}

impl Questions {
    /// Questions for each phone by itself and, from the data, for phones that sound alike: the clusters of phones by the frames
    /// of each state of the topology, and by all frames, from the bottom up ([`clusters`]) and from the top down
    /// ([`divisions`]). A cluster that one of them misses is often found by the other.
    ///
    /// # Errors
    /// [`Error::VarianceFloor`].
    pub fn from_data(statistics: &Statistics, scheme: &Scheme, variance_floor: f64) -> Result<Self, Error> {
        check_floor(variance_floor)?;
        let mut questions = Self::default();
        scheme.phones.ids().for_each(|phone| questions.add([phone]));
        for state in (0..scheme.topology.states()).map(Some).chain([None]) {
            let phones = statistics.of_phones(state);
            let sets =
                clusters(&phones, variance_floor).into_iter().chain(divisions(&phones, variance_floor));
            sets.for_each(|set| questions.add(set));
        }
        Ok(questions)
    }

    /// Adds a set of phones, such as the nasals. A set that is there already, or empty, changes nothing.
    pub fn add(&mut self, phones: impl IntoIterator<Item = PhoneId>) {
        let set: Bits = phones.into_iter().map(PhoneId::number).collect();
        if set != Bits::default() {
            self.sets.insert(set);
        }
    }

    /// Number of sets.
    #[must_use]
    pub fn len(&self) -> usize {
        self.sets.len()
    }

    /// Whether there is no set.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.sets.is_empty()
    }

    /// All sets of phones in order.
    pub fn sets(&self) -> impl Iterator<Item = Vec<PhoneId>> {
        self.sets.iter().map(|set| set.numbers().map(PhoneId::new).collect())
    }

    pub(crate) fn bits(&self) -> impl Iterator<Item = &Bits> {
        self.sets.iter()
    }
}

pub(crate) fn check_floor(variance_floor: f64) -> Result<(), Error> {
    match variance_floor > 0.0 && variance_floor.is_finite() {
        true => Ok(()),
        false => Err(Error::VarianceFloor { found: variance_floor }),
    }
}

/// Clusters of phones from the bottom up: the two whose union loses least log likelihood become one, until two are left. Each
/// cluster that ever stood is returned, the pairs first; of two unions that lose the same the one of lower phones is made first.
#[must_use]
pub fn clusters(phones: &BTreeMap<PhoneId, Gaussian>, variance_floor: f64) -> Vec<BTreeSet<PhoneId>> {
    struct Cluster {
        phones: BTreeSet<PhoneId>,
        gaussian: Gaussian,
        likelihood: f64,
    }
    let cluster = |phones, gaussian: Gaussian| {
        let likelihood = gaussian.log_likelihood(variance_floor);
        Cluster { phones, gaussian, likelihood }
    };
    let union = |a: &Cluster, b: &Cluster| {
        let mut gaussian = a.gaussian.clone();
        gaussian.merge(&b.gaussian);
        cluster(&a.phones | &b.phones, gaussian)
    };
    let loss = |a: &Cluster, b: &Cluster| a.likelihood + b.likelihood - union(a, b).likelihood;
    let mut standing: BTreeMap<usize, Cluster> = BTreeMap::new();
    for (place, (&phone, gaussian)) in
        phones.iter().filter(|(_, gaussian)| gaussian.count() > 0.0).enumerate()
    {
        standing.insert(place, cluster(BTreeSet::from([phone]), gaussian.clone()));
    }
    let mut losses: BTreeMap<(usize, usize), f64> = BTreeMap::new();
    for (&a, left) in &standing {
        losses.extend(standing.range(a + 1..).map(|(&b, right)| ((a, b), loss(left, right))));
    }
    let mut made = Vec::new();
    while standing.len() > 2 {
        let least = losses.iter().min_by(|a, b| a.1.total_cmp(b.1).then(a.0.cmp(b.0)));
        let Some((&(a, b), _)) = least else { break };
        let (Some(left), Some(right)) = (standing.remove(&a), standing.remove(&b)) else { break };
        losses.retain(|&(x, y), _| x != a && x != b && y != a && y != b);
        let both = union(&left, &right);
        made.push(both.phones.clone());
        // The union takes the lower place, so that ties stay in the order of phones.
        losses.extend(
            standing.iter().map(|(&other, cluster)| ((a.min(other), a.max(other)), loss(&both, cluster))),
        );
        standing.insert(a, both);
    }
    made
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(value: f32) -> Gaussian {
        let mut gaussian = Gaussian::new(1);
        [-0.1, 0.0, 0.1].into_iter().for_each(|noise| gaussian.add_frame(&[value + noise]));
        gaussian
    }

    #[test]
    fn phones_that_sound_alike_are_asked_for_together() {
        let values = [0.0, 10.0, 0.3, 11.0, 0.9, 50.0];
        let phones: BTreeMap<PhoneId, Gaussian> =
            (0u16..).map(PhoneId::new).zip(values.into_iter().map(at)).collect();
        let made: Vec<Vec<u16>> =
            clusters(&phones, 0.01).iter().map(|set| set.iter().map(|id| id.number()).collect()).collect();
        assert_eq!(made, [vec![0, 2], vec![0, 2, 4], vec![1, 3], vec![0, 1, 2, 3, 4]]);
    }

    #[test]
    fn a_set_of_phones_is_a_question_once() {
        let mut questions = Questions::default();
        let ids = |numbers: &[u16]| numbers.iter().map(|&number| PhoneId::new(number)).collect::<Vec<_>>();
        questions.add(ids(&[3, 70]));
        questions.add(ids(&[70, 3]));
        questions.add(ids(&[]));
        assert_eq!(questions.sets().collect::<Vec<_>>(), [ids(&[3, 70])]);
    }
}

//! Assigns groups to sets. Groups are never split, fractions are of time, and the same seed gives the same split
//! whatever the order of the corpus's files.

use super::random::Random;
use super::set::{Fractions, Set};
use crate::Error;
use std::collections::{BTreeMap, BTreeSet};
use stentor_audio::Micros;

/// Properties of an utterance that the split depends on.
#[derive(Debug, Clone)]
pub(crate) struct Candidate<'a> {
    pub(crate) group: &'a str,
    pub(crate) duration: Micros,
    pub(crate) has_text: bool,
}

#[derive(Debug, Clone, PartialEq)]
pub(crate) struct Split {
    /// The set of each candidate; `None` if it is not used.
    pub(crate) sets: Vec<Option<Set>>,
    /// The groups of each set. A group with and without texts may be in both annotated and unannotated.
    pub(crate) groups: BTreeMap<Set, BTreeSet<String>>,
    /// Utterances without text in test or dev groups. They are left out, because in the unannotated set they would put
    /// speech of a held-out group into training.
    pub(crate) held_out_without_text: Vec<(usize, Set)>,
    /// Factor by which annotated and test were scaled down because there are too few texts; 1 if they were not.
    pub(crate) scale: f64,
}

impl Split {
    /// Time of a set.
    pub(crate) fn time(&self, set: Set, candidates: &[Candidate<'_>]) -> Micros {
        self.sets.iter().zip(candidates).filter(|(s, _)| **s == Some(set)).map(|(_, c)| c.duration).sum()
    }

    /// Puts every unannotated utterance with a text into the annotated set. What is held out stays as it is, so that a model of
    /// this split can be compared with one of the split before.
    pub(crate) fn annotate_all(&mut self, candidates: &[Candidate<'_>]) {
        self.groups.clear();
        for (set, candidate) in self.sets.iter_mut().zip(candidates) {
            if *set == Some(Set::Unannotated) && candidate.has_text {
                *set = Some(Set::Annotated);
            }
            if let Some(set) = set {
                self.groups.entry(*set).or_default().insert(candidate.group.to_owned());
            }
        }
    }

    /// Whether annotated and test are between half and one and a half times the requested size.
    pub(crate) fn is_close(&self, fractions: &Fractions, candidates: &[Candidate<'_>]) -> bool {
        let total: Micros = candidates.iter().map(|c| c.duration).sum();
        let close = |time: Micros, wanted: f64| {
            let wanted = wanted * self.scale * total as f64;
            wanted == 0.0 || (0.5..=1.5).contains(&(time as f64 / wanted))
        };
        let [annotated, dev, test] =
            [Set::Annotated, Set::Dev, Set::Test].map(|set| self.time(set, candidates));
        close(annotated + dev, fractions.annotated)
            && close(test, fractions.test)
            && (fractions.dev == 0.0 || dev > 0 && dev <= annotated)
    }
}

/// Time of a group: total, and of the utterances with texts.
struct Group<'a> {
    name: &'a str,
    texted: Micros,
    time: Micros,
}

/// Assigns groups to sets. Test is drawn first, so that it does not change when `annotated` changes.
///
/// # Errors
/// If nothing is left to be annotated.
pub(crate) fn split(candidates: &[Candidate<'_>], fractions: &Fractions, seed: u64) -> Result<Split, Error> {
    let mut by_name: BTreeMap<&str, Group<'_>> = BTreeMap::new();
    for c in candidates {
        let group = by_name.entry(c.group).or_insert(Group { name: c.group, texted: 0, time: 0 });
        group.time += c.duration;
        group.texted += if c.has_text { c.duration } else { 0 };
    }
    let total: Micros = by_name.values().map(|g| g.time).sum();
    let texted: Micros = by_name.values().map(|g| g.texted).sum();
    let wanted = (fractions.annotated + fractions.test) * total as f64;
    let scale = if wanted > texted as f64 { texted as f64 / wanted } else { 1.0 };
    let target = |fraction: f64| fraction * scale * total as f64;

    let mut groups: Vec<Group<'_>> = by_name.into_values().collect();
    Random::new(seed, 1).shuffle(&mut groups);
    let (mut texted, untexted): (Vec<_>, Vec<_>) = groups.into_iter().partition(|g| g.texted > 0);
    let test = take(&mut texted, target(fractions.test), 1, |g| g.texted);
    let mut annotated = take(&mut texted, target(fractions.annotated), 0, |g| g.texted);
    if annotated.is_empty() {
        return Err(Error::NothingToAnnotate { texted: texted.len() + test.len(), in_test: test.len() });
    }
    let annotated_time: Micros = annotated.iter().map(|g| g.texted).sum();
    let dev = take(&mut annotated, fractions.dev * annotated_time as f64, 1, |g| g.texted);
    let mut rest: Vec<Group<'_>> = texted.into_iter().chain(untexted).collect();
    Random::new(seed, 2).shuffle(&mut rest);
    let unannotated = match fractions.unannotated {
        Some(fraction) => take(&mut rest, fraction * total as f64, 0, |g| g.time),
        None => rest,
    };

    let dealt =
        [(Set::Annotated, annotated), (Set::Dev, dev), (Set::Test, test), (Set::Unannotated, unannotated)];
    let of_group: BTreeMap<&str, Set> =
        dealt.iter().flat_map(|(set, groups)| groups.iter().map(|g| (g.name, *set))).collect();
    let mut split =
        Split { sets: Vec::new(), groups: BTreeMap::new(), held_out_without_text: Vec::new(), scale };
    for (i, c) in candidates.iter().enumerate() {
        let set = match of_group.get(c.group) {
            Some(Set::Annotated) if !c.has_text => Some(Set::Unannotated),
            Some(set @ (Set::Dev | Set::Test)) if !c.has_text => {
                split.held_out_without_text.push((i, *set));
                None
            }
            other => other.copied(),
        };
        if let Some(set) = set {
            split.groups.entry(set).or_default().insert(c.group.to_owned());
        }
        split.sets.push(set);
    }
    Ok(split)
}

/// Moves groups out of `groups`, in order, as long as each one brings the sum closer to `target`; at least the smallest
/// one. At least `keep` groups remain.
fn take<'a>(
    groups: &mut Vec<Group<'a>>,
    target: f64,
    keep: usize,
    time: impl Fn(&Group<'_>) -> Micros,
) -> Vec<Group<'a>> {
    if target <= 0.0 || groups.len() <= keep {
        return Vec::new();
    }
    let (mut sum, mut left) = (0.0, groups.len());
    let closer = |g: &mut Group<'_>| {
        let own = time(g) as f64;
        let helps = left > keep && sum + own / 2.0 <= target;
        if helps {
            sum += own;
            left -= 1;
        }
        helps
    };
    let taken: Vec<Group<'a>> = groups.extract_if(.., closer).collect();
    if !taken.is_empty() {
        return taken;
    }
    let smallest = (0..groups.len()).min_by_key(|&i| time(&groups[i]));
    smallest.map(|i| groups.remove(i)).into_iter().collect()
}

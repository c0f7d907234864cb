use super::random::mix;
use std::collections::{BTreeMap, BTreeSet};
use stentor_checkpoint::{Action, Retained, Standing, checkpoint_age, retention};
use stentor_exchange::strategy::Shared;
use stentor_rounds::{Event, Publication, Saved, Written};
use stentor_scores::Scores;

/// The object store, which survives every process.
#[derive(Debug, Default)]
pub(super) struct Store {
    /// Objects of each checkpoint's folder.
    objects: BTreeMap<String, BTreeMap<String, Object>>,
    manifests: BTreeMap<String, Manifest>,
    /// Segments of the event log, by incarnation and number.
    log: BTreeMap<(u64, u64), Vec<Event>>,
}

/// The objects that a member writes at a boundary.
#[derive(Debug, Clone, PartialEq)]
pub(super) enum Object {
    /// The parameters to deploy.
    Model(Vec<f32>),
    /// The other state that is the same on all replicas.
    Shared(Shared),
    /// A worker's own residuals, by name.
    Own(BTreeMap<String, Vec<f32>>),
}

#[derive(Debug)]
struct Manifest {
    objects: Vec<Written>,
    saved: Saved,
    dev: Option<Scores>,
}

impl Object {
    pub(super) fn written(&self, name: &str) -> Written {
        let bits_of = |value: &f32| u64::from(value.to_bits());
        let bits: Vec<u64> = match self {
            Object::Model(values) => values.iter().map(bits_of).collect(),
            Object::Shared(Shared { vectors, numbers }) => {
                let vectors = vectors.values().flatten().map(bits_of);
                vectors.chain(numbers.values().map(|number| number.to_bits())).collect()
            }
            Object::Own(kept) => kept.values().flatten().map(bits_of).collect(),
        };
        let digest = bits.iter().fold(1, |digest, bits| mix(digest ^ bits));
        Written { name: name.to_owned(), bytes: 8 * bits.len() as u64, digest, blake3: None }
    }
}

impl Store {
    pub(super) fn put(&mut self, checkpoint: &str, name: &str, object: Object) {
        self.objects.entry(checkpoint.to_owned()).or_default().insert(name.to_owned(), object);
    }

    pub(super) fn object(&self, checkpoint: &str, name: &str) -> Option<&Object> {
        self.objects.get(checkpoint)?.get(name)
    }

    pub(super) fn put_segment(&mut self, incarnation: u64, segment: u64, events: Vec<Event>) {
        self.log.insert((incarnation, segment), events);
    }

    /// The whole event log, in the order of its segments' names.
    pub(super) fn log(&self) -> impl Iterator<Item = &Event> + Clone {
        self.log.values().flatten()
    }

    /// A published manifest never changes: the second of its name is refused.
    pub(super) fn publish(&mut self, publication: &Publication) {
        let Publication { name, objects, saved, dev, .. } = publication.clone();
        let dev = dev.as_ref().map(Scores::of);
        self.manifests.entry(name).or_insert(Manifest { objects, saved, dev });
    }

    /// Deletes what is no longer kept, as the real publisher does.
    pub(super) fn retain(&mut self, keep: usize, needed: &BTreeSet<String>) {
        let folders: Vec<Retained> = self
            .objects
            .keys()
            .filter_map(|name| {
                let (lineage, round) = checkpoint_age(name)?;
                let standing = match self.manifests.get(name) {
                    Some(manifest) => Standing::Published { lineage, round, dev: manifest.dev },
                    None => Standing::Unpublished,
                };
                Some(Retained { name: name.clone(), standing })
            })
            .collect();
        for Action::Delete(name) in retention(&folders, keep, needed) {
            self.manifests.remove(&name);
            self.objects.remove(&name);
        }
    }

    /// The newest checkpoint that loads, as a new incarnation looks for it.
    pub(super) fn newest(&self) -> Option<(String, Saved)> {
        let (name, manifest) = self.manifests.iter().rev().find(|(name, _)| self.loads(name).is_ok())?;
        let mut saved = manifest.saved.clone();
        if saved.best.as_ref().is_some_and(|(best, _)| self.loads(best).is_err()) {
            saved.forget_best();
        }
        Some((name.clone(), saved))
    }

    /// The newest manifest's name.
    pub(super) fn newest_name(&self) -> Option<&String> {
        self.manifests.keys().next_back()
    }

    pub(super) fn is_published(&self, name: &str) -> bool {
        self.manifests.contains_key(name)
    }

    /// Checks that a checkpoint has a manifest and all of its objects; the error says what is missing.
    pub(super) fn loads(&self, name: &str) -> Result<(), String> {
        let manifest =
            self.manifests.get(name).ok_or_else(|| format!("checkpoint `{name}` has no manifest"))?;
        for expected in &manifest.objects {
            let object = &expected.name;
            let found = self.object(name, object).map(|found| found.written(object));
            if found.as_ref() != Some(expected) {
                return Err(format!(
                    "`{object}` of checkpoint `{name}`: expected {expected:?}, found {found:?}"
                ));
            }
        }
        Ok(())
    }

    /// Names of a checkpoint's objects, as its manifest lists them.
    pub(super) fn listed(&self, name: &str) -> impl Iterator<Item = &str> {
        self.manifests.get(name).into_iter().flat_map(|m| &m.objects).map(|object| object.name.as_str())
    }
}

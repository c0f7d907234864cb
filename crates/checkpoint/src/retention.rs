use crate::layout::checkpoint_age;
use std::collections::BTreeSet;
use stentor_scores::Scores;

/// A folder among a run's checkpoints; the input of [`retention`].
#[derive(Debug, Clone, PartialEq)]
pub struct Retained {
    /// Its name.
    pub name: String,
    /// Its state.
    pub standing: Standing,
}

/// The state of a folder among the checkpoints.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Standing {
    /// A checkpoint.
    Published {
        /// Lineage in the manifest.
        lineage: u64,
        /// Round in the manifest.
        round: u64,
        /// Scores on the dev data, if they were measured.
        dev: Option<Scores>,
    },
    /// The checkpoint named by `final.json`; it is never deleted.
    Deployed,
    /// A folder whose manifest cannot be read. It is left unchanged, so that a person can examine it.
    Damaged,
    /// A folder without a manifest: being written, or abandoned.
    Unpublished,
}

/// What to do with a checkpoint.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Delete the folder with this name. Its manifest is deleted first, so that an interrupted deletion leaves an
    /// abandoned folder and not a damaged checkpoint.
    Delete(String),
}

/// What to delete so that the newest `keep` (at least 1) checkpoints remain, and those in `needed`. Only the run knows
/// which one it would fall back to, and which is the best: a checkpoint with a better score may have become void.
/// Folders without a manifest are abandoned, and deleted, if they are older than all of the newest `keep`; a newer one
/// may still be written.
#[must_use]
pub fn retention(folders: &[Retained], keep: usize, needed: &BTreeSet<String>) -> Vec<Action> {
    let mut published: Vec<_> = folders
        .iter()
        .filter_map(|folder| match folder.standing {
            Standing::Published { lineage, round, .. } => Some(((lineage, round), folder.name.as_str())),
            _ => None,
        })
        .collect();
    published.sort_by(|a, b| b.cmp(a));
    let newest = &published[..published.len().min(keep.max(1))];
    let kept: BTreeSet<&str> =
        newest.iter().map(|(_, name)| *name).chain(needed.iter().map(String::as_str)).collect();
    let oldest_of_newest = newest.last().map(|(age, _)| *age);
    let goes = |folder: &&Retained| match folder.standing {
        Standing::Published { .. } => !kept.contains(folder.name.as_str()),
        Standing::Deployed | Standing::Damaged => false,
        Standing::Unpublished => {
            checkpoint_age(&folder.name).zip(oldest_of_newest).is_some_and(|(age, oldest)| age < oldest)
        }
    };
    folders.iter().filter(goes).map(|folder| Action::Delete(folder.name.clone())).collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::checkpoint_name;
    use proptest::prelude::*;
    use stentor_scores::FRAME_ERROR;

    fn published(lineage: u64, round: u64, dev: Option<f64>) -> Retained {
        let dev = dev.map(|error| Scores::default().with(FRAME_ERROR, error));
        Retained {
            name: checkpoint_name(lineage, round),
            standing: Standing::Published { lineage, round, dev },
        }
    }

    fn other(lineage: u64, round: u64, standing: Standing) -> Retained {
        Retained { name: checkpoint_name(lineage, round), standing }
    }

    fn deleted(folders: &[Retained], keep: usize) -> Vec<(u64, u64)> {
        deleted_but(folders, keep, &[])
    }

    fn deleted_but(folders: &[Retained], keep: usize, needed: &[(u64, u64)]) -> Vec<(u64, u64)> {
        let needed = needed.iter().map(|(lineage, round)| checkpoint_name(*lineage, *round)).collect();
        retention(folders, keep, &needed)
            .iter()
            .map(|Action::Delete(name)| checkpoint_age(name).unwrap())
            .collect()
    }

    #[test]
    fn the_newest_and_those_that_are_needed_stay() {
        let folders = [
            published(0, 10, Some(50.0)),
            published(0, 20, Some(40.0)),
            published(0, 30, Some(45.0)),
            published(0, 40, Some(46.0)),
            published(0, 50, Some(47.0)),
        ];
        assert_eq!(deleted_but(&folders, 2, &[(0, 20)]), [(0, 10), (0, 30)]);
        assert_eq!(deleted_but(&folders, 1, &[(0, 20), (0, 50)]), [(0, 10), (0, 30), (0, 40)]);
        assert_eq!(deleted(&folders, 1), [(0, 10), (0, 20), (0, 30), (0, 40)], "a score alone keeps none");
        assert_eq!(deleted(&folders, 9), []);
        assert_eq!(deleted(&[], 2), []);
    }

    #[test]
    fn the_newest_stays_even_where_none_should() {
        assert_eq!(deleted(&[published(0, 1, None), published(0, 2, None)], 0), [(0, 1)]);
    }

    #[test]
    fn a_later_lineage_is_newer_whatever_its_round() {
        let folders = [published(0, 90, None), published(1, 40, None)];
        assert_eq!(deleted(&folders, 1), [(0, 90)]);
    }

    #[test]
    fn abandoned_folders_go_and_those_in_the_making_stay() {
        let folders = [
            other(0, 5, Standing::Unpublished),
            published(0, 10, None),
            other(0, 15, Standing::Unpublished),
            published(0, 20, None),
            other(0, 25, Standing::Unpublished),
            Retained { name: "by-hand".into(), standing: Standing::Unpublished },
        ];
        assert_eq!(deleted(&folders, 2), [(0, 5)]);
        assert_eq!(deleted(&folders, 1), [(0, 5), (0, 10), (0, 15)]);
        assert_eq!(deleted(&folders[..1], 1), [], "nothing is published yet");
    }

    #[test]
    fn what_is_deployed_or_damaged_is_left_alone() {
        let folders = [
            other(0, 1, Standing::Deployed),
            other(0, 2, Standing::Damaged),
            published(0, 3, None),
            published(0, 4, None),
        ];
        assert_eq!(deleted(&folders, 1), [(0, 3)]);
    }

    proptest! {
        #[test]
        fn whatever_there_is_the_newest_remain_and_a_second_look_finds_nothing(
            folders in prop::collection::vec((0_u64..3, 0_u64..50, prop::option::of(0.0_f64..100.0), 0_u8..4), 0..30),
            keep in 0_usize..5,
            needed in prop::collection::btree_set((0_u64..3, 0_u64..50), 0..3),
        ) {
            let needed: BTreeSet<String> = needed.into_iter().map(|(l, r)| checkpoint_name(l, r)).collect();
            let mut folders: Vec<Retained> = folders.into_iter().map(|(lineage, round, dev, kind)| match kind {
                0 | 1 => published(lineage, round, dev),
                2 => other(lineage, round, Standing::Unpublished),
                _ => other(lineage, round, Standing::Damaged),
            }).collect();
            folders.sort_by(|a, b| a.name.cmp(&b.name));
            folders.dedup_by(|a, b| a.name == b.name);
            let gone: BTreeSet<String> =
                retention(&folders, keep, &needed).into_iter().map(|Action::Delete(name)| name).collect();
            let is_published = |f: &&Retained| matches!(f.standing, Standing::Published { .. });
            let newest: Vec<_> = folders.iter().rev().filter(is_published).take(keep.max(1)).collect();
            prop_assert!(newest.iter().all(|f| !gone.contains(&f.name)));
            let is_gone = |name: &String| gone.contains(name) && folders.iter().any(|f| f.name == *name && is_published(&f));
            prop_assert!(!needed.iter().any(is_gone));
            folders.retain(|f| !gone.contains(&f.name));
            prop_assert!(folders.iter().filter(is_published).count() <= keep.max(1) + needed.len());
            prop_assert_eq!(retention(&folders, keep, &needed), vec![]);
        }
    }
}

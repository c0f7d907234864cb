//! The split of a corpus: its criterion, which groups are kept together, and the consequences for the test.

use super::headers::Headers;
use super::identical::Identical;
use super::left_out::{LeftOut, Named, Reason};
use super::set::{Set, SplitBy};
use super::split::{Candidate, Split, split};
use crate::{Error, Options};
use serde_json::json;
use std::collections::{BTreeMap, BTreeSet, HashSet};
use stentor_audio::{DataDirectory, Extent, Micros, Utterance};

/// The assignment of utterances to sets, and its reasons.
#[derive(Debug)]
pub(crate) struct Dealt {
    pub(crate) by: SplitBy,
    pub(crate) split: Split,
    /// Utterances without a group, each of which forms its own group.
    pub(crate) alone: Named,
}

/// Assigns utterances to sets: by the requested criterion; otherwise by group if there are groups, by speaker if all
/// are known and the result is close to the requested fractions, and otherwise one by one. `bad` has the recordings without
/// headers, and why.
///
/// # Errors
/// If there are too few texts, or if the request cannot be met.
pub(crate) fn deal(
    options: &Options,
    data: &DataDirectory,
    headers: &Headers,
    identical: &Identical,
    bad: &BTreeMap<String, String>,
    left_out: &mut LeftOut,
) -> Result<Dealt, Error> {
    let mut durations: Vec<Option<Micros>> = data.utterances.iter().map(|u| headers.duration(u)).collect();
    for (utterance, duration) in data.utterances.iter().zip(&mut durations) {
        if duration.is_none() {
            let recording = &data.recordings[utterance.recording].id;
            let reason = bad.get(recording).map_or("", String::as_str);
            left_out.add(Reason::BadRecording, None, &utterance.id, reason);
        }
        // Nothing would remain of such an utterance, and a set of them would only look like a set.
        if let (Extent::Segment { .. }, Some(0)) = (utterance.extent, *duration) {
            let beyond = headers.beyond(utterance, data);
            tracing::warn!("left out: {}: {beyond}", utterance.id);
            left_out.add(Reason::BeyondRecording, None, &utterance.id, &beyond);
            *duration = None;
        }
    }
    let attempt = |by| attempt(options, data, &durations, identical, by);
    let unknown = |by: SplitBy| data.utterances.iter().filter(move |u| by.name(u).is_none()).count();
    let named = |by: SplitBy| unknown(by) < data.utterances.len() && by != SplitBy::Utterance;
    let (by, (split, close)) = match options.split_by {
        Some(by) => {
            refuse_missing(data, by)?;
            let (split, close) = attempt(by)?;
            refuse_empty(options, &split, by)?;
            (by, (split, close))
        }
        None if named(SplitBy::Group) => (SplitBy::Group, attempt(SplitBy::Group)?),
        None => match (unknown(SplitBy::Speaker) == 0).then(|| attempt(SplitBy::Speaker)) {
            Some(Ok((split, true))) => (SplitBy::Speaker, (split, true)),
            _ => (SplitBy::Utterance, attempt(SplitBy::Utterance)?),
        },
    };
    let mut alone = Named::default();
    let asked = if by == SplitBy::Utterance { SplitBy::Speaker } else { by };
    if named(asked) {
        data.utterances.iter().filter(|u| asked.name(u).is_none()).for_each(|u| alone.add(&u.id));
    }
    if alone.count > 0 {
        tracing::warn!(
            utterances = alone.count, examples = ?alone.examples,
            "utterances without a {asked}: the split is by {by}, and each of them forms its own group"
        );
    }
    if split.scale < 1.0 {
        tracing::warn!(scale = split.scale, "too few texts: annotated and test are scaled down");
    }
    if !close {
        tracing::warn!("the sets differ from the requested fractions because the groups are few or large");
    }
    for (set, _) in missing(options, &split) {
        let with_texts = if set.is_held_out() { " with texts" } else { "" };
        tracing::warn!("there is no {set} set because the groups{with_texts} are too few or too large");
    }
    Ok(Dealt { by, split, alone })
}

/// A split, and whether it is close to the requested fractions.
fn attempt(
    options: &Options,
    data: &DataDirectory,
    durations: &[Option<Micros>],
    identical: &Identical,
    by: SplitBy,
) -> Result<(Split, bool), Error> {
    let names: Vec<String> = data.utterances.iter().map(|u| by.name(u).unwrap_or(&u.id).to_owned()).collect();
    let joined = identical.join(data, &names);
    let usable: Vec<(usize, Micros)> =
        durations.iter().enumerate().filter_map(|(i, d)| d.map(|duration| (i, duration))).collect();
    let candidate = |&(i, duration): &(usize, Micros)| Candidate {
        group: joined[i],
        duration,
        has_text: data.utterances[i].text.is_some(),
    };
    let candidates: Vec<Candidate<'_>> = usable.iter().map(candidate).collect();
    let mut split = split(&candidates, &options.fractions, options.seed)?;
    let close = split.is_close(&options.fractions, &candidates);
    if options.annotate_all {
        split.annotate_all(&candidates);
    }
    // Maps indices of candidates to indices of the corpus, and back to the groups' own names.
    let mut sets = vec![None; data.utterances.len()];
    split.groups.clear();
    for (&(i, _), &set) in usable.iter().zip(&split.sets) {
        sets[i] = set;
        if let Some(set) = set {
            split.groups.entry(set).or_insert_with(BTreeSet::new).insert(names[i].clone());
        }
    }
    split.sets = sets;
    for (place, _) in &mut split.held_out_without_text {
        *place = usable[*place].0;
    }
    Ok((split, close))
}

fn refuse_missing(data: &DataDirectory, by: SplitBy) -> Result<(), Error> {
    let mut missing = Named::default();
    if by != SplitBy::Utterance {
        data.utterances.iter().filter(|u| by.name(u).is_none()).for_each(|u| missing.add(&u.id));
    }
    if missing.count == 0 {
        return Ok(());
    }
    let table = if by == SplitBy::Group { "utt2group" } else { "utt2spk" };
    Err(Error::Ungrouped { by, table, missing, utterances: data.utterances.len() })
}

fn refuse_empty(options: &Options, split: &Split, by: SplitBy) -> Result<(), Error> {
    match missing(options, split).next() {
        Some((set, without)) => Err(Error::EmptySet { by, set, without }),
        None => Ok(()),
    }
}

/// The sets that a share was requested for and that have no utterance, each with the option that omits it.
fn missing(options: &Options, split: &Split) -> impl Iterator<Item = (Set, &'static str)> {
    // With `annotate_all`, the unannotated utterances are those without text.
    let unannotated = options.fractions.unannotated.filter(|_| !options.annotate_all).unwrap_or(0.0);
    let wanted = [
        (Set::Test, options.fractions.test, "--test 0"),
        (Set::Dev, options.fractions.dev, "--dev 0"),
        (Set::Unannotated, unannotated, "--unannotated 0"),
    ];
    let is_missing = move |set: Set, fraction: f64| fraction > 0.0 && !split.sets.contains(&Some(set));
    wanted
        .into_iter()
        .filter(move |(set, fraction, _)| is_missing(*set, *fraction))
        .map(|(set, _, without)| (set, without))
}

/// The share of the test time from speakers in the training sets, of the utterances that were written, each with its set. `None`
/// without a test set, and if any utterance of these sets has no speaker: it may be by any of the others.
pub(crate) fn heard_in_training(
    data: &DataDirectory,
    written: &[Option<Set>],
    headers: &Headers,
) -> Option<f64> {
    let members = || data.utterances.iter().zip(written);
    let counts = |set: &Option<Set>| set.is_some_and(|set| set.is_training() || set == Set::Test);
    if members().any(|(utterance, set)| utterance.speaker.is_none() && counts(set)) {
        return None;
    }
    let trained: HashSet<&str> = members()
        .filter(|(_, set)| set.is_some_and(Set::is_training))
        .filter_map(|(utterance, _)| utterance.speaker.as_deref())
        .collect();
    let (mut heard, mut total) = (0, 0);
    for (utterance, _) in members().filter(|(_, set)| **set == Some(Set::Test)) {
        if let (Some(speaker), Some(duration)) = (&utterance.speaker, headers.duration(utterance)) {
            total += duration;
            heard += if trained.contains(speaker.as_str()) { duration } else { 0 };
        }
    }
    (total > 0).then(|| heard as f64 / total as f64)
}

impl SplitBy {
    /// The group that an utterance belongs to.
    pub(crate) fn name(self, utterance: &Utterance) -> Option<&str> {
        match self {
            SplitBy::Group => utterance.group.as_deref(),
            SplitBy::Speaker => utterance.speaker.as_deref(),
            SplitBy::Utterance => Some(&utterance.id),
        }
    }
}

/// The contents of `split.json`: seed, requested and actual shares, and the set of each group.
pub(crate) fn record(
    options: &Options,
    dealt: &Dealt,
    data: &DataDirectory,
    headers: &Headers,
    identical: &Identical,
    heard_in_training: Option<f64>,
) -> serde_json::Value {
    let split = &dealt.split;
    let of = |set: Set| {
        let members = data.utterances.iter().zip(&split.sets).filter(move |(_, s)| **s == Some(set));
        let micros: i64 = members.clone().filter_map(|(u, _)| headers.duration(u)).sum();
        let groups = split.groups.get(&set);
        (set.name(), json!({"utterances": members.count(), "hours": micros as f64 / 3.6e9, "groups": groups}))
    };
    json!({
        "seed": options.seed,
        "by": dealt.by,
        "alone": dealt.alone.count,
        "wanted": options.fractions,
        "scale": split.scale,
        "annotate_all": options.annotate_all,
        "sets": Set::ALL.map(of).into_iter().collect::<BTreeMap<_, _>>(),
        "held_out_without_text": split.held_out_without_text.len(),
        "identical_audio": identical.named(data).examples,
        "test_heard_in_training": heard_in_training,
    })
}

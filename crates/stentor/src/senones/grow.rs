//! `stentor senones grow`.

use super::phones::{Phones, places};
use super::report::Report;
use crate::apart::Files;
use crate::exit::Meaning;
use crate::json_file::JsonFile;
use crate::number::whole;
use crate::out_file::OutFile;
use anyhow::{Context as _, Result, anyhow, bail};
use clap::ValueEnum;
use std::path::PathBuf;
use stentor_inventory::{MAX_SENONES, PhoneId, PhoneTable};
use stentor_runtime::ExitStatus;
use stentor_senones::{Context, Error, Growth, Questions, Roots, Scheme, Statistics, Topology};
use stentor_shards::{FeatureRow, FeatureSet, Normalisation};
use stentor_store::Store;

/// Least variance of a value in a Gaussian; over all frames a value has a variance of 1.
const VARIANCE_FLOOR: f64 = 0.01;

/// Grow a tying tree from annotated speech. It maps each state of each triphone, whether it occurs there or not, to a senone.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// Feature set with alignments, and with phones and words with their times.
    #[arg(long, value_name = "SET")]
    pub(super) features: String,
    /// The tree to write; checked for writability before the work starts.
    #[arg(long, value_name = "FILE")]
    pub(super) out: PathBuf,
    /// Maximum number of senones; the splits with the largest gain are made first.
    #[arg(long, value_name = "N", default_value_t = 3_000, value_parser = whole::<usize>(1..=MAX_SENONES as u64))]
    pub(super) leaves: usize,
    /// Minimum number of frames of each senone that a split makes.
    #[arg(long, value_name = "M", default_value_t = 100, value_parser = whole::<u32>(..))]
    pub(super) min_frames: u32,
    /// States of a phone. A phone may always last a single frame.
    #[arg(long, value_enum, default_value_t = States::FirstThenRest)]
    pub(super) states: States,
    /// How far the context of a phone reaches.
    #[arg(long, value_enum, default_value_t = Neighbours::WithinWords)]
    pub(super) context: Neighbours,
    /// File for the figures; checked for writability before the work starts.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
}

/// The states of every phone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum States {
    /// One for all frames.
    Single,
    /// One for the first frame, and one for all that follow.
    FirstThenRest,
    /// Beginning, middle and end, any of which may be skipped.
    Thirds,
}

/// How far the context of a phone reaches.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(super) enum Neighbours {
    /// To phones of the same word.
    WithinWords,
    /// Also to the words before and after.
    AcrossWords,
}

pub(super) async fn run(arguments: &Args) -> Result<()> {
    let Args { features, out, json, .. } = arguments;
    let files = Files::default().reads("--features", [features]);
    files.writes("--out", [out]).writes("--json", json).check_apart()?;
    let out = OutFile::at(out, "the tree of --out")?;
    let json_file = JsonFile::at(arguments.json.as_deref())?;
    let set = FeatureSet::open(&Store::open(&arguments.features)?).await?;
    let location = set.location().to_owned();
    let Some(normalisation) = &set.manifest().normalisation else {
        bail!("{location} has no means and deviations: name the annotated set of `stentor prepare`");
    };
    let scheme = scheme(&set, arguments).await?;
    let (statistics, utterances) = statistics(&set, &scheme, normalisation).await?;
    let questions = Questions::from_data(&statistics, &scheme, VARIANCE_FLOOR)?;
    let growth = Growth {
        scheme: &scheme,
        roots: Roots::PhoneState,
        leaves: arguments.leaves,
        minimum_count: f64::from(arguments.min_frames),
        minimum_gain: 0.0,
        merge_below: None,
        variance_floor: VARIANCE_FLOOR,
    };
    let grown = match growth.grow(&statistics, &questions) {
        Err(error @ Error::Leaves { .. }) => {
            Err(anyhow!(error).context("--leaves")).meaning(ExitStatus::Config)
        }
        grown => grown.context(location),
    }?;
    out.write(&grown.tree.encode()?)?;
    let report = Report::new(&grown, &statistics, &questions, utterances)?;
    json_file.write(&report)?;
    stentor_runtime::out!("{}", report.text(&arguments.out.display().to_string()));
    Ok(())
}

/// The phones of a set: those of its senones. The boundary is the silence that has most frames.
async fn scheme(set: &FeatureSet, arguments: &Args) -> Result<Scheme> {
    let senones = &set.manifest().senones;
    let phones = PhoneTable::new(senones.phones().map(str::to_owned).collect())?;
    let is_silence = |phone: &PhoneId| {
        let name = phones.name(*phone).unwrap_or_default();
        senones.of_phone(name).iter().filter_map(|id| senones.get(*id)).any(|senone| senone.silence)
    };
    let context_independent: Vec<PhoneId> = phones.ids().filter(is_silence).collect();
    let mut frames = vec![0_u64; phones.len()];
    for (shard, row_group) in places(set.manifest()) {
        for row in set.read(shard, row_group).await? {
            for senone in row.alignment.iter().flatten().filter_map(|id| senones.get(*id)) {
                phones.id(&senone.phone).into_iter().for_each(|phone| frames[phone.index()] += 1);
            }
        }
    }
    // Of phones with equally many frames the first.
    let most = |phone: &&PhoneId| (frames[phone.index()], std::cmp::Reverse(**phone));
    let Some(&boundary) = context_independent.iter().max_by_key(most) else {
        bail!(
            "{}: no phone is silence, which has to stand beside the phones at both ends of an utterance: prepare the corpus \
             with an alignment that has pauses, and name them with `--silence-phones` if need be",
            set.location()
        );
    };
    let topology = match arguments.states {
        States::Single => Topology::Single,
        States::FirstThenRest => Topology::FirstThenRest,
        States::Thirds => Topology::Thirds,
    };
    let context = match arguments.context {
        Neighbours::WithinWords => Context::WithinWords,
        Neighbours::AcrossWords => Context::AcrossWords,
    };
    Ok(Scheme { phones, context_independent, boundary, context, topology })
}

/// The Gaussians of all aligned utterances, and how many utterances these are.
async fn statistics(
    set: &FeatureSet,
    scheme: &Scheme,
    normalisation: &Normalisation,
) -> Result<(Statistics, u64)> {
    let phones = Phones::new(set, scheme)?;
    let mut statistics = Statistics::new(set.manifest().dimension)?;
    let mut utterances = 0;
    for (shard, row_group) in places(set.manifest()) {
        for (row, further) in set.read_with(shard, row_group, phones.columns()).await? {
            let FeatureRow { utterance, features, .. } = &row;
            if let Some(spans) = phones.spans(&row, &further).with_context(|| set.location().to_owned())? {
                let frames = normalisation.apply(features);
                let added = statistics.add_utterance(&spans, scheme, &frames);
                added.with_context(|| format!("{}: utterance `{utterance}`", set.location()))?;
                utterances += 1;
            }
        }
    }
    Ok((statistics, utterances))
}

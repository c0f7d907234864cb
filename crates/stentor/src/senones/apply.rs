//! `stentor senones apply`.

use super::phones::Phones;
use super::read_tree;
use crate::apart::Files;
use crate::json_file::JsonFile;
use crate::text::Text;
use anyhow::{Context as _, Result};
use indicatif::HumanCount;
use serde::Serialize;
use std::collections::BTreeMap;
use std::path::PathBuf;
use stentor_senones::Tree;
use stentor_shards::{FeatureManifest, FeatureRow, FeatureSet, Row, Senones};
use stentor_store::Store;

/// Note of a manifest: the fingerprint of the set that it was made from.
const MADE_FROM: &str = "made_from";

/// Copy a feature set, with the senones of a tying tree. Frames, texts, phones and words stay the same; each frame
/// gets the senone of its phone's state between its neighbours. A set without alignments keeps its files, which get further
/// names if both folders are on one disk.
#[derive(Debug, clap::Args)]
pub(crate) struct Args {
    /// The tree that `stentor senones grow` wrote. A copy is kept beside the set's manifest.
    #[arg(long, value_name = "FILE")]
    pub(super) tree: PathBuf,
    /// Feature set to copy.
    #[arg(long, value_name = "SET")]
    pub(super) features: String,
    /// Folder for the new set.
    #[arg(long, value_name = "SET")]
    pub(super) out: String,
    /// What becomes of an utterance with a phone that the tree does not have, because the speech that it was grown from does
    /// not have it.
    #[arg(long, value_enum, value_name = "WHAT", default_value_t = UnknownPhones::Error)]
    pub(super) unknown_phones: UnknownPhones,
    /// File for the figures; checked for writability before the work starts.
    #[arg(long, value_name = "FILE")]
    pub(super) json: Option<PathBuf>,
}

/// What becomes of utterances with other phones than the tree has.
#[derive(Debug, Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
pub(super) enum UnknownPhones {
    /// The first one is an error.
    Error,
    /// They are left out and counted.
    LeaveOut,
}

pub(super) async fn run(arguments: &Args) -> Result<()> {
    let Args { tree, features, out, json, .. } = arguments;
    let files = Files::default().reads("--tree", [tree]).reads("--features", [features]);
    files.writes("--out", [out]).writes("--json", json).check_apart()?;
    let json_file = JsonFile::at(arguments.json.as_deref())?;
    let tree = read_tree(&arguments.tree)?;
    let set = FeatureSet::open(&Store::open(&arguments.features)?).await?;
    let out = Store::open(&arguments.out)?;
    let figures = apply(&tree, &set, &out, arguments.unknown_phones).await?;
    json_file.write(&figures)?;
    stentor_runtime::out!("{}", figures.text(out.location()));
    Ok(())
}

async fn apply(tree: &Tree, set: &FeatureSet, out: &Store, unknown: UnknownPhones) -> Result<Figures> {
    let senones = Senones { inventory: tree.inventory()?, tree: Some(tree.encode()?.into()) };
    let notes = BTreeMap::from([(MADE_FROM.to_owned(), set.manifest().fingerprint.clone())]);
    if !set.has_alignments().await? {
        let manifest = set.republish_unaligned(out, senones, notes).await?;
        return Ok(Figures::new(&manifest, None));
    }
    let phones = Phones::new(set, tree.scheme())?;
    let mut frames = vec![0_u64; tree.senones()];
    let mut left_out: BTreeMap<String, u64> = BTreeMap::new();
    let align = |row: &FeatureRow, further: &Row| -> Result<_> {
        if let Some(phone) = phones.stranger(row).filter(|_| unknown == UnknownPhones::LeaveOut) {
            *left_out.entry(phone.to_owned()).or_default() += 1;
            return Ok(None);
        }
        let spans = phones.spans(row, further).with_context(|| set.location().to_owned())?;
        let alignment = tree.alignment(&spans.unwrap_or_default())?;
        alignment.iter().for_each(|id| frames[id.index()] += 1);
        Ok(Some(alignment))
    };
    let manifest = set.republish(out, senones, notes, align).await?;
    Ok(Figures { left_out, ..Figures::new(&manifest, Some(&frames)) })
}

/// What `--json` gets.
#[derive(Debug, Serialize)]
struct Figures {
    fingerprint: String,
    tree: Option<String>,
    senones: usize,
    utterances: u64,
    frames: u64,
    /// Frames with a senone.
    aligned_frames: u64,
    /// Senones without a frame; `null` for a set without alignments.
    senones_without_frames: Option<usize>,
    /// Utterances that were left out, by the first of their phones that the tree does not have.
    left_out: BTreeMap<String, u64>,
}

impl Figures {
    /// `frames`: of each senone.
    fn new(manifest: &FeatureManifest, frames: Option<&[u64]>) -> Self {
        Self {
            fingerprint: manifest.fingerprint.clone(),
            tree: manifest.senones.tree().map(str::to_owned),
            senones: manifest.senones.len(),
            utterances: manifest.utterances(),
            frames: manifest.frames(),
            aligned_frames: frames.map_or(0, |frames| frames.iter().sum()),
            senones_without_frames: frames.map(|frames| frames.iter().filter(|frames| **frames == 0).count()),
            left_out: BTreeMap::new(),
        }
    }

    fn text(&self, location: &str) -> String {
        let mut text = Text::default();
        text.heading(format_args!("feature set {location}"));
        text.item("utterances", HumanCount(self.utterances));
        if !self.left_out.is_empty() {
            let phones: Vec<&str> = self.left_out.keys().map(String::as_str).collect();
            let utterances = HumanCount(self.left_out.values().sum());
            text.item(
                "left out",
                format!("{utterances}, with phones that the tree does not have: {}", phones.join(" ")),
            );
        }
        text.item(
            "frames",
            format!("{}, {} aligned", HumanCount(self.frames), HumanCount(self.aligned_frames)),
        );
        let unused = self.senones_without_frames.map_or_else(String::new, |unused| match unused {
            0 => ", each with a frame".to_owned(),
            unused => format!(", {} without a frame", HumanCount(unused as u64)),
        });
        text.item("senones", format!("{}{unused}", HumanCount(self.senones as u64)));
        self.tree.iter().for_each(|tree| text.item("tree", tree));
        text.item("fingerprint", &self.fingerprint);
        text.finish()
    }
}

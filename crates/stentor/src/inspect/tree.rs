use crate::senones::words;
use crate::text::Text;
use anyhow::{Context as _, Result, bail};
use indicatif::HumanCount;
use serde::Serialize;
use stentor_senones::{Context, Error, Topology};
use stentor_shards::FeatureSet;
use stentor_store::Store;

/// What a tying tree is, without its nodes.
#[derive(Debug, Serialize)]
pub(super) struct Summary {
    fingerprint: String,
    senones: usize,
    phones: usize,
    topology: Topology,
    context: Context,
    boundary: String,
    /// Phones whose neighbours do not matter.
    context_independent: Vec<String>,
}

/// A tree's file.
#[derive(Debug, Serialize)]
pub(super) struct Tree {
    location: String,
    #[serde(flatten)]
    summary: Summary,
    #[serde(skip)]
    tree: stentor_senones::Tree,
}

/// The tree of a set; `None` if its senones are of none.
pub(super) async fn of_set(store: &Store) -> Result<Option<Summary>> {
    let set = FeatureSet::open(store).await?;
    let Some(bytes) = set.tree().await? else { return Ok(None) };
    let tree = stentor_senones::Tree::of(&set.manifest().senones, &bytes);
    Ok(Some(Summary::new(&tree.with_context(|| set.location().to_owned())?)?))
}

pub(super) async fn tree(store: &Store, file: &str) -> Result<Tree> {
    let location = format!("{}/{file}", store.location());
    let bytes = store.get(file).await?;
    let tree = match stentor_senones::Tree::decode(&bytes) {
        Err(Error::Damaged { .. }) if !bytes.starts_with(b"{\"blake3\"") => {
            bail!("{location}: expected a shard (.parquet), a tying tree, or a folder");
        }
        tree => tree.with_context(|| location.clone())?,
    };
    Ok(Tree { location, summary: Summary::new(&tree)?, tree })
}

impl Summary {
    fn new(tree: &stentor_senones::Tree) -> Result<Self> {
        let scheme = tree.scheme();
        let name = |phone| scheme.phones.name(phone).unwrap_or_default().to_owned();
        Ok(Self {
            fingerprint: tree.fingerprint()?,
            senones: tree.senones(),
            phones: scheme.phones.len(),
            topology: scheme.topology,
            context: scheme.context,
            boundary: name(scheme.boundary),
            context_independent: scheme.context_independent.iter().map(|&phone| name(phone)).collect(),
        })
    }

    pub(super) fn render(&self, text: &mut Text) {
        text.item("tree", &self.fingerprint);
        text.item("states of a phone", words::topology(self.topology));
        text.item("neighbours", words::neighbours(self.context, &self.boundary));
    }
}

impl Tree {
    /// The figures, and then each root with its questions and senones.
    pub(super) fn render(&self) -> String {
        let mut text = Text::default();
        text.heading(format_args!("tying tree {}", self.location));
        let (senones, phones) = (HumanCount(self.summary.senones as u64), self.summary.phones);
        text.item("senones", format_args!("{senones} of {phones} phones"));
        self.summary.render(&mut text);
        text.item("without context", self.summary.context_independent.join(" "));
        format!("{}\n{}", text.finish(), self.tree)
    }
}

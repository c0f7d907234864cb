use stentor_inventory::MAX_SENONES;
use thiserror::Error;

/// What can be wrong with statistics, with the wish for a tree, or with a tree's file.
#[derive(Debug, Error, Clone, PartialEq)]
pub enum Error {
    /// Frames without values.
    #[error("expected frames of at least one value, found a dimension of 0")]
    NoDimension,
    /// Statistics of frames of different sizes do not add up.
    #[error("expected frames of {expected} values, found {found}: these are features of different settings")]
    Dimension {
        /// Values of a frame so far.
        expected: usize,
        /// Values found.
        found: usize,
    },
    /// Features and alignment are of different length.
    #[error(
        "expected {expected} frames for the phones of this utterance, found {found}: alignment and features do not belong together"
    )]
    Frames {
        /// Frames that the spans cover.
        expected: usize,
        /// Frames found.
        found: usize,
    },
    /// A frame's phone that the utterance's list of phones does not have.
    #[error(
        "frame {frame}: expected a phone that follows in the utterance's list of phones, found `{phone}`: alignment and \
         phones do not belong together"
    )]
    NotSaid {
        /// 0-based frame in the utterance.
        frame: usize,
        /// The frame's phone.
        phone: String,
    },
    /// A boundary that has a context itself.
    #[error("expected silence or noise at the edges of words, found `{phone}`, whose neighbours matter")]
    Boundary {
        /// The phone's name.
        phone: String,
    },
    /// A value that no Gaussian can hold.
    #[error("frame {frame}: value {place} is not a finite number")]
    NotFinite {
        /// 0-based frame in the utterance.
        frame: usize,
        /// 0-based place in the frame.
        place: usize,
    },
    /// A phone beyond the table, or a state beyond the topology.
    #[error(
        "{what} {found} is unknown, there are {limit}: the alignment was made with other phones or states"
    )]
    Unknown {
        /// `phone` or `state`.
        what: &'static str,
        /// The number found.
        found: usize,
        /// How many there are.
        limit: usize,
    },
    /// Nothing to grow a tree from.
    #[error("expected statistics of at least one state, found none: is any utterance aligned?")]
    NoStatistics,
    /// A variance floor that keeps no likelihood finite.
    #[error("expected a variance floor above 0, found {found}")]
    VarianceFloor {
        /// The number given.
        found: f64,
    },
    /// Settings of the growth that make no sense.
    #[error("expected {expected} for `{setting}`, found {found}")]
    Setting {
        /// Name of the setting.
        setting: &'static str,
        /// What it may be.
        expected: &'static str,
        /// The number given.
        found: f64,
    },
    /// Fewer leaves than roots.
    #[error(
        "expected at least {roots} leaves, one for each root, and at most {MAX_SENONES}, found {found}: ask for another \
         number, or share the roots of a phone's states"
    )]
    Leaves {
        /// Number of roots.
        roots: usize,
        /// Leaves asked for.
        found: usize,
    },
    /// The file is not a tree, or is cut off.
    #[error("the tree's file is damaged: {reason}; grow the tree again")]
    Damaged {
        /// What is wrong.
        reason: String,
    },
    /// The file's content is not what was written.
    #[error("the tree's file is damaged: expected the digest {expected}, found {found}; grow the tree again")]
    Digest {
        /// The digest that the file claims.
        expected: String,
        /// The digest of its content.
        found: String,
    },
    /// The tree is not the one that senones are of.
    #[error("expected the tree {expected}, of which the senones are, found {found}: name that tree's file")]
    OtherTree {
        /// The tree that the inventory names.
        expected: String,
        /// The tree found.
        found: String,
    },
    /// Senones that are not of any tree.
    #[error(
        "expected senones of a tree, found {senones} without one: make the set with `stentor senones apply`"
    )]
    Untied {
        /// How many senones there are.
        senones: usize,
    },
    /// The file is of another version of this program.
    #[error(
        "expected a tree of schema version {expected}, found version {found}: read it with the program that wrote it"
    )]
    SchemaVersion {
        /// The version that this program reads.
        expected: u32,
        /// The file's version.
        found: u64,
    },
    /// Senones, phones or their names are in disorder.
    #[error(transparent)]
    Inventory(#[from] stentor_inventory::Error),
}

use object_store::{ObjectStore, path::Path};
use std::sync::Arc;

/// The object store that a location names, and the path in it.
pub(crate) struct Opened {
    pub(crate) objects: Arc<dyn ObjectStore>,
    pub(crate) path: Path,
    pub(crate) is_remote: bool,
}

//! A run with checkpoints in a temporary folder.
#![allow(dead_code, reason = "each test file uses a part of it")]

use stentor_checkpoint::{
    MODEL, Manifest, NamedTensor, Object, TensorFile, checkpoint_name, checkpoint_store, digest, publish,
};
use stentor_store::Store;

pub(crate) struct Run {
    pub(crate) store: Store,
    pub(crate) folder: tempfile::TempDir,
}

impl Run {
    pub(crate) fn new() -> Self {
        let folder = tempfile::tempdir().unwrap();
        Run { store: Store::open(folder.path().to_str().unwrap()).unwrap(), folder }
    }

    /// Writes objects and returns the manifest that would publish them.
    pub(crate) async fn write(&self, lineage: u64, round: u64) -> Manifest {
        let name = checkpoint_name(lineage, round);
        let folder = checkpoint_store(&self.store, &name);
        let mut objects = Vec::new();
        for (object, tensor) in [(MODEL, "weights"), ("state-worker-0.safetensors", "residual")] {
            let values = vec![lineage as f32 + round as f32 / 100.0; 6];
            let mut file = TensorFile::default();
            file.tensors.insert(tensor.into(), NamedTensor { shape: vec![2, 3], values });
            let bytes = file.to_bytes().unwrap();
            objects.push(Object {
                name: object.into(),
                bytes: bytes.len() as u64,
                digest: digest(&bytes),
                blake3: None,
            });
            folder.put(object, bytes).await.unwrap();
        }
        Manifest { name, lineage, round, objects, run_id: "r".into(), ..Manifest::default() }
    }

    pub(crate) async fn publish(&self, lineage: u64, round: u64) -> Manifest {
        let manifest = self.write(lineage, round).await;
        publish(&self.store, &manifest).await.unwrap();
        manifest
    }

    /// The path of an object of a checkpoint.
    pub(crate) fn path(&self, checkpoint: &str, object: &str) -> std::path::PathBuf {
        self.folder.path().join("checkpoints").join(checkpoint).join(object)
    }
}

//! scratch
#![allow(clippy::unwrap_used)]
use std::time::Instant;
use stentor_checkpoint::*;
#[test]
fn measure() {
    let mut f = TensorFile::default();
    for i in 0..24 {
        f.tensors
            .insert(format!("t{i}"), NamedTensor { shape: vec![1_000_000], values: vec![0.5; 1_000_000] });
    }
    for _ in 0..3 {
        let t = Instant::now();
        let b = f.to_bytes().unwrap();
        let w = t.elapsed();
        let t = Instant::now();
        let d = digest(&b);
        let x = t.elapsed();
        let t = Instant::now();
        let g = TensorFile::from_bytes(&b).unwrap();
        let r = t.elapsed();
        assert_eq!(g.tensors.len(), 24);
        eprintln!("write {w:?} digest {x:?} read {r:?} {d}");
    }
}

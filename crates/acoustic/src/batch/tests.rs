use super::*;
use stentor_inventory::SenoneId;

const SIZES: FrameSizes = FrameSizes { inputs: 2, senones: 5, ratio: 1, look_ahead: 0 };

fn hard(numbers: &[u16]) -> Labels<'_> {
    Labels::Hard(SenoneId::of_column(numbers))
}

fn soft<'a>(k: usize, ids: &'a [u16], probabilities: &'a [f32]) -> SoftLabels<'a> {
    SoftLabels { k, ids: SenoneId::of_column(ids), probabilities }
}

fn flat(tensor: &Tensor) -> Vec<f64> {
    Vec::<f64>::try_from(tensor.to_kind(Kind::Double).reshape([-1])).unwrap()
}

#[test]
fn counted_frames_have_labels_and_the_others_are_masked() {
    // One warm-up frame, two counted frames, one look-ahead frame; the second chunk has a single frame.
    let long: Vec<f32> = (1..=8).map(|n| n as f32).collect();
    let both = |hard, soft| Labels::HardAndSoft { hard: SenoneId::of_column(hard), soft };
    let chunks = [
        Chunk {
            features: &long,
            left: 1,
            right: 1,
            labels: both(&[3, 4], soft(2, &[3, 1, 4, 0], &[0.6, 0.3, 0.7, 0.1])),
        },
        Chunk { features: &long[..2], left: 0, right: 0, labels: both(&[2], soft(2, &[2, 0], &[0.9, 0.05])) },
    ];
    let batch = Batch::pack(&chunks, SIZES, Device::Cpu).unwrap();
    assert_eq!((batch.lengths.as_slice(), batch.frames()), (&[4, 1][..], 3));
    assert_eq!(batch.extent, Extent::Chunks);
    assert_eq!(batch.features.size(), [2, 4, 2]);
    assert_eq!(flat(&batch.features)[6..12], [7.0, 8.0, 1.0, 2.0, 0.0, 0.0]);
    assert_eq!(flat(&batch.targets.mask), [0.0, 1.0, 1.0, 0.0, 1.0, 0.0, 0.0, 0.0]);
    let supervision = &batch.targets.supervision;
    assert_eq!(flat(supervision.hard().unwrap()), [0.0, 3.0, 4.0, 0.0, 2.0, 0.0, 0.0, 0.0]);
    let soft = supervision.soft().unwrap();
    assert_eq!(flat(&soft.ids)[..10], [0.0, 0.0, 3.0, 1.0, 4.0, 0.0, 0.0, 0.0, 2.0, 0.0]);
    assert!((flat(&soft.probabilities)[4] - 0.7).abs() < 1e-6);
}

#[test]
fn whole_utterances_have_labels_at_all_frames_and_none_in_the_padding() {
    let features: Vec<f32> = (1..=6).map(|n| n as f32).collect();
    let utterances = [
        Utterance { features: &features[..2], labels: hard(&[4]) },
        Utterance { features: &features, labels: hard(&[1, 2, 3]) },
    ];
    let batch = Batch::pack_utterances(&utterances, SIZES, Device::Cpu).unwrap();
    assert_eq!((batch.lengths.as_slice(), batch.extent), (&[1, 3][..], Extent::Utterances));
    assert_eq!(flat(&batch.targets.mask), [1.0, 0.0, 0.0, 1.0, 1.0, 1.0]);
    assert_eq!(flat(batch.targets.supervision.hard().unwrap()), [4.0, 0.0, 0.0, 1.0, 2.0, 3.0]);
    assert!(batch.targets.supervision.soft().is_none());
}

#[test]
fn with_look_ahead_labels_are_at_the_outputs_that_come_after_it_and_the_last_frame_is_read_again() {
    let features: Vec<f32> = (1..=8).map(|n| n as f32).collect();
    let chunks = [
        // Within an utterance: two frames follow.
        Chunk { features: &features, left: 1, right: 2, labels: hard(&[3]) },
        // At the end of one: none do.
        Chunk { features: &features[..4], left: 0, right: 0, labels: hard(&[1, 2]) },
    ];
    let sizes = FrameSizes { look_ahead: 2, ..SIZES };
    let batch = Batch::pack(&chunks, sizes, Device::Cpu).unwrap();
    assert_eq!((batch.lengths.as_slice(), batch.frames()), (&[4, 4][..], 3));
    assert_eq!(flat(&batch.features)[8..], [1.0, 2.0, 3.0, 4.0, 3.0, 4.0, 3.0, 4.0]);
    assert_eq!(flat(&batch.targets.mask), [0.0, 0.0, 0.0, 1.0, 0.0, 0.0, 1.0, 1.0]);
    assert_eq!(flat(batch.targets.supervision.hard().unwrap()), [0.0, 0.0, 0.0, 3.0, 0.0, 0.0, 1.0, 2.0]);
}

#[test]
fn a_model_of_fewer_output_frames_has_labels_and_mask_at_its_own_rate() {
    // 2 warm-up frames become 1 output frame, and 5 counted frames become 3.
    let sizes = FrameSizes { ratio: 2, ..SIZES };
    let features = [0f32; 14];
    let chunk = Chunk { features: &features, left: 2, right: 0, labels: hard(&[1, 2, 3]) };
    let batch = Batch::pack(&[chunk], sizes, Device::Cpu).unwrap();
    assert_eq!((batch.features.size(), batch.lengths.as_slice()), (vec![1, 7, 2], &[7][..]));
    assert_eq!(flat(&batch.targets.mask), [0.0, 1.0, 1.0, 1.0]);
    assert_eq!(flat(batch.targets.supervision.hard().unwrap()), [0.0, 1.0, 2.0, 3.0]);
    let error = Batch::pack(&[Chunk { left: 1, ..chunk }], sizes, Device::Cpu).unwrap_err();
    assert_eq!(error.to_string(), "context of chunk 0: expected a multiple of 2 frames, found 1");
}

#[test]
fn chunks_with_different_kinds_of_labels_are_rejected() {
    let features = [0f32; 2];
    let chunk = |labels| Chunk { features: &features, left: 0, right: 0, labels };
    let chunks = [chunk(hard(&[1])), chunk(Labels::Soft(soft(1, &[1], &[0.5])))];
    let error = Batch::pack(&chunks, SIZES, Device::Cpu).unwrap_err();
    assert!(matches!(error, Error::MixedSupervision { chunk: 1, .. }), "{error}");
    let expected =
        "chunk 1 has soft labels, and the chunks before it have hard labels: a batch has labels of one kind";
    assert_eq!(error.to_string(), expected);
    let chunks =
        [chunk(Labels::Soft(soft(1, &[1], &[0.5]))), chunk(Labels::Soft(soft(2, &[1, 2], &[0.5, 0.5])))];
    let error = Batch::pack(&chunks, SIZES, Device::Cpu).unwrap_err().to_string();
    assert_eq!(error, "senones kept in a frame of chunk 1: expected 1, found 2");
}

#[test]
fn slices_that_disagree_are_errors_that_name_the_chunk() {
    let features = [0f32; 6];
    let good = Chunk { features: &features, left: 1, right: 0, labels: hard(&[1, 2]) };
    let soft = |k, ids, probabilities| Labels::Soft(soft(k, ids, probabilities));
    let bad = [
        (Chunk { features: &features[..5], ..good }, "features of chunk 1"),
        (Chunk { left: 2, right: 1, ..good }, "frames of chunk 1"),
        (Chunk { left: usize::MAX, right: 1, ..good }, "frames of chunk 1"),
        (Chunk { labels: hard(&[1]), ..good }, "hard labels of chunk 1"),
        (Chunk { labels: hard(&[1, 5]), ..good }, "label 5 of chunk 1"),
        (Chunk { labels: soft(0, &[], &[]), ..good }, "kept in a frame of chunk 1"),
        (Chunk { labels: soft(6, &[], &[]), ..good }, "kept in a frame of chunk 1"),
        (Chunk { labels: soft(1, &[1], &[0.5, 0.5]), ..good }, "soft labels of chunk 1"),
        (Chunk { labels: soft(1, &[1, 2], &[0.5]), ..good }, "probabilities of chunk 1"),
    ];
    for (chunk, expected) in bad {
        let error = Batch::pack(&[good, chunk], SIZES, Device::Cpu).unwrap_err().to_string();
        assert!(error.contains(expected), "expected `{expected}` in `{error}`");
    }
    let nothing = Batch::pack(&[], SIZES, Device::Cpu).unwrap_err();
    assert_eq!(nothing.to_string(), "batch: expected at least 1 chunk, found 0");
    let wild = Chunk { labels: soft(1, &[1, 9], &[0.5, 0.5]), ..good };
    let error = Batch::pack(&[wild], SIZES, Device::Cpu).unwrap_err();
    assert!(matches!(error, Error::Label { found, .. } if found == SenoneId::new(9)), "{error}");
}

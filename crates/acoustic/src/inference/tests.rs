use super::*;
use crate::batch::{Batch, Chunk, Labels};
use crate::families::{build, load};
use crate::gradient::{Conditions, mean_gradient};
use crate::lstm::values_per_frame;
use crate::objective::HardLabels;
use crate::parameters::NamedValues;
use crate::random::Stream;
use crate::shape::ModelShape;
use proptest::prelude::*;
use stentor_experiment::Lstm;

const INPUTS: usize = 4;
const SENONES: usize = 9;

fn model(bidirectional: bool) -> Box<dyn AcousticModel> {
    let settings = Lstm { layers: 2, width: 8, bidirectional, ..Lstm::default() };
    build(&ModelShape::new(&settings.into(), INPUTS, SENONES).unwrap(), 3, Device::Cpu).unwrap()
}

fn utterances(lengths: &[usize]) -> Vec<Vec<f32>> {
    let stream = Stream::new(1, "utterances");
    let noise = |u: usize, n: usize| stream.uniform((u * 10_000 + n) as u64, 1.7);
    lengths.iter().enumerate().map(|(u, &len)| (0..len * INPUTS).map(|n| noise(u, n)).collect()).collect()
}

fn slices(utterances: &[Vec<f32>]) -> Vec<&[f32]> {
    utterances.iter().map(Vec::as_slice).collect()
}

fn assert_close(a: &[f32], b: &[f32]) {
    assert_eq!(a.len(), b.len());
    let worst = a.iter().zip(b).map(|(a, b)| (a - b).abs()).fold(0.0, f32::max);
    assert!(worst < 1e-5, "{worst}");
}

#[test]
fn utterances_in_a_batch_have_the_same_posteriors_as_alone() {
    let utterances = utterances(&[7, 1, 12, 0, 7, 3]);
    for bidirectional in [false, true] {
        let model = model(bidirectional);
        let together = log_posteriors(model.as_ref(), &slices(&utterances)).unwrap();
        for (utterance, posteriors) in utterances.iter().zip(&together) {
            assert_eq!(posteriors.len(), utterance.len() / INPUTS * SENONES);
            let alone = log_posteriors(model.as_ref(), &[utterance]).unwrap();
            assert_close(posteriors, &alone[0]);
            for frame in posteriors.chunks_exact(SENONES) {
                let sum: f64 = frame.iter().map(|&log_p| f64::from(log_p).exp()).sum();
                assert!((sum - 1.0).abs() < 1e-5);
            }
        }
    }
}

#[test]
fn a_student_with_look_ahead_hears_what_follows_each_frame_also_in_pieces() {
    let utterances = utterances(&[7, 1, 12, 0, 23, 2]);
    let settings = Lstm { layers: 2, width: 8, look_ahead: 3, ..Lstm::default() };
    let shape = ModelShape::new(&settings.into(), INPUTS, SENONES).unwrap();
    let (ahead, plain) = (build(&shape, 3, Device::Cpu).unwrap(), model(false));
    let longer: Vec<Vec<f32>> = utterances
        .iter()
        .map(|utterance| {
            let last = &utterance[utterance.len().saturating_sub(INPUTS)..];
            [utterance.as_slice(), &last.repeat(3)].concat()
        })
        .collect();
    let expected = log_posteriors(plain.as_ref(), &slices(&longer)).unwrap();
    for limits in [Limits::of(ahead.as_ref()), Limits { layers: 5, output: 2 }] {
        let found = posteriors_within(ahead.as_ref(), &slices(&utterances), limits).unwrap();
        for (found, expected) in found.iter().zip(&expected) {
            assert_close(found, expected.get(3 * SENONES..).unwrap_or_default());
        }
    }
}

#[test]
fn a_student_computes_an_utterance_beyond_the_limit_in_pieces_without_seams() {
    let utterances = utterances(&[23, 4]);
    for bidirectional in [false, true] {
        let model = model(bidirectional);
        let run = |layers| {
            let limits = Limits { layers, output: 100 };
            let (mut all, mut pieces) = (vec![Vec::new(); 2], [0; 2]);
            each_utterance(model.as_ref(), &slices(&utterances), limits, |utterance, logits| {
                pieces[utterance] += 1;
                all[utterance].extend(host::<f32>(logits)?);
                Ok(())
            })
            .unwrap();
            (all, pieces)
        };
        let (whole, one) = run(100);
        let (parts, count) = run(5);
        assert_eq!(one, [1, 1]);
        // A teacher needs the whole utterance, whatever the memory.
        assert_eq!(count, if bidirectional { [1, 1] } else { [12, 2] }, "five frames at a time, two of each");
        assert_close(&whole[0], &parts[0]);
        assert_close(&whole[1], &parts[1]);
    }
}

/// A senone for each frame.
fn alignments(utterances: &[Vec<f32>]) -> Vec<Vec<SenoneId>> {
    let senone = |frame: usize| SenoneId::new((frame * 5 % SENONES) as u16);
    utterances.iter().map(|utterance| (0..utterance.len() / INPUTS).map(senone).collect()).collect()
}

#[test]
fn a_score_in_pieces_of_any_size_equals_the_score_of_the_whole_batch() {
    let utterances = utterances(&[23, 4, 0, 9, 23]);
    let alignments = alignments(&utterances);
    let pairs: Vec<Aligned<'_>> =
        utterances.iter().zip(&alignments).map(|(u, a)| (u.as_slice(), a.as_slice())).collect();
    let chunk = |(features, hard)| Chunk { features, left: 0, right: 0, labels: Labels::Hard(hard) };
    let chunks: Vec<Chunk<'_>> =
        pairs.iter().copied().filter(|(features, _)| !features.is_empty()).map(chunk).collect();
    for bidirectional in [false, true] {
        let model = model(bidirectional);
        let batch = Batch::pack(&chunks, model.frames(), Device::Cpu).unwrap();
        let whole = mean_gradient(model.as_ref(), &batch, &HardLabels, &Conditions::default()).unwrap();
        let gradient = model.parameters().gradient_host();
        for (layers, output) in [(1000, 1000), (1000, 7), (30, 4), (5, 1)] {
            let mut told = Vec::new();
            let limits = Limits { layers, output };
            let pieces =
                score_within(model.as_ref(), &pairs, limits, |so_far| told.push(so_far.frames)).unwrap();
            assert!(told.is_sorted() && told.last() == Some(&whole.frames), "{told:?}");
            assert_eq!((pieces.frames, pieces.correct), (whole.frames, whole.correct), "{layers}, {output}");
            assert!((pieces.loss / whole.loss - 1.0).abs() < 1e-6, "{pieces:?} {whole:?}");
        }
        assert_eq!(score(model.as_ref(), &pairs, |_| ()).unwrap().correct, whole.correct);
        assert_eq!(model.parameters().gradient_host(), gradient);
    }
}

#[test]
fn an_alignment_that_does_not_fit_is_an_error_that_names_the_utterance() {
    let model = model(false);
    let features = vec![0f32; 2 * INPUTS];
    let message = |senones: &[u16]| {
        let pair = |senones| (features.as_slice(), SenoneId::of_column(senones));
        score(model.as_ref(), &[pair(&[0, 1]), pair(senones)], |_| ()).unwrap_err().to_string()
    };
    assert!(
        message(&[0]).contains("alignment of utterance 1: expected 2 senones, found 1"),
        "{}",
        message(&[0])
    );
    assert!(message(&[0, 9]).contains("label 9 of utterance 1"), "{}", message(&[0, 9]));
}

#[test]
fn models_that_share_parameters_label_in_parallel_as_one_alone_does() {
    let utterances = utterances(&[40, 17]);
    let settings = Lstm { layers: 2, width: 8, bidirectional: true, ..Lstm::default() };
    let shape = ModelShape::new(&settings.into(), INPUTS, SENONES).unwrap();
    let learning = build(&shape, 3, Device::Cpu).unwrap();
    let expected = top_k(learning.as_ref(), &slices(&utterances), 3).unwrap();
    assert!(matches!(learning.share(), Err(Error::NotFrozen)));
    let named = learning.parameters().tensors();
    let named = named.iter().map(NamedValues::as_slices);
    let first = load(&shape, named, Device::Cpu).unwrap();
    let others = [first.share().unwrap(), first.share().unwrap()];
    for other in &others {
        assert_eq!(other.parameters().values().data_ptr(), first.parameters().values().data_ptr());
    }
    std::thread::scope(|scope| {
        let label = |model: Box<dyn AcousticModel>| {
            let utterances = &utterances;
            scope.spawn(move || top_k(model.as_ref(), &slices(utterances), 3).unwrap())
        };
        let threads: Vec<_> = others.into_iter().chain([first]).map(label).collect();
        threads.into_iter().for_each(|thread| assert_eq!(thread.join().unwrap(), expected));
    });
}

#[test]
fn top_k_keeps_the_most_probable_senones_in_order_and_the_residual_mass_of_the_others() {
    let utterances = utterances(&[5, 2]);
    let model = model(true);
    let posteriors = log_posteriors(model.as_ref(), &slices(&utterances)).unwrap();
    let k = 4;
    let labels = top_k(model.as_ref(), &slices(&utterances), k).unwrap();
    for (posteriors, labels) in posteriors.iter().zip(&labels) {
        let frames = posteriors.len() / SENONES;
        assert_eq!(
            (labels.ids.len(), labels.log_probs.len(), labels.residual.len()),
            (frames * k, frames * k, frames)
        );
        for (t, log_p) in posteriors.chunks_exact(SENONES).enumerate() {
            let mut order: Vec<usize> = (0..SENONES).collect();
            order.sort_by(|&a, &b| log_p[b].total_cmp(&log_p[a]));
            for (n, &senone) in order[..k].iter().enumerate() {
                assert_eq!(labels.ids[t * k + n].index(), senone);
                assert_eq!(labels.log_probs[t * k + n], log_p[senone]);
            }
            let others: f64 = order[k..].iter().map(|&senone| f64::from(log_p[senone]).exp()).sum();
            assert!((f64::from(labels.residual[t]) - others).abs() < 1e-6);
        }
    }
}

#[test]
fn keeping_all_senones_leaves_no_residual_and_never_a_negative_one() {
    let utterances = utterances(&[40]);
    let labels = top_k(model(false).as_ref(), &slices(&utterances), SENONES).unwrap();
    assert!(labels[0].residual.iter().all(|&residual| (0.0..1e-6).contains(&residual)));
}

#[test]
fn equal_probabilities_are_in_order_of_id() {
    let mut labels = TopKLabels { ids: Vec::new(), log_probs: Vec::new(), residual: Vec::new() };
    let quarter = 0.25f32.ln();
    labels.push(&[0.5f32.ln(), quarter, quarter], &[3, 8, 1]);
    assert_eq!(labels.ids, SenoneId::list([3, 1, 8]));
    assert!(labels.residual[0] < 1e-6);
}

#[test]
fn input_that_cannot_be_labeled_is_an_error_that_says_why() {
    let model = model(false);
    let uneven = vec![0f32; INPUTS + 1];
    let error = log_posteriors(model.as_ref(), &[&uneven[..INPUTS], &uneven]).unwrap_err();
    assert!(error.to_string().contains("utterance 1"), "{error}");
    for k in [0, SENONES + 1] {
        assert!(top_k(model.as_ref(), &[], k).unwrap_err().to_string().contains("1 to 9"));
    }
}

#[test]
fn the_working_memory_of_a_batch_is_bounded_for_small_and_large_models() {
    let student = Lstm { layers: 3, width: 192, ..Lstm::default() };
    let teacher = Lstm { layers: 5, width: 832, bidirectional: true, ..Lstm::default() };
    let limits = |lstm: &Lstm, senones| Limits::new(values_per_frame(lstm, 192), senones);
    assert!(limits(&student, 126).layers > 10_000);
    assert!((1_000..5_000).contains(&limits(&teacher, 3000).layers));
    let small = model(true);
    assert_eq!(Limits::of(small.as_ref()).layers, BATCH_VALUES / small.values_per_frame());
}

proptest! {
    #[test]
    fn each_utterance_is_in_one_group_within_the_limit(
        lengths in proptest::collection::vec(0usize..50, 0..80),
        limit in 1usize..400, streams: bool,
    ) {
        let mut seen = vec![0; lengths.len()];
        for group in groups(&lengths, limit, streams) {
            let longest = group.iter().map(|&u| lengths[u]).max().unwrap();
            prop_assert_eq!(longest, lengths[group[0]]);
            let side_by_side = streams && group.len() <= SIDE_BY_SIDE;
            prop_assert!(group.len() == 1 || longest * group.len() <= limit || side_by_side);
            group.iter().for_each(|&u| seen[u] += 1);
        }
        for (&length, &seen) in lengths.iter().zip(&seen) {
            prop_assert_eq!(seen, usize::from(length > 0));
        }
    }
}

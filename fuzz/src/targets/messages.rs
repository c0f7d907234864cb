use stentor_exchange::{
    Summation, Precision, Reducer, Rethreshold, StreamingMean, Tau, WeightedMean, add_scaled_dense,
    decode_bf16, decode_dense, encode_bf16, encode_dense, gtc,
};
use stentor_experiment::BmufWeights;

/// Length of the vectors in the messages, chosen so that every form's short and long paths occur.
const VALUES: usize = 500;

fn tau() -> Tau {
    Tau::exact(0.25).expect("a power of two")
}

/// Messages of signs and counts.
pub(crate) fn signs(data: &[u8]) {
    let mut mean = vec![0.0; VALUES];
    let mut counts = vec![0; VALUES];
    let read = gtc::Header::read(data, VALUES);
    let added = gtc::decode_add(data, &mut counts);
    let applied = gtc::decode_mean(data, &mut mean);
    let scaled = gtc::add_scaled(data, &mut mean, 0.5);
    // Both functions must accept the same messages.
    assert_eq!(added.is_ok(), applied.is_ok());
    assert_eq!(added.is_ok(), scaled.is_ok());
    if let (Ok(header), Ok((_, decoded))) = (read, gtc::decode_counts(data, VALUES)) {
        assert_eq!(decoded, counts);
        // A decoded message can be encoded, and decodes to the same values.
        let mut again = Vec::new();
        gtc::encode_counts(&decoded, header.tau, header.divisor, &mut again).expect("counts of a message");
        assert_eq!(gtc::decode_counts(&again, VALUES).expect("just written").1, decoded);
    }
}

pub(crate) fn sign_seeds() -> Vec<Vec<u8>> {
    // Densities and magnitudes for each of the four forms.
    let pattern = |every: usize, most: i32| {
        let value = |i: usize| if i % every == 0 { (i as i32 * 7 % (2 * most + 1)) - most } else { 0 };
        (0..VALUES).map(value).collect::<Vec<i32>>()
    };
    let patterns = [(97, 1), (97, 9), (7, 1), (3, 2), (1, 1), (1, 40), (499, 1)];
    let encode = |(every, most): (usize, i32)| {
        let mut out = Vec::new();
        gtc::encode_counts(&pattern(every, most), tau(), 64, &mut out).expect("a small count");
        out
    };
    patterns.into_iter().map(encode).collect()
}

/// Whole vectors as f32 and bf16.
pub(crate) fn floats(data: &[u8]) {
    let mut values = vec![1.0; VALUES];
    let whole = decode_dense(data, VALUES).is_ok();
    assert_eq!(whole, add_scaled_dense(data, &mut values, 0.5).is_ok());
    let _ = decode_dense(data, data.len() / 4);
    let _ = decode_bf16(data, data.len() / 2);
    let _ = decode_bf16(data, VALUES);
    for precision in [Precision::F32, Precision::Bf16] {
        let mut mean = WeightedMean::new(VALUES);
        let _ = mean.add_payload(3, data, precision);
        let _ = mean.finish_payload();
        // The same bytes in parts of odd sizes, and at odd offsets.
        let Ok(mut streaming) = StreamingMean::new(VALUES, &[0, 2]) else { continue };
        let _ = streaming.open(0, 3);
        let mut at = 0;
        for part in data.chunks(97) {
            if streaming.add(0, at, part, precision).is_err() {
                break;
            }
            at += part.len() / precision.bytes();
        }
        let _ = streaming.open(2, u64::from(data.first().copied().unwrap_or(0)));
        let _ = streaming.add(2, data.len(), data, precision);
        let _ = streaming.finish_payload();
    }
}

pub(crate) fn float_seeds() -> Vec<Vec<u8>> {
    let values: Vec<f32> = (0..VALUES).map(|i| (i as f32 - 250.0) / 16.0).collect();
    let mut residual = vec![0.0; VALUES];
    let halves = encode_bf16(&values, &vec![0.0; VALUES], &mut residual).expect("finite values");
    vec![encode_dense(&values), halves, encode_dense(&values[..8]), Vec::new()]
}

/// Contributions of several members, one after the other; each begins with its slot, frames and length.
pub(crate) fn reducer(data: &[u8]) {
    let Some((&kind, mut rest)) = data.split_first() else { return };
    let spec = match kind % 3 {
        0 => Summation::mean(BmufWeights::Frames),
        1 => Summation::Signs { tau: tau() },
        _ => Summation::Mean { weights: BmufWeights::Frames, precision: Precision::Bf16 },
    };
    let mut reducer = Reducer::new(&spec, VALUES);
    while let [slot, frames, low, high, tail @ ..] = rest {
        let length = usize::from(u16::from_le_bytes([*low, *high])).min(tail.len());
        let (payload, tail) = tail.split_at(length);
        let _ = reducer.add(u32::from(*slot), u64::from(*frames), payload);
        rest = tail;
    }
    let _ = match kind & 0x80 {
        0 => reducer.finish(),
        _ => reducer.finish_rethresholded(&mut Rethreshold::new(VALUES)),
    };
}

pub(crate) fn reducer_seeds() -> Vec<Vec<u8>> {
    let contributions = |kind: u8, payloads: &[Vec<u8>]| {
        let mut seed = vec![kind];
        for (slot, payload) in (0u8..).zip(payloads) {
            seed.extend([slot, 10 + slot]);
            seed.extend((payload.len() as u16).to_le_bytes());
            seed.extend(payload);
        }
        seed
    };
    let floats = float_seeds();
    vec![
        contributions(0, &[floats[0].clone(), floats[0].clone()]),
        contributions(1, &sign_seeds()[..3]),
        contributions(0x81, &sign_seeds()[2..5]),
        contributions(2, &[floats[1].clone(), floats[1].clone()]),
    ]
}

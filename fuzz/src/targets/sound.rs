use stentor_audio::{Error, RawEncoding, RawStream};

const ENCODINGS: [RawEncoding; 7] = [
    RawEncoding::S16,
    RawEncoding::S24,
    RawEncoding::S32,
    RawEncoding::U8,
    RawEncoding::F32,
    RawEncoding::ALaw,
    RawEncoding::MuLaw,
];

/// Raw audio: three bytes choose encoding, channels and pieces, the rest is the sound. In pieces of any length it gives the samples, or
/// is refused, as in one piece.
pub(crate) fn raw(data: &[u8]) {
    is_accepted(data);
}

pub(crate) fn is_accepted(data: &[u8]) -> bool {
    let [encoding, channels, pieces, sound @ ..] = data else { return false };
    let encoding = ENCODINGS[usize::from(*encoding) % ENCODINGS.len()];
    // Also 0, and a channel that is not there.
    let (count, channel) = (usize::from(channels % 6), usize::from(channels / 6 % 8).checked_sub(1));
    let stream = || RawStream::new(encoding, count, channel);
    let Ok(mut whole) = stream() else {
        assert!(count == 0 || channel.is_some_and(|channel| channel == 0 || channel > count));
        return false;
    };
    let mut expected = Vec::new();
    let end = whole.push(sound, &mut expected).and_then(|()| whole.finish());
    assert!(expected.len() <= sound.len());
    if encoding != RawEncoding::F32 {
        assert!(expected.iter().all(|sample| sample.abs() <= 32_768.0), "a sample beyond full scale");
    }
    let mut found = Vec::new();
    let found_end = in_pieces(stream().expect("as before"), sound, *pieces, &mut found);
    assert_eq!(end.is_ok(), found_end.is_ok(), "{end:?} in one piece, {found_end:?} in several");
    if end.is_ok() {
        let bits = |samples: &[f32]| samples.iter().map(|sample| sample.to_bits()).collect::<Vec<_>>();
        assert_eq!(bits(&found), bits(&expected));
    }
    end.is_ok()
}

/// Pieces of 1 to 16 bytes, and of none between them.
fn in_pieces(mut stream: RawStream, sound: &[u8], pieces: u8, samples: &mut Vec<f32>) -> Result<(), Error> {
    let mut rest = sound;
    for number in 0.. {
        if rest.is_empty() {
            break;
        }
        let length = 1 + (usize::from(pieces) * (number + 1) + number) % 16;
        let (piece, later) = rest.split_at(length.min(rest.len()));
        stream.push(piece, samples)?;
        stream.push(&[], samples)?;
        rest = later;
    }
    stream.finish()
}

pub(crate) fn raw_seeds() -> Vec<Vec<u8>> {
    let sound: Vec<u8> = (0..48_u8).map(|n| n.wrapping_mul(37)).collect();
    let floats: Vec<u8> = (0..12).flat_map(|n| (n as f32 / 16.0 - 0.4).to_le_bytes()).collect();
    let of = |encoding: u8, channels: u8, sound: &[u8]| [&[encoding, channels, 5], sound].concat();
    let encoded = |encoding: u8| {
        let is_float = ENCODINGS[usize::from(encoding)] == RawEncoding::F32;
        of(encoding, 1, if is_float { &floats } else { &sound })
    };
    let mut seeds: Vec<Vec<u8>> = (0..ENCODINGS.len() as u8).map(encoded).collect();
    // The mean of two channels, the second of three, and the start of a WAV file.
    seeds.extend([of(0, 2, &sound), of(3, 21, &sound), of(0, 1, b"RIFF\x24\0\0\0WAVE")]);
    seeds
}

use crate::{Error, RawEncoding, RawStream, decode};
use proptest::prelude::*;

/// A WAV file of these bytes: format tag, bits and channels.
fn wav(tag: u16, bits: u16, channels: u16, data: &[u8]) -> Vec<u8> {
    let block = channels * bits / 8;
    let mut file = b"RIFF\0\0\0\0WAVEfmt \x10\0\0\0".to_vec();
    for number in [tag, channels] {
        file.extend(number.to_le_bytes());
    }
    for number in [16_000u32, 16_000 * u32::from(block)] {
        file.extend(number.to_le_bytes());
    }
    for number in [block, bits] {
        file.extend(number.to_le_bytes());
    }
    file.extend(b"data");
    file.extend((data.len() as u32).to_le_bytes());
    file.extend(data);
    let length = (file.len() - 8) as u32;
    file[4..8].copy_from_slice(&length.to_le_bytes());
    file
}

proptest! {
    #[test]
    fn raw_bytes_in_any_pieces_are_the_samples_of_a_wav_file_with_the_same_bytes(
        (encoding, tag, bits) in prop::sample::select(vec![
            (RawEncoding::S16, 1u16, 16u16), (RawEncoding::S24, 1, 24), (RawEncoding::S32, 1, 32), (RawEncoding::U8, 1, 8),
            (RawEncoding::ALaw, 6, 8), (RawEncoding::MuLaw, 7, 8),
        ]),
        channels in 1u16..4,
        samples in 1usize..200,
        pieces in prop::collection::vec(0usize..40, 0..20),
        seed: u64,
    ) {
        let count = samples * usize::from(channels * bits / 8);
        let bytes: Vec<u8> = (0..count as u64).map(|n| (seed.wrapping_add(n).wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 56) as u8).collect();
        prop_assume!(!bytes.starts_with(b"RIFF"));
        let expected = decode(wav(tag, bits, channels, &bytes));
        let mut stream = RawStream::new(encoding, channels.into(), None).unwrap();
        let (mut rest, mut found) = (bytes.as_slice(), Vec::new());
        for piece in pieces.into_iter().chain([usize::MAX]) {
            let (now, later) = rest.split_at(piece.min(rest.len()));
            stream.push(now, &mut found).unwrap();
            rest = later;
        }
        match (stream.finish(), expected) {
            (Ok(()), Ok(expected)) => prop_assert_eq!(found, expected.samples),
            (found, expected) => prop_assert_eq!(found.is_err(), expected.is_err()),
        }
    }
}

#[test]
fn a_stream_that_stops_within_a_sample_is_an_error_that_says_how_many_bytes_are_left() {
    let mut stream = RawStream::new(RawEncoding::S16, 2, Some(1)).unwrap();
    let mut found = Vec::new();
    stream.push(&[0, 1, 0, 2, 0, 3], &mut found).unwrap();
    assert_eq!(found, [256.0]);
    let error = stream.finish().unwrap_err();
    assert!(matches!(error, Error::EndsWithinSample { bytes: 2, expected: 4 }), "{error}");
    stream.push(&[0, 4], &mut found).unwrap();
    assert_eq!(found, [256.0, 768.0]);
    stream.finish().unwrap();
}

#[test]
fn a_file_whose_sound_ends_within_a_sample_by_its_own_header_is_cut_short() {
    let audio = decode(wav(1, 16, 1, &[0, 1, 0, 2, 0])).unwrap();
    assert_eq!((audio.samples, audio.report.is_cut_short), (vec![256.0, 512.0], true));
    let audio = decode(wav(1, 16, 1, &[0, 1, 0, 2])).unwrap();
    assert_eq!((audio.samples, audio.report.is_cut_short), (vec![256.0, 512.0], false));
}

#[test]
fn a_file_where_raw_audio_is_expected_is_named_even_if_it_comes_byte_by_byte() {
    let mut stream = RawStream::new(RawEncoding::S16, 1, None).unwrap();
    let file = wav(1, 16, 1, &[0; 8]);
    let failed = file.iter().find_map(|byte| stream.push(&[*byte], &mut Vec::new()).err());
    assert!(matches!(failed, Some(Error::Container { format: "WAV" })));
    for version in 2..=4 {
        let mut stream = RawStream::new(RawEncoding::S16, 1, None).unwrap();
        let failed = stream.push(&[b'I', b'D', b'3', version, 0, 0], &mut Vec::new());
        assert!(matches!(failed, Err(Error::Container { format: "MP3" })), "{version}");
    }
}

#[test]
fn integers_that_were_written_as_floats_are_refused_and_so_is_a_channel_that_does_not_exist() {
    let mut stream = RawStream::new(RawEncoding::F32, 1, None).unwrap();
    let error = stream.push(&1_000f32.to_le_bytes(), &mut Vec::new()).unwrap_err();
    assert!(matches!(error, Error::FloatScale { .. }));
    // What came before is sound, also in the same piece.
    let samples = [0.5f32, 0.25, 0.125, 1_000.0].map(f32::to_le_bytes).concat();
    let (mut stream, mut found) = (RawStream::new(RawEncoding::F32, 2, None).unwrap(), Vec::new());
    assert!(matches!(stream.push(&samples, &mut found), Err(Error::FloatScale { .. })));
    assert_eq!(found, [12_288.0]);
    let mut file = crate::Decoder::from_bytes(wav(3, 32, 2, &samples)).unwrap();
    assert_eq!(file.next_block().unwrap().unwrap(), [12_288.0]);
    assert!(matches!(file.next_block(), Err(Error::FloatScale { .. })));
    assert!(matches!(
        RawStream::new(RawEncoding::S16, 2, Some(3)),
        Err(Error::NoSuchChannel { asked: 3, channels: 2 })
    ));
    assert!(matches!(RawStream::new(RawEncoding::S16, 0, None), Err(Error::Channels { found: 0, .. })));
}

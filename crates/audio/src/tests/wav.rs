//! WAV, RF64 and SPHERE files as recorders, pipes and other programs write them.

use super::decode::wav;
use super::decoded::{as_floats, read};
use super::files::{chunk, extensible, fmt, little_endian, noise, riff};
use crate::{Error, decode};

#[test]
fn placeholder_sizes_of_pipes_and_killed_recorders_mean_the_end_of_the_file() {
    let samples = noise(5_000);
    let sound = wav(16_000, 1, &samples);
    let right = (sound.len() as u32 - 8, sound.len() as u32 - 44);
    let cases = [
        ("sox to a pipe", 0x7fff_f024, 0x7fff_f000),
        ("ffmpeg to a pipe", u32::MAX, u32::MAX),
        ("a recorder that was killed", 0, 0),
        ("a recorder that was killed, its header whole", 36, 0),
        ("arecord to a pipe", 0x8000_0024, 0x8000_0000),
        ("the largest that fits", 0x7fff_ffff, 0x7fff_ffdb),
        ("the largest that fits without a sign", u32::MAX, u32::MAX - 36),
        ("a RIFF size short by 8", right.0 - 8, right.1),
        ("a RIFF size of nothing", 0, right.1),
    ];
    for (what, riff_size, data_size) in cases {
        let mut bytes = sound.clone();
        bytes[4..8].copy_from_slice(&riff_size.to_le_bytes());
        bytes[40..44].copy_from_slice(&data_size.to_le_bytes());
        let audio = read(&bytes).unwrap();
        assert_eq!(audio.samples, as_floats(&samples), "{what}");
        assert!(!audio.report.is_cut_short && audio.report.remarks.is_empty(), "{what}: {:?}", audio.report);
    }
}

#[test]
fn a_size_of_0_before_other_chunks_is_an_empty_chunk() {
    let bytes = riff(&[
        chunk(b"fmt ", &fmt(1, 1, 16_000, 16)),
        chunk(b"data", &[]),
        chunk(b"LIST", b"INFOISFT\x04\0\0\0none"),
    ]);
    assert!(matches!(decode(bytes), Err(Error::NoSamples)));
}

#[test]
fn a_truncated_wav_returns_the_samples_present_and_reports_the_stated_length() {
    let samples = noise(5_000);
    let bytes = wav(16_000, 1, &samples);
    let audio = read(&bytes[..44 + 4_001]).unwrap();
    assert_eq!(audio.samples, as_floats(&samples[..2_000]));
    assert!(audio.report.is_cut_short);
    assert_eq!((audio.report.samples, audio.report.stated), (2_000, Some(5_000)));
    let whole = read(&bytes).unwrap();
    assert!(!whole.report.is_cut_short);
}

#[test]
fn unusual_but_valid_headers_are_read() {
    let samples = noise(500);
    let data = chunk(b"data", &little_endian(&samples));
    let plain = chunk(b"fmt ", &fmt(1, 1, 16_000, 16));
    let cases = [
        (
            "an extension of 24 bytes",
            riff(&[chunk(b"fmt ", &extensible(1, 1, 16_000, 16, 24)), data.clone()]),
        ),
        (
            "an extension of 22 bytes",
            riff(&[chunk(b"fmt ", &extensible(1, 1, 16_000, 16, 22)), data.clone()]),
        ),
        ("a fact chunk of 8 bytes", riff(&[plain.clone(), chunk(b"fact", &[9; 8]), data.clone()])),
        ("an empty list", riff(&[plain.clone(), chunk(b"LIST", &[]), data.clone()])),
        ("a list of odd length", riff(&[plain.clone(), chunk(b"LIST", b"INFO?"), data.clone()])),
        ("a list behind", riff(&[plain, data.clone(), chunk(b"LIST", b"INFOISFT\x04\0\0\0none")])),
        ("a block of no bytes", {
            let mut format = fmt(1, 1, 16_000, 16);
            format[12..14].fill(0);
            riff(&[chunk(b"fmt ", &format), data])
        }),
    ];
    for (what, bytes) in cases {
        let audio = read(&bytes).unwrap();
        assert_eq!((audio.samples, audio.report.remarks), (as_floats(&samples), vec![]), "{what}");
    }
}

#[test]
fn every_width_of_samples_has_the_same_full_scale() {
    let of = |tag, bits, data: &[u8]| {
        let bytes = riff(&[chunk(b"fmt ", &fmt(tag, 1, 16_000, bits)), chunk(b"data", data)]);
        decode(bytes).unwrap().samples
    };
    let floats = |values: [f64; 3]| values.map(|value| (value as f32).to_le_bytes()).concat();
    assert_eq!(of(1, 8, &[128, 192, 0]), [0.0, 16_384.0, -32_768.0]);
    assert_eq!(of(1, 16, &little_endian(&[0, 16_384, -32_768])), [0.0, 16_384.0, -32_768.0]);
    assert_eq!(of(1, 24, &[0, 0, 0, 0, 0, 0x40, 0, 0, 0x80]), [0.0, 16_384.0, -32_768.0]);
    assert_eq!(of(1, 32, &[0, 0, 0, 0, 0, 0, 0, 0x40, 0, 0, 0, 0x80]), [0.0, 16_384.0, -32_768.0]);
    assert_eq!(of(3, 32, &floats([0.0, 0.5, -1.0])), [0.0, 16_384.0, -32_768.0]);
    assert_eq!(of(3, 64, &[0.0, 0.5, -1.0].map(f64::to_le_bytes).concat()), [0.0, 16_384.0, -32_768.0]);
}

/// Values of ITU-T G.711: the smallest and the largest of both signs.
#[test]
fn a_law_and_mu_law_decode_as_in_the_standard() {
    for format in [fmt(7, 1, 8_000, 8), extensible(7, 1, 8_000, 8, 22)] {
        let mu = riff(&[chunk(b"fmt ", &format), chunk(b"data", &[0xff, 0x7f, 0x80, 0x00, 0xfe])]);
        assert_eq!(read(&mu).unwrap().samples, [0.0, 0.0, 32_124.0, -32_124.0, 8.0]);
    }
    let a = riff(&[chunk(b"fmt ", &fmt(6, 1, 8_000, 8)), chunk(b"data", &[0xd5, 0x55, 0xaa, 0x2a])]);
    assert_eq!(read(&a).unwrap().samples, [8.0, -8.0, 32_256.0, -32_256.0]);
}

#[test]
fn sound_that_the_header_excludes_is_reported() {
    let samples = noise(1_000);
    let half = chunk(b"data", &little_endian(&samples));
    let two = riff(&[chunk(b"fmt ", &fmt(1, 1, 16_000, 16)), half.clone(), half]);
    let audio = read(&two).unwrap();
    assert_eq!(audio.samples.len(), 1_000);
    assert!(
        audio.report.remarks[0].contains("1 further `data` chunk, 2000 bytes in all, is not read"),
        "{:?}",
        audio.report.remarks
    );

    let mut short = wav(16_000, 1, &samples);
    short[40..44].copy_from_slice(&500u32.to_le_bytes());
    let audio = read(&short).unwrap();
    assert_eq!(audio.samples.len(), 250);
    assert!(
        audio.report.remarks[0].starts_with("1500 bytes after the last chunk"),
        "{:?}",
        audio.report.remarks
    );
}

#[test]
fn unsupported_encodings_are_named() {
    for (tag, bits, name) in
        [(0x11, 4, "IMA ADPCM"), (2, 4, "Microsoft ADPCM"), (0x31, 0, "GSM 6.10"), (0x55, 0, "MP3")]
    {
        let bytes = riff(&[chunk(b"fmt ", &fmt(tag, 1, 16_000, bits)), chunk(b"data", &[0; 64])]);
        let error = decode(bytes).unwrap_err().to_string();
        assert!(error.contains(&format!("found WAV with {name}; convert it")), "{error}");
    }
    let headless = riff(&[chunk(b"data", &[0; 64])]);
    assert!(decode(headless).unwrap_err().to_string().contains("`fmt ` chunk"));
    let soundless = riff(&[chunk(b"fmt ", &fmt(1, 1, 16_000, 16))]);
    assert!(decode(soundless).unwrap_err().to_string().contains("`data` chunk"));
}

#[test]
fn floats_at_16_bit_integer_scale_are_refused_with_a_remedy() {
    let data: Vec<u8> = noise(1_000).iter().flat_map(|&sample| f32::from(sample).to_le_bytes()).collect();
    let bytes = riff(&[chunk(b"fmt ", &fmt(3, 1, 16_000, 32)), chunk(b"data", &data)]);
    let error = decode(bytes).unwrap_err();
    assert!(
        matches!(error, Error::FloatScale { .. }) && error.to_string().contains("volume=1/32768"),
        "{error}"
    );
}

#[test]
fn rf64_and_bw64_are_read() {
    let samples = noise(1_000);
    for magic in [b"RF64", b"BW64"] {
        let data = little_endian(&samples);
        let sizes =
            [&[0; 8][..], &(data.len() as u64).to_le_bytes(), &1_000u64.to_le_bytes(), &[0; 4]].concat();
        let mut bytes = riff(&[
            chunk(b"ds64", &sizes),
            chunk(b"fmt ", &fmt(1, 1, 16_000, 16)),
            chunk(b"data", &data),
            chunk(b"LIST", b"INFOISFT\x04\0\0\0none"),
        ]);
        bytes[..4].copy_from_slice(magic);
        bytes[4..8].fill(0xff);
        let size = bytes.windows(4).position(|four| four == b"data").unwrap() + 4;
        bytes[size..size + 4].fill(0xff);
        let audio = read(&bytes).unwrap();
        assert_eq!((audio.samples, audio.report.stated), (as_floats(&samples), Some(1_000)));
    }
}

fn sphere(fields: &str, data: &[u8]) -> Vec<u8> {
    let mut header = format!("NIST_1A\n   1024\n{fields}end_head\n").into_bytes();
    header.resize(1_024, b' ');
    [header, data.to_vec()].concat()
}

#[test]
fn sphere_files_of_both_byte_orders_are_read_and_compressed_ones_are_refused_and_named() {
    let samples = noise(1_000);
    let fields = |order: &str| {
        format!(
            "channel_count -i 1\nsample_count -i 1000\nsample_rate -i 16000\nsample_n_bytes -i 2\n\
             sample_byte_format -s2 {order}\nsample_coding -s3 pcm\n"
        )
    };
    let big: Vec<u8> = samples.iter().flat_map(|sample| sample.to_be_bytes()).collect();
    for (order, data) in [("01", little_endian(&samples)), ("10", big)] {
        let audio = read(&sphere(&fields(order), &data)).unwrap();
        assert_eq!((audio.samples, audio.rate_hz), (as_floats(&samples), 16_000));
        let cut = read(&sphere(&fields(order), &data[..1_000])).unwrap();
        assert_eq!((cut.samples, cut.report.is_cut_short), (as_floats(&samples[..500]), true));
    }
    let law = "channel_count -i 2\nsample_count -i 2\nsample_rate -i 8000\nsample_n_bytes -i 1\nsample_coding -s4 ulaw\n";
    assert_eq!(read(&sphere(law, &[0xff, 0xfe, 0x80, 0x80])).unwrap().samples, [4.0, 32_124.0]);
    let packed = fields("01").replace("pcm", "pcm,embedded-shorten-v2.00");
    let error = decode(sphere(&packed, &[0; 100])).unwrap_err().to_string();
    assert!(error.contains("embedded-shorten") && error.contains("sph2pipe"), "{error}");
    assert!(matches!(decode(sphere("channel_count -i 1\n", &[0; 100])), Err(Error::Malformed { .. })));
}

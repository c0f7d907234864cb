//! FLAC, MP3 and Ogg files that are truncated, damaged, concatenated or written unusually.

use super::decode::{FLAC, MP3, OGG};
use super::decoded::{as_floats, read};
use super::files::{BLOCK, flac, mp3_frames, noise, with_serial};
use crate::{Error, decode};

const ID3V1: &[u8; 128] = &{
    let mut tag = [b' '; 128];
    (tag[0], tag[1], tag[2]) = (b'T', b'A', b'G');
    tag
};

#[test]
fn a_truncated_flac_reports_the_stated_length() {
    let samples = noise(20_000);
    let (bytes, frames) = flac(&samples);
    let audio = read(&bytes[..frames[12] + 500]).unwrap();
    assert_eq!(audio.samples, as_floats(&samples[..12 * BLOCK]));
    assert!(audio.report.is_cut_short);
    assert_eq!((audio.report.samples, audio.report.stated), (12_000, Some(20_000)));
}

#[test]
fn a_truncated_flac_without_a_stated_length_is_reported_as_cut_short() {
    let (mut bytes, frames) = flac(&noise(20_000));
    bytes[21..26].copy_from_slice(&[0xf0, 0, 0, 0, 0]);
    let whole = read(&bytes).unwrap();
    assert_eq!((whole.samples.len(), whole.report.is_cut_short, whole.report.stated), (20_000, false, None));
    let cut = read(&bytes[..frames[12] + 500]).unwrap();
    assert_eq!((cut.samples.len(), cut.report.is_cut_short, cut.report.stated), (12_000, true, None));
}

#[test]
fn lost_packets_in_the_middle_of_a_flac_are_counted_and_later_sound_keeps_its_time() {
    let samples = noise(100_000);
    let (mut bytes, frames) = flac(&samples);
    for lost in [20, 21, 22, 60] {
        bytes[frames[lost] + 100..frames[lost] + 200].fill(0x55);
    }
    let audio = read(&bytes).unwrap();
    assert_eq!((audio.report.damaged_packets, audio.report.lost_samples), (4, 4_000));
    assert!(!audio.report.is_cut_short);
    let mut expected = as_floats(&samples);
    expected[20_000..23_000].fill(0.0);
    expected[60_000..61_000].fill(0.0);
    assert!(audio.samples == expected);
}

#[test]
fn a_long_gap_keeps_its_length() {
    let samples = noise(120_000);
    let (bytes, frames) = flac(&samples);
    let gap = [&bytes[..frames[2]], &bytes[frames[90]..]].concat();
    // Too much to be accepted; but the reported length is right.
    match read(&gap) {
        Err(Error::Damaged { lost_s, of_s }) => assert_eq!((lost_s, of_s), (5.5, 7.5)),
        other => panic!("{other:?}"),
    }
}

#[test]
fn two_lost_blocks_of_seven_are_too_many() {
    let (mut bytes, frames) = flac(&noise(7_000));
    for lost in [2, 5] {
        bytes[frames[lost] + 100..frames[lost] + 200].fill(0x55);
    }
    // The edges of a clip from a longer MP3 have this length: they are accepted, and reported.
    assert_eq!(read(&bytes).unwrap().report.lost_samples, 2_000);
    bytes[frames[3] + 100..frames[3] + 200].fill(0x55);
    let error = read(&bytes).unwrap_err().to_string();
    assert_eq!(error, "0.188 of 0.438 s are damaged; at most a tenth may be");
}

#[test]
fn tags_before_and_after_the_sound_remove_none_of_it() {
    let samples = noise(7_000);
    let (flac, _) = flac(&samples);
    let id3v2 = [&b"ID3\x04\0\0\0\0\0\x20"[..], &[0; 32]].concat();
    let mut ape = b"APETAGEX\xd0\x07\0\0\x20\0\0\0\0\0\0\0\0\0\0\0".to_vec();
    ape.resize(32, 0);
    for tags in [&ID3V1[..], &ape, &[&ape[..], ID3V1].concat()] {
        let bytes = [&id3v2[..], &flac, tags].concat();
        let audio = read(&bytes).unwrap();
        assert_eq!((audio.samples, audio.report.is_cut_short), (as_floats(&samples), false));
        let audio = read(&[&id3v2[..], MP3, tags].concat()).unwrap();
        assert_eq!((audio.samples.len(), audio.report.damaged_packets), (8_000, 0));
    }
}

#[test]
fn unusual_block_lengths_in_the_header_do_not_matter() {
    let samples = noise(6_500);
    let (bytes, _) = flac(&samples);
    // Zero, and the length of the last block.
    for shortest in [0u16, 500] {
        let mut bytes = bytes.clone();
        bytes[8..10].copy_from_slice(&shortest.to_be_bytes());
        assert_eq!(read(&bytes).unwrap().samples, as_floats(&samples));
    }
}

#[test]
fn concatenated_flacs_are_refused() {
    let (bytes, _) = flac(&noise(7_000));
    let error = decode([&bytes[..], &bytes].concat()).unwrap_err();
    assert!(matches!(error, Error::Joined { .. }), "{error}");
    assert!(error.to_string().contains("another FLAC file begins"), "{error}");
}

#[test]
fn concatenated_mp3s_are_read_whole_each_without_its_padding() {
    let one = read(MP3).unwrap().samples;
    for between in [&b""[..], ID3V1] {
        let joined = [MP3, between, MP3, between, MP3].concat();
        let audio = read(&joined).unwrap();
        assert_eq!(audio.samples.len(), 24_000);
        assert!(audio.samples.chunks(8_000).all(|part| part == one));
        assert_eq!((audio.report.damaged_packets, audio.report.is_cut_short), (0, false));
        assert_eq!(audio.report.remarks, ["3 concatenated MP3 files: all of them are read"]);
    }
}

#[test]
fn an_mp3_is_as_long_as_its_frames_and_never_trimmed_to_an_estimate() {
    let frames = mp3_frames();
    // Without the frame that states its length, and with another bit rate first, as in a file of variable bit rate.
    let audio = read(&MP3[frames[1]..]).unwrap();
    assert_eq!(audio.samples.len(), 576 * (frames.len() - 1));
    assert_eq!((audio.report.stated, audio.report.remarks.len()), (None, 0));
    // More than the header states: all is read and reported.
    let more = [MP3, &MP3[frames[1]..]].concat();
    let audio = read(&more).unwrap();
    assert!(audio.samples.len() > 16_000 - 2 * 1_152, "{}", audio.samples.len());
    assert!(audio.report.remarks[0].contains("0.500 s by its header"), "{:?}", audio.report.remarks);
}

#[test]
fn a_truncated_mp3_reports_the_stated_length() {
    let audio = read(&MP3[..MP3.len() * 2 / 3]).unwrap();
    assert!(audio.report.is_cut_short);
    assert_eq!(audio.report.stated, Some(8_000));
    assert_eq!(audio.report.samples, audio.samples.len() as u64);
    assert!((3_000..8_000).contains(&audio.samples.len()), "{}", audio.samples.len());
}

#[test]
fn an_mp3_frame_with_a_damaged_header_becomes_silence_of_its_length() {
    let frames = mp3_frames();
    // Long enough that one frame is less than a tenth.
    let mut bytes = [MP3, MP3, MP3].concat();
    bytes[MP3.len() + frames[8]..MP3.len() + frames[8] + 4].fill(0);
    let audio = read(&bytes).unwrap();
    assert_eq!(audio.samples.len(), 24_000);
    assert!((1..=2).contains(&audio.report.damaged_packets), "{:?}", audio.report);
    let whole = read(MP3).unwrap().samples;
    assert!(audio.samples[16_000..] == whole);
}

#[test]
fn a_chain_of_ogg_streams_is_read_whole_whatever_their_serial_numbers() {
    let one = read(OGG).unwrap().samples;
    assert_eq!(one.len(), 8_000);
    for serials in [[1, 1, 1], [1, 2, 3]] {
        let chain = serials.map(|serial| with_serial(OGG, serial)).concat();
        let audio = read(&chain).unwrap();
        assert_eq!(audio.samples.len(), 24_000, "{serials:?}");
        assert!(audio.samples.chunks(8_000).all(|part| part == one), "{serials:?}");
        assert_eq!(audio.report.remarks, ["3 consecutive streams: all of them are read"]);
        assert_eq!((audio.report.damaged_packets, audio.report.is_cut_short), (0, false));
    }
}

#[test]
fn a_truncated_ogg_is_reported_as_cut_short() {
    let chain = [1, 2, 3].map(|serial| with_serial(OGG, serial)).concat();
    let last_page = (0..OGG.len()).rfind(|&at| OGG[at..].starts_with(b"OggS")).unwrap();
    let audio = read(&chain[..2 * OGG.len() + last_page]).unwrap();
    assert!(audio.report.is_cut_short, "{:?}", audio.report);
    assert!((16_000..24_000).contains(&audio.samples.len()), "{}", audio.samples.len());
}

#[test]
fn the_clips_of_the_other_tests_have_no_remarks() {
    for clip in [FLAC, MP3, OGG] {
        let audio = read(clip).unwrap();
        let report = &audio.report;
        assert_eq!(
            (report.is_cut_short, report.lost_samples, report.remarks.len()),
            (false, 0, 0),
            "{report:?}"
        );
        assert!(report.stated.is_none_or(|stated| stated == 8_000), "{report:?}");
    }
}

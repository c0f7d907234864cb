use super::decode::wav;
use crate::{Decoder, Error, decode};

fn choose(bytes: &[u8], channel: usize) -> Result<Vec<f32>, Error> {
    let mut decoder = Decoder::from_bytes(bytes.to_vec())?.choosing(Some(channel))?;
    let mut samples = Vec::new();
    while let Some(block) = decoder.next_block()? {
        samples.extend_from_slice(block);
    }
    assert_eq!(decoder.report()?.averaged_channels, 1);
    Ok(samples)
}

#[test]
fn a_mean_of_channels_is_reported_and_one_channel_can_be_chosen() {
    let two = wav(16_000, 2, &[100, 200, -300, 300, 1_000, 1_000]);
    let audio = decode(two.clone()).unwrap();
    assert_eq!(audio.samples, [150.0, 0.0, 1_000.0]);
    assert_eq!(audio.report.averaged_channels, 2);
    assert_eq!(choose(&two, 1).unwrap(), [100.0, -300.0, 1_000.0]);
    assert_eq!(choose(&two, 2).unwrap(), [200.0, 300.0, 1_000.0]);
    assert!(matches!(choose(&two, 3), Err(Error::NoSuchChannel { asked: 3, channels: 2 })));
    assert!(matches!(choose(&two, 0), Err(Error::NoSuchChannel { .. })));
}

/// A file that was extracted from the second channel of another one contains that channel alone.
#[test]
fn a_file_with_one_channel_is_read_as_it_is() {
    let one = wav(16_000, 1, &[100, 200, 300]);
    assert_eq!(choose(&one, 2).unwrap(), [100.0, 200.0, 300.0]);
    assert_eq!(decode(one).unwrap().report.averaged_channels, 1);
}

#[test]
fn channels_of_opposite_phase_are_refused_but_each_one_alone_is_read() {
    let opposite: Vec<i16> = (1..2_000).flat_map(|i| [i, -i]).collect();
    let bytes = wav(16_000, 2, &opposite);
    let error = decode(bytes.clone()).unwrap_err();
    assert!(matches!(error, Error::Cancelled { channels: 2, .. }), "{error}");
    assert!(
        error.to_string().contains("--channel") && error.to_string().contains("reco2file_and_channel"),
        "{error}"
    );
    assert_eq!(choose(&bytes, 2).unwrap()[..3], [-1.0, -2.0, -3.0]);
    // Silence in both is silence, and one silent channel leaves the other.
    decode(wav(16_000, 2, &[0; 400])).unwrap();
    decode(wav(16_000, 2, &[500, 0].repeat(400))).unwrap();
}

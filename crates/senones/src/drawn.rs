//! Made-up statistics, on which trees are compared with those of other programs.

use crate::{Context, Error, Gaussian, Scheme, Statistics, Topology, TriphoneState};
use stentor_inventory::{PhoneId, PhoneTable};

const PHONES: u16 = 41;
const DIMENSION: usize = 13;
const TRIPHONES: usize = 9_000;

/// Phones, the first of which has no context, and statistics of states of triphones in which neighbours shift a phone's frames:
/// similar phones in similar directions, the phone before more in the first state and the phone after more in the last, and each
/// triphone by some noise of its own. The same seed gives the same numbers.
///
/// # Errors
/// None that a seed could cause.
pub fn drawn_statistics(seed: u64) -> Result<(Scheme, Statistics), Error> {
    let scheme = Scheme {
        phones: PhoneTable::new((0..PHONES).map(|phone| format!("P{phone}")).collect())?,
        context_independent: vec![PhoneId::new(0)],
        boundary: PhoneId::new(0),
        context: Context::AcrossWords,
        topology: Topology::FirstThenRest,
    };
    let mut draw = Draw(seed);
    let families: Vec<Vec<f32>> = (0..8).map(|_| draw.frame(1.0)).collect();
    let shift = |draw: &mut Draw| -> Vec<Vec<f32>> {
        let of = |phone: usize| families[phone % 8].iter().zip(draw.frame(0.4)).map(|(a, b)| a + b).collect();
        (0..usize::from(PHONES)).map(of).collect()
    };
    let (sounds, before, after) = (shift(&mut draw), shift(&mut draw), shift(&mut draw));
    let mut statistics = Statistics::new(DIMENSION)?;
    for _ in 0..TRIPHONES {
        // Low numbers are frequent phones.
        let [left, centre, right] =
            [0; 3].map(|_: u16| (f32::from(PHONES) * draw.next() * draw.next().sqrt()) as u16);
        let own = draw.frame(0.2);
        for state in 0..scheme.topology.states() {
            let late = f32::from(state) * 0.4;
            let mut gaussian = Gaussian::new(DIMENSION);
            for _ in 0..2 + (10.0 * draw.next()) as usize {
                let of = |shifts: &[Vec<f32>], phone: u16, place: usize| shifts[usize::from(phone)][place];
                let value = |(place, noise): (usize, f32)| {
                    2.0 * of(&sounds, centre, place)
                        + (0.8 - late) * of(&before, left, place)
                        + (0.3 + late) * of(&after, right, place)
                        + own[place]
                        + noise
                };
                let frame: Vec<f32> = draw.frame(1.0).into_iter().enumerate().map(value).collect();
                gaussian.add_frame(&frame);
            }
            let [left, centre, right] = [left, centre, right].map(PhoneId::new);
            statistics.add(TriphoneState { centre, state, left, right }, &gaussian)?;
        }
    }
    Ok((scheme, statistics))
}

/// Statistics as the program reads them that grows trees over Kaldi's likelihoods: little-endian `u32 phones, states, dimension,
/// count`, and for each state of a triphone `u32 left, centre, right, state` and `f64 frames, sums, squares`. There, phone 0 is
/// the boundary.
#[must_use]
pub fn judge_file(statistics: &Statistics, scheme: &Scheme) -> Vec<u8> {
    let mut bytes = Vec::new();
    let (phones, states) = (scheme.phones.len() as u32, u32::from(scheme.topology.states()));
    let header = [phones, states, statistics.dimension() as u32, statistics.len() as u32];
    header.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
    let number = |phone: PhoneId| match phone == scheme.boundary {
        true => 0,
        false => u32::from(phone.number()) + u32::from(phone < scheme.boundary),
    };
    for (of, gaussian) in statistics.states() {
        let place = [number(of.left), number(of.centre), number(of.right), of.state.into()];
        place.iter().for_each(|number| bytes.extend(number.to_le_bytes()));
        let values =
            [gaussian.count()].into_iter().chain(gaussian.sum().iter().chain(gaussian.squares()).copied());
        values.for_each(|value| bytes.extend(value.to_le_bytes()));
    }
    bytes
}

/// Numbers from 0 to 1 that look random.
struct Draw(u64);

impl Draw {
    fn next(&mut self) -> f32 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 40) as f32 / (1_u64 << 24) as f32
    }

    /// Mean 0, variance 1: the sum of twelve (Irwin & Hall).
    fn normal(&mut self) -> f32 {
        (0..12).map(|_| self.next()).sum::<f32>() - 6.0
    }

    fn frame(&mut self, scale: f32) -> Vec<f32> {
        (0..DIMENSION).map(|_| scale * self.normal()).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_file_for_the_judge_has_a_header_and_a_record_for_each_state_and_a_seed_always_gives_the_same() {
        let (scheme, statistics) = drawn_statistics(11).unwrap();
        let file = judge_file(&statistics, &scheme);
        let record = 4 * 4 + 8 * (1 + 2 * DIMENSION);
        assert_eq!(file.len(), 16 + statistics.len() * record);
        assert_eq!(file[..4], u32::from(PHONES).to_le_bytes());
        let (scheme, again) = drawn_statistics(11).unwrap();
        assert!(judge_file(&again, &scheme) == file);
    }
}

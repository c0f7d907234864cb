//! From several channels to one.

use crate::Error;

/// Share of the channels' power below which their mean is taken for what was left when they cancelled: 20 dB down. Of
/// channels that have nothing in common a half is left of two, an eighth of eight.
const CANCELLED: f64 = 0.01;

/// Takes one channel, or the mean of all.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Mixer {
    /// From 1; none for the mean.
    channel: Option<usize>,
    /// Most channels of which a mean was taken.
    averaged: usize,
    /// Sums of squares over all that was averaged: of the mean, and the mean of the channels'.
    power: (f64, f64),
}

impl Mixer {
    /// Of files with several channels the one with this number, from 1; a file with one channel has that.
    pub(crate) fn choosing(channel: Option<usize>) -> Self {
        Self { channel, ..Self::default() }
    }

    /// Appends one sample for each `channels` interleaved ones, times `scale`.
    ///
    /// # Errors
    /// [`Error::NoSuchChannel`].
    pub(crate) fn mix(
        &mut self,
        interleaved: &[f32],
        channels: usize,
        scale: f32,
        mono: &mut Vec<f32>,
    ) -> Result<(), Error> {
        let frames = interleaved.chunks_exact(channels);
        match self.channel {
            _ if channels == 1 => mono.extend(interleaved.iter().map(|sample| sample * scale)),
            Some(channel) if channel <= channels => {
                mono.extend(frames.map(|frame| frame[channel - 1] * scale))
            }
            Some(asked) => return Err(Error::NoSuchChannel { asked, channels }),
            None => {
                self.averaged = self.averaged.max(channels);
                let share = 1.0 / channels as f32;
                for frame in frames {
                    let mean = frame.iter().sum::<f32>() * share;
                    self.power.0 += f64::from(mean * mean);
                    self.power.1 +=
                        f64::from(frame.iter().map(|sample| sample * sample).sum::<f32>() * share);
                    mono.push(mean * scale);
                }
            }
        }
        Ok(())
    }

    /// Channels of which a mean was taken; 1 where none was.
    pub(crate) fn averaged(&self) -> usize {
        self.averaged.max(1)
    }

    /// # Errors
    /// [`Error::Cancelled`] where the mean is nothing although the channels are not.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let (mean, channels) = self.power;
        if mean < CANCELLED * channels {
            return Err(Error::Cancelled { channels: self.averaged, percent: 100.0 * mean / channels });
        }
        Ok(())
    }
}

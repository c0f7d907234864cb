//! Mixing of several channels to one.

use crate::Error;

/// If the mean's share of the channels' power is below this (20 dB down), the channels are taken to cancel each other.
/// For uncorrelated channels the share is a half with two channels, an eighth with eight.
const CANCELLED: f64 = 0.01;

/// Selects one channel, or takes the mean of all.
#[derive(Debug, Clone, Default, PartialEq)]
pub(crate) struct Mixer {
    /// The selected channel, from 1; `None` for the mean.
    channel: Option<usize>,
    /// Largest number of channels that were averaged.
    averaged: usize,
    /// Sums of squares over all averaged samples: of the mean, and the channels' average.
    power: (f64, f64),
}

impl Mixer {
    /// Creates a mixer that selects the channel with this number, from 1, in files with several channels.
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

    /// Returns the number of channels that were averaged; 1 if none were.
    pub(crate) fn averaged(&self) -> usize {
        self.averaged.max(1)
    }

    /// Checks that the channels do not cancel each other.
    ///
    /// # Errors
    /// [`Error::Cancelled`] if the mean is almost zero although the channels are not.
    pub(crate) fn check(&self) -> Result<(), Error> {
        let (mean, channels) = self.power;
        if mean < CANCELLED * channels {
            return Err(Error::Cancelled { channels: self.averaged, percent: 100.0 * mean / channels });
        }
        Ok(())
    }
}

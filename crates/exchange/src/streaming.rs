use crate::dense::floats;
use crate::error::{Error, first_non_finite};
use std::collections::BTreeMap;

#[derive(Debug)]
pub struct StreamingMean {
    sums: Vec<f64>,
    members: BTreeMap<u32, (Option<u64>, usize)>,
    weight: u64,
}
impl StreamingMean {
    pub fn new(len: usize, slots: &[u32]) -> Self {
        Self { sums: vec![-0.0; len], members: slots.iter().map(|&s| (s, (None, 0))).collect(), weight: 0 }
    }
    pub fn open(&mut self, slot: u32, weight: u64) -> Result<(), Error> {
        let len = self.sums.len();
        let member = self.members.get_mut(&slot).ok_or(Error::SlotOrder { previous: 0, found: slot })?;
        if member.0.is_some() { return Err(Error::SlotOrder { previous: slot, found: slot }); }
        *member = (Some(weight), if weight == 0 { len } else { 0 });
        self.weight += weight;
        Ok(())
    }
    pub fn ready(&self, slot: u32) -> usize {
        self.members.range(..slot).map(|(_, m)| m.1).min().unwrap_or(self.sums.len())
    }
    pub fn add(&mut self, slot: u32, at: usize, bytes: &[u8]) -> Result<(), Error> {
        let end = at + bytes.len() / 4;
        let member = self.members.get_mut(&slot).ok_or(Error::SlotOrder { previous: 0, found: slot })?;
        if member.1 != at || end > self.sums.len() { return Err(Error::Trailing { found: bytes.len() }); }
        if let Some(e) = first_non_finite("payload", floats(bytes)) { return Err(e); }
        let w = member.0.unwrap_or(0) as f64;
        for (s, v) in self.sums[at..end].iter_mut().zip(floats(bytes)) { *s += w * f64::from(v); }
        member.1 = end;
        Ok(())
    }
    pub fn is_complete(&self) -> bool { self.members.values().all(|m| m.0.is_some() && m.1 == self.sums.len()) }
    pub fn finish_payload(&self) -> Result<Vec<u8>, Error> {
        if self.weight == 0 { return Err(Error::NothingToReduce); }
        Ok(self.sums.iter().flat_map(|s| ((s / self.weight as f64) as f32).to_le_bytes()).collect())
    }
}

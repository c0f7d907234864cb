//! The models of phones in their contexts.

use super::Hmm;
use crate::error::{Error, finite};
use crate::triphone::Triphone;
use std::fmt;

/// How far the neighbours of a phone reach.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Context {
    /// Only in the phone's own word; beside its first and last phone stands the edge, whatever is said before and after.
    WithinWords,
    /// In the words and pauses before and after, too.
    AcrossWords,
}

/// The models of all phones: a shape for each phone, and the outputs of its states, which may depend on the phones beside it.
pub struct Topology {
    phones: Vec<Hmm>,
    outputs: Outputs,
    context: Context,
    edge: u32,
    scale: f64,
}

enum Outputs {
    /// Of each phone, in any context.
    Independent(Vec<Vec<u32>>),
    Tied(Box<dyn Fn(Triphone) -> Vec<u32> + Send + Sync>),
}

impl Topology {
    /// Phones whose outputs do not depend on context: the shape and the output of each state of phone i at place i.
    ///
    /// Costs of transitions are multiplied by `scale`. With fewer frames per second, transitions weigh more against acoustic
    /// scores; 0 leaves them out.
    ///
    /// # Errors
    /// If there is no phone, a phone has another number of outputs than of states, or the scale is not finite.
    pub fn independent(phones: Vec<(Hmm, Vec<u32>)>, scale: f64) -> Result<Self, Error> {
        let (phones, outputs): (Vec<_>, Vec<_>) = phones.into_iter().unzip();
        let (outputs, context) = (Outputs::Independent(outputs), Context::WithinWords);
        let topology = Self { phones, outputs, context, edge: 0, scale };
        topology.check()?;
        for centre in 0..topology.phones.len() as u32 {
            topology.model(Triphone { left: 0, centre, right: 0 })?;
        }
        Ok(topology)
    }

    /// Phones whose outputs depend on the phones beside them. `outputs` gives those of all states of a triphone; the same triphone
    /// must always have the same. Phones without context, such as silence, have the same outputs in all contexts.
    ///
    /// `edge` is the phone that the first and the last phone of an utterance have beside them, usually silence.
    ///
    /// # Errors
    /// If there is no phone, `edge` is none of them, or the scale is not finite.
    pub fn tied(
        phones: Vec<Hmm>,
        context: Context,
        edge: u32,
        scale: f64,
        outputs: impl Fn(Triphone) -> Vec<u32> + Send + Sync + 'static,
    ) -> Result<Self, Error> {
        let topology = Self { phones, outputs: Outputs::Tied(Box::new(outputs)), context, edge, scale };
        topology.check()?;
        Ok(topology)
    }

    fn check(&self) -> Result<(), Error> {
        finite(self.scale, || "the scale of transitions".into())?;
        let count = self.phones.len() as u64;
        match count {
            0 => Err(Error::Empty { what: "the list of phones".into() }),
            _ if u64::from(self.edge) >= count => {
                Err(Error::OutOfRange { what: "phone", index: self.edge.into(), count })
            }
            _ => Ok(()),
        }
    }

    /// How many phones there are.
    pub fn len(&self) -> usize {
        self.phones.len()
    }

    /// Always false: there is at least one phone.
    pub fn is_empty(&self) -> bool {
        self.phones.is_empty()
    }

    /// The phone beside the first and the last phone of an utterance.
    pub fn edge(&self) -> u32 {
        self.edge
    }

    /// How far the neighbours of a phone reach.
    pub fn context(&self) -> Context {
        self.context
    }

    /// What a phone beside which a word begins or ends has there as a neighbour.
    pub(super) fn beside_word(&self, phone: u32) -> u32 {
        match self.context {
            Context::WithinWords => self.edge,
            Context::AcrossWords => phone,
        }
    }

    /// The output of each state of a triphone.
    ///
    /// # Errors
    /// If the phone has another number of states.
    pub fn model(&self, triphone: Triphone) -> Result<Vec<u32>, Error> {
        let centre = triphone.centre as usize;
        let outputs = match &self.outputs {
            Outputs::Independent(outputs) => outputs[centre].clone(),
            Outputs::Tied(outputs) => outputs(triphone),
        };
        let expected = self.phones[centre].states().len();
        match outputs.len() == expected {
            true => Ok(outputs),
            false => Err(Error::Outputs { triphone, expected, found: outputs.len() }),
        }
    }

    /// The shape of a phone's model.
    ///
    /// # Panics
    /// If there is no such phone.
    pub fn hmm(&self, phone: u32) -> &Hmm {
        &self.phones[phone as usize]
    }

    /// The cost of a transition.
    pub(crate) fn cost(&self, probability: f64) -> f64 {
        // Plus 0, as −0 is a nuisance when graphs are printed.
        -self.scale * probability.ln() + 0.0
    }
}

impl fmt::Debug for Topology {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { phones, context, edge, scale, .. } = self;
        f.debug_struct("Topology")
            .field("phones", phones)
            .field("context", context)
            .field("edge", edge)
            .field("scale", scale)
            .finish_non_exhaustive()
    }
}

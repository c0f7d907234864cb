use crate::Error;
use bytes::Bytes;
use stentor_acoustic::{
    AcousticModel, Batch, Objective, Optimizer, Score, Tensor, annotated_objective, build_optimizer,
    clip_to_norm, machine_labeled_objective, mean_gradient,
};
use stentor_exchange::gtc::{Encoder, decode_mean, suggest_tau};
use stentor_exchange::{BlockMomentum, Tau, decode_dense, digest_f32, encode_dense};
use stentor_experiment::{BlockMoments, BmufMomentum, Experiment, GtcApply, OptimizerKind, Source, Strategy};
use stentor_proto::v1::encoding::Kind;

/// A worker's copy of the model and its side of the exchange.
///
/// Between rounds all replicas hold the same bits. What a worker has alone is its residual (GTC) and, where each worker
/// steps by itself, its optimiser.
pub(crate) struct Replica {
    pub(crate) model: Box<dyn AcousticModel>,
    pub(crate) optimizer: Box<dyn Optimizer>,
    pub(crate) exchange: Exchange,
    annotated: Box<dyn Objective>,
    machine_labeled: Box<dyn Objective>,
    clip_norm: f64,
    /// What the open round is to contribute: a mean gradient or an update. Empty until a batch was done, and with BMUF.
    vector: Vec<f32>,
}

/// The worker's side of a strategy.
pub(crate) enum Exchange {
    /// Mean gradients; one optimiser on every replica.
    Dense,
    /// Gradient threshold compression.
    Gtc(Residual),
    /// Blockwise model-update filtering.
    Bmuf { filter: Box<BlockMomentum>, kind: BmufMomentum, moments: BlockMoments },
}

/// What GTC has kept back so far.
pub(crate) struct Residual {
    /// Whether gradients or the own optimiser's updates are thresholded.
    pub(crate) apply: GtcApply,
    /// r, in units of what is thresholded.
    pub(crate) kept: Vec<f32>,
    /// r′: adopted when an update names this worker as a contributor.
    next: Vec<f32>,
    clip: Option<f32>,
    encoder: Encoder,
}

/// A coded contribution.
#[derive(Debug, Default)]
pub(crate) struct Coded {
    pub(crate) payload: Bytes,
    pub(crate) values_sent: u64,
    pub(crate) residual_norm: f64,
    pub(crate) suggested_tau: f32,
}

impl Replica {
    pub(crate) fn new(model: Box<dyn AcousticModel>, experiment: &Experiment) -> Self {
        let parameters = model.parameters();
        let len = parameters.len();
        let optimizer = build_optimizer(&experiment.optimizer, len, parameters.device());
        let settings = &experiment.exchange;
        let exchange = match settings.strategy {
            Strategy::Dense => Exchange::Dense,
            Strategy::Gtc | Strategy::TwoTier => Exchange::Gtc(Residual {
                apply: match (settings.gtc.apply, experiment.optimizer.kind) {
                    (GtcApply::Auto, OptimizerKind::Sgd) => GtcApply::Gradient,
                    (GtcApply::Auto, OptimizerKind::Adam) => GtcApply::Update,
                    (apply, _) => apply,
                },
                kept: vec![0.0; len],
                next: vec![0.0; len],
                clip: (settings.gtc.residual_clip > 0.0).then_some(settings.gtc.residual_clip as f32),
                encoder: Encoder::new(),
            }),
            Strategy::Bmuf => Exchange::Bmuf {
                filter: Box::new(BlockMomentum::new(parameters.to_host(), settings.bmuf.kind)),
                kind: settings.bmuf.kind,
                moments: settings.bmuf.moments,
            },
        };
        Self {
            model,
            optimizer,
            exchange,
            annotated: annotated_objective(&experiment.objective),
            machine_labeled: machine_labeled_objective(&experiment.objective),
            clip_norm: experiment.optimizer.clip_norm,
            vector: Vec::new(),
        }
    }

    /// Whether the optimiser is one of this worker's own, rather than the same on every replica.
    pub(crate) fn steps_alone(&self) -> bool {
        match &self.exchange {
            Exchange::Dense => false,
            Exchange::Gtc(residual) => residual.apply == GtcApply::Update,
            Exchange::Bmuf { .. } => true,
        }
    }

    /// Number of parameters.
    pub(crate) fn len(&self) -> usize {
        self.model.parameters().len()
    }

    pub(crate) fn objective(&self, source: Source) -> &dyn Objective {
        match source {
            Source::Annotated => self.annotated.as_ref(),
            Source::MachineLabeled => self.machine_labeled.as_ref(),
        }
    }

    /// Digest of the parameters as they are on every replica between rounds.
    pub(crate) fn digest(&self) -> u64 {
        digest_f32(&self.model.parameters().to_host())
    }

    /// Goes forward and backward over a batch; returns its score and the gradient's norm before clipping.
    /// `learning_rate` is used where the worker steps alone.
    pub(crate) fn learn(
        &mut self,
        batch: &Batch,
        source: Source,
        learning_rate: f64,
    ) -> Result<(Score, f64), Error> {
        let score = mean_gradient(self.model.as_ref(), batch, self.objective(source))?;
        let gradient = self.model.parameters().gradient();
        let norm = clip_to_norm(gradient, self.clip_norm)?;
        if !(score.is_finite() && norm.is_finite()) {
            return Ok((score, norm));
        }
        match &self.exchange {
            Exchange::Bmuf { .. } => {
                let step = self.optimizer.update(gradient, learning_rate)?;
                self.model.parameters().add(&step)?;
            }
            Exchange::Gtc(residual) if residual.apply == GtcApply::Update => {
                let step = self.optimizer.update(gradient, learning_rate)?;
                self.vector = host(&step);
            }
            Exchange::Gtc(_) | Exchange::Dense => self.vector = self.model.parameters().gradient_host(),
        }
        Ok((score, norm))
    }

    /// Codes what the round's batches came to. Nothing of it is adopted before [`apply`](Self::apply).
    pub(crate) fn contribute(&mut self, encoding: &Kind) -> Result<Coded, Error> {
        let values = self.len() as u64;
        if let Exchange::Bmuf { .. } = self.exchange {
            let payload = encode_dense(&self.model.parameters().to_host()).into();
            return Ok(Coded { payload, values_sent: values, ..Coded::default() });
        }
        let vector = std::mem::take(&mut self.vector);
        if vector.is_empty() {
            return Ok(Coded::default());
        }
        let Exchange::Gtc(residual) = &mut self.exchange else {
            return Ok(Coded {
                payload: encode_dense(&vector).into(),
                values_sent: values,
                ..Coded::default()
            });
        };
        residual.contribute(&vector, encoding)
    }

    /// Takes a round's update in: the same bits on every replica.
    ///
    /// `counted`: whether this worker's contribution is in it. `learning_rate` is used where the optimiser is replicated.
    pub(crate) fn apply(
        &mut self,
        encoding: &Kind,
        payload: &[u8],
        counted: bool,
        learning_rate: f64,
    ) -> Result<(), Error> {
        if let Exchange::Gtc(residual) = &mut self.exchange
            && counted
        {
            std::mem::swap(&mut residual.kept, &mut residual.next);
        }
        let len = self.len();
        if payload.is_empty() {
            return Ok(());
        }
        let mean = match encoding {
            Kind::Dense(_) | Kind::Block(_) => decode_dense(payload, len)?,
            Kind::Threshold(_) => {
                let mut mean = vec![0.0; len];
                decode_mean(payload, &mut mean)?;
                mean
            }
        };
        match (&mut self.exchange, encoding) {
            (Exchange::Bmuf { filter, moments, .. }, Kind::Block(block)) => {
                filter.close(&mean, block.momentum, block.learning_rate)?;
                self.model.parameters().load_host(filter.start())?;
                if *moments == BlockMoments::Reset {
                    self.optimizer.load_state(&stentor_acoustic::OptimizerState::default())?;
                }
            }
            (Exchange::Gtc(Residual { apply: GtcApply::Update, .. }), _) => {
                self.model.parameters().add(&device_vector(&mean, self.model.as_ref())?)?;
            }
            _ => {
                let gradient = device_vector(&mean, self.model.as_ref())?;
                let step = self.optimizer.update(&gradient, learning_rate)?;
                self.model.parameters().add(&step)?;
            }
        }
        Ok(())
    }

    /// The parameters to deploy: with BMUF W, not the look-ahead point that the worker trains from.
    pub(crate) fn deployed(&self) -> Vec<f32> {
        match &self.exchange {
            Exchange::Bmuf { filter, .. } => filter.deployed().to_vec(),
            _ => self.model.parameters().to_host(),
        }
    }

    /// Runs `f` with the parameters to deploy in the model.
    pub(crate) fn with_deployed<T>(
        &self,
        f: impl FnOnce(&dyn AcousticModel) -> Result<T, Error>,
    ) -> Result<T, Error> {
        let Exchange::Bmuf { filter, .. } = &self.exchange else { return f(self.model.as_ref()) };
        self.model.parameters().load_host(filter.deployed())?;
        let result = f(self.model.as_ref());
        self.model.parameters().load_host(filter.start())?;
        result
    }
}

impl Residual {
    fn contribute(&mut self, vector: &[f32], encoding: &Kind) -> Result<Coded, Error> {
        // 0 says that no threshold is suggested, none being asked for.
        let suggest = |kept: &[f32], density: f64| {
            if density > 0.0 { suggest_tau(vector, kept, density).unwrap_or(0.0) } else { 0.0 }
        };
        match encoding {
            Kind::Threshold(threshold) => {
                let tau = Tau::exact(threshold.tau)?;
                let suggested_tau = suggest(&self.kept, threshold.density);
                let mut payload = Vec::new();
                let stats =
                    self.encoder.encode(vector, &self.kept, tau, self.clip, &mut self.next, &mut payload)?;
                let (values_sent, residual_norm) = (stats.sent, stats.residual_norm);
                Ok(Coded { payload: payload.into(), values_sent, residual_norm, suggested_tau })
            }
            // A dense round sends all that was kept back as well.
            Kind::Dense(dense) => {
                let suggested_tau = suggest(&self.kept, dense.density);
                let all: Vec<f32> = vector.iter().zip(&self.kept).map(|(g, r)| g + r).collect();
                self.next.fill(0.0);
                let payload = encode_dense(&all).into();
                Ok(Coded { payload, values_sent: vector.len() as u64, residual_norm: 0.0, suggested_tau })
            }
            Kind::Block(_) => Err(Error::Protocol("a block was asked for in a run that thresholds".into())),
        }
    }
}

fn host(tensor: &Tensor) -> Vec<f32> {
    let mut values = vec![0.0; tensor.numel()];
    let len = values.len();
    tensor.to_device(stentor_acoustic::Device::Cpu).copy_data(&mut values, len);
    values
}

fn device_vector(values: &[f32], model: &dyn AcousticModel) -> Result<Tensor, Error> {
    let device = model.parameters().device();
    Tensor::f_from_slice(values)
        .and_then(|t| t.f_to_device(device))
        .map_err(|e| Error::Acoustic(stentor_acoustic::Error::from(e)))
}

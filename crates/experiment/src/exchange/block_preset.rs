use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// Published methods that are settings of one filter. A preset gives defaults; keys in the file take precedence.
///
/// With G = mean(θᵢ) − S, the filter is Δ ← ηΔ + ζG; W ← W + Δ; the next S is W or W + ηΔ.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub enum BlockPreset {
    /// Chen & Huo 2016: η = 1 − 1/N, ζ = 1, Nesterov, weighted by frames, W deployed.
    Bmuf,
    /// SlowMo, Wang et al. 2020 ("SlowMo: improving communication-efficient distributed SGD with slow momentum"),
    /// algorithm 1 with local SGD; its β is η here, and its α is ζ.
    ///
    /// In the paper's notation:
    ///
    /// ```text
    /// u ← βu + (x − mean(xᵢ)) / γ      x ← x − αγu
    /// ```
    ///
    /// Equal to it while the learning rate γ is constant: then Δ = −αγu and S = W = x at every block. Also equal are
    /// the unweighted mean, β = 0.7, α = 1, and the reset of the local optimisers' buffers (the paper resets them for
    /// SGD; it keeps those of Adam: `moments = "keep"`).
    ///
    /// Not equal where γ changes: u is in units of gradients, so the paper's momentum is rescaled by the current rate,
    /// Δ ← β(γ/γ′)Δ + αG with γ′ of the block before; here it is not. If the rate falls slowly, the difference is the
    /// fall within 1/(1 − β) = 3.3 blocks. `block` is 50, which is not from the paper: it used 12 to 48 by task.
    Slowmo,
    /// DiLoCo, Douillard et al. 2023 ("DiLoCo: distributed low-communication training of language models"), algorithm 1
    /// with Nesterov's momentum as the outer optimiser; its μ is η here, and its λ is ζ.
    ///
    /// In the paper's notation:
    ///
    /// ```text
    /// g ← θ − mean(θᵢ)      b ← μb + g      θ ← θ − λ(g + μb)
    /// ```
    ///
    /// Equal to it while η is constant: Δ = −λb, and S, where workers start, is θ at every block. Also equal are
    /// μ = 0.9, λ = 0.7, 500 batches a block, an unweighted mean, and local optimisers that keep their moments.
    ///
    /// Not equal is the deployed model: DiLoCo deploys θ, the look-ahead point; here it is W = θ − ηΔ, as with BMUF.
    /// The published runs used AdamW as the local optimiser; there is no weight decay here.
    Diloco,
}

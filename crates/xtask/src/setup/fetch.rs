//! What is downloaded.

/// The version of libtorch.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Accelerator {
    /// For processors only.
    Cpu,
    /// With the CUDA libraries; also works on machines without a GPU.
    Gpu,
}

/// The download of a part.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Fetch {
    pub(crate) what: &'static str,
    pub(crate) from: &'static str,
    /// Size of the download in megabytes.
    pub(crate) megabytes: u32,
}

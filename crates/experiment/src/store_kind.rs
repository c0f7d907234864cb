/// Kinds of stores that a location may name. Here, for every program reads locations from an experiment; `stentor-store` opens them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// A folder of this machine, which may also be named without a URL.
    Folder,
    /// Amazon S3 and what speaks as it does.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl StoreKind {
    /// The kind that URLs of this scheme name; none where there is no such kind.
    #[must_use]
    pub fn of(scheme: &str) -> Option<Self> {
        Some(match scheme {
            "file" => Self::Folder,
            "s3" | "s3a" => Self::S3,
            "gs" => Self::Gcs,
            "az" | "adl" | "azure" | "abfs" | "abfss" => Self::Azure,
            _ => return None,
        })
    }
}

/// Kinds of stores that a location can name. Defined here because every program reads locations from an experiment;
/// `stentor-store` opens them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum StoreKind {
    /// A folder of this machine, which may also be named without a URL.
    Folder,
    /// Amazon S3 and compatible stores.
    S3,
    /// Google Cloud Storage.
    Gcs,
    /// Azure Blob Storage.
    Azure,
}

impl StoreKind {
    /// Returns the kind for URLs of this scheme; `None` if there is none.
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

use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use object_store::azure::{AzureConfigKey, MicrosoftAzureBuilder};
use object_store::gcp::{GoogleCloudStorageBuilder, GoogleConfigKey};
use object_store::{BackoffConfig, ClientConfigKey, ObjectStore, ObjectStoreScheme, RetryConfig, path::Path};
use std::sync::Arc;
use std::time::Duration;
use url::Url;

/// Tries after the first, of a request that was not answered, or answered with the server's own error.
pub(crate) const RETRIES: usize = 5;
/// No try begins later than this after the first.
const RETRY_TIME: Duration = Duration::from_secs(60);

/// What our requests need and object_store's defaults do not give: a large model takes more than half a minute on a narrow
/// line, but a line on which nothing comes for half a minute is broken.
const PATIENCE: [(ClientConfigKey, &str); 3] = [
    (ClientConfigKey::Timeout, "30 minutes"),
    (ClientConfigKey::ReadTimeout, "30 seconds"),
    (ClientConfigKey::ConnectTimeout, "5 seconds"),
];

/// A provider's store: our own settings first, then those of the environment that are the provider's, which beat them.
macro_rules! build {
    ($builder:ident, $key:ident, $prefix:literal, $url:ident, $settings:ident) => {{
        let mut builder = $builder::new().with_url($url.as_str()).with_retry(retries());
        for (key, value) in PATIENCE {
            builder = builder.with_config($key::Client(key), value);
        }
        for (name, value) in $settings {
            if name.starts_with($prefix)
                && let Ok(key) = name.to_ascii_lowercase().parse::<$key>()
            {
                builder = builder.with_config(key, value);
            }
        }
        Arc::new(builder.build()?)
    }};
}

/// Opens a store on the network. Credentials, region and endpoint come from where the provider's own programs take them:
/// settings that begin with `AWS_`, `GOOGLE_` or `AZURE_`, web identity, the metadata service of machine or container.
pub(crate) fn open(url: &Url, settings: &[(String, String)]) -> Result<(Arc<dyn ObjectStore>, Path), String> {
    let (scheme, path) = ObjectStoreScheme::parse(url).map_err(|error| error.to_string())?;
    let objects = provider(&scheme, url, settings).map_err(|error| error.to_string())?;
    let objects = objects.ok_or_else(|| format!("there is no store for `{}://`", url.scheme()))?;
    Ok((objects, path))
}

fn provider(
    scheme: &ObjectStoreScheme,
    url: &Url,
    settings: &[(String, String)],
) -> Result<Option<Arc<dyn ObjectStore>>, object_store::Error> {
    Ok(Some(match scheme {
        ObjectStoreScheme::AmazonS3 => build!(AmazonS3Builder, AmazonS3ConfigKey, "AWS_", url, settings),
        ObjectStoreScheme::GoogleCloudStorage => {
            build!(GoogleCloudStorageBuilder, GoogleConfigKey, "GOOGLE_", url, settings)
        }
        ObjectStoreScheme::MicrosoftAzure => {
            build!(MicrosoftAzureBuilder, AzureConfigKey, "AZURE_", url, settings)
        }
        _ => return Ok(None),
    }))
}

fn retries() -> RetryConfig {
    let backoff = BackoffConfig {
        init_backoff: Duration::from_millis(100),
        max_backoff: Duration::from_secs(10),
        base: 2.0,
    };
    RetryConfig { backoff, max_retries: RETRIES, retry_timeout: RETRY_TIME }
}

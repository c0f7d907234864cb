use crate::error::Error;
use crate::metrics::{self, CATALOGUE, Metric};
use opentelemetry::KeyValue;
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::metrics::{Aggregation, Instrument, SdkMeterProvider, Stream};
use tracing::{Level, Subscriber};
use tracing_opentelemetry::MetricsLayer;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::Layer;
use tracing_subscriber::registry::LookupSpan;

/// Builds the pipeline from metric events to a Prometheus registry.
pub(super) fn provider(program: &'static str) -> Result<(SdkMeterProvider, prometheus::Registry), Error> {
    let registry = prometheus::Registry::new();
    let exporter = opentelemetry_prometheus::exporter()
        .with_registry(registry.clone())
        .with_namespace(metrics::NAMESPACE)
        .scope_info_enabled(false)
        .build()
        .map_err(|error| Error::MetricsPipeline(error.to_string()))?;
    let resource = Resource::builder_empty()
        .with_attributes([
            KeyValue::new("service.name", program),
            KeyValue::new("service.version", env!("CARGO_PKG_VERSION")),
        ])
        .build();
    let provider =
        SdkMeterProvider::builder().with_resource(resource).with_reader(exporter).with_view(view).build();
    Ok((provider, registry))
}

/// The layer that handles metric events and nothing else: an event of another crate with a field `counter.x` is only a
/// log line.
pub(super) fn layer<S>(provider: SdkMeterProvider) -> impl Layer<S>
where
    S: Subscriber + for<'span> LookupSpan<'span>,
{
    MetricsLayer::new(provider).with_filter(Targets::new().with_target(metrics::TARGET, Level::INFO))
}

/// Events carry a name and a value; unit, help and buckets come from the catalogue.
fn view(instrument: &Instrument) -> Option<Stream> {
    let entry = CATALOGUE.iter().find(|metric| metric.name == instrument.name());
    let stream = match entry {
        Some(metric) => describe(metric),
        None => Stream::builder().with_aggregation(Aggregation::Drop).build(),
    };
    debug_assert!(stream.is_ok(), "{entry:?} makes no stream");
    stream.ok()
}

fn describe(metric: &Metric) -> Result<Stream, Box<dyn std::error::Error>> {
    let stream = Stream::builder().with_description(metric.help).with_unit(metric.unit.code());
    if metric.buckets.is_empty() {
        return stream.build();
    }
    let buckets =
        Aggregation::ExplicitBucketHistogram { boundaries: metric.buckets.to_vec(), record_min_max: false };
    stream.with_aggregation(buckets).build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_of_the_catalogue_makes_a_stream() {
        for metric in CATALOGUE {
            describe(metric).map(drop).unwrap_or_else(|error| panic!("{metric:?}: {error}"));
        }
    }
}

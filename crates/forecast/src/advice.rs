use crate::predict::{Forecast, Method, Reducers};
use crate::scenario::Scenario;
use indicatif::DecimalBytes;
use std::time::Duration;

/// Explains the forecasts in sentences: which strategy is the fastest and why, and whether compression pays.
#[must_use]
pub fn advice(scenario: &Scenario, forecasts: &[Forecast]) -> Vec<String> {
    let best = |of: &dyn Fn(&Forecast) -> bool| {
        let candidates = forecasts.iter().filter(|f| of(f));
        candidates.min_by(|a, b| a.total_s.total_cmp(&b.total_s))
    };
    let is_gtc = |f: &Forecast| matches!(f.method, Method::Gtc | Method::GtcRethresholded);
    let found = (
        best(&|_| true),
        best(&|f| f.method.agrees_every_batch()),
        best(&|f| f.method == Method::Dense),
        best(&is_gtc),
    );
    let (Some(fastest), Some(agreeing), Some(dense), Some(gtc)) = found else { return Vec::new() };
    let mut said = Vec::new();
    if scenario.workers == 1 {
        said.push("There is no other worker to exchange with, so every exchange is overhead.".to_owned());
    }
    said.push(format!(
        "The fastest is {}: {} per batch, {} of it computing; {} workers do the work of {:.1}.",
        full_name(fastest),
        time(fastest.total_s),
        percent(fastest.compute_s, fastest.total_s),
        scenario.workers,
        fastest.speedup,
    ));
    said.push(why(fastest, dense));
    if !fastest.method.agrees_every_batch() {
        said.push(format!(
            "It exchanges models only every {} batches, and the models diverge in between: compare losses, not only \
             times. Of the strategies with one model after every batch, the fastest is {}: {} per batch.",
            scenario.block,
            full_name(agreeing),
            time(agreeing.total_s),
        ));
    }
    said.push(compression(dense, gtc));
    if scenario.workers > 1 {
        said.extend(reducers(forecasts, agreeing.method));
    }
    said
}

fn why(fastest: &Forecast, dense: &Forecast) -> String {
    let wire = |f: &Forecast| f.up_s + f.down_s;
    if wire(dense) < 0.1 * dense.total_s {
        return format!(
            "The network is fast for this model: even dense spends only {} of a batch on transfers.",
            percent(wire(dense), dense.total_s)
        );
    }
    format!(
        "Dense would spend {} of {} on transfers ({}); {} spends {} ({}).",
        time(wire(dense)),
        time(dense.total_s),
        size(dense.bytes_up + dense.bytes_down),
        full_name(fastest),
        time(wire(fastest)),
        size(fastest.bytes_up + fastest.bytes_down),
    )
}

fn compression(dense: &Forecast, gtc: &Forecast) -> String {
    let wire = |f: &Forecast| f.up_s + f.down_s;
    let work = |f: &Forecast| f.encode_s + f.reduce_s + f.apply_s;
    let (saved, spent) = (wire(dense) - wire(gtc), work(gtc) - work(dense));
    if gtc.total_s < dense.total_s {
        let coding = match spent {
            // Guards against rates of zero.
            0.0 => String::new(),
            more if more > 0.0 => format!(" and costs {} more arithmetic", time(more)),
            less => format!(" and also saves {} of arithmetic", time(-less)),
        };
        format!(
            "Compression pays: GTC saves {} of transfer time{coding}; it is {:.1} times faster than dense.",
            time(saved),
            dense.total_s / gtc.total_s,
        )
    } else {
        format!(
            "Compression does not pay: GTC would save {} of transfer time and cost {} more arithmetic.",
            time(saved.max(0.0)),
            time(spent.max(0.0)),
        )
    }
}

/// Describes the effect of reducers on the workers' hosts in a sentence.
fn reducers(forecasts: &[Forecast], method: Method) -> Option<String> {
    let with = |place| forecasts.iter().find(|f| f.method == method && f.reducers == place);
    let (one, each) = (with(Reducers::Coordinator)?, with(Reducers::EachWorker)?);
    let gained = one.total_s - each.total_s;
    Some(if gained > 0.05 * one.total_s {
        format!(
            "Reducers on the workers' hosts (`exchange.reducers`) save {} per batch with {}: otherwise one link carries all transfers.",
            time(gained),
            method.name(),
        )
    } else {
        format!("Reducers on the workers' hosts would change little with {}.", method.name())
    })
}

fn full_name(forecast: &Forecast) -> String {
    let place = match forecast.reducers {
        Reducers::Coordinator => "through the coordinator",
        Reducers::EachWorker => "through reducers on the workers' hosts",
    };
    format!("{} {place}", forecast.method.name())
}

fn percent(part: f64, whole: f64) -> String {
    if whole > 0.0 { format!("{:.0} %", 100.0 * part / whole) } else { "nothing".to_owned() }
}

fn time(seconds: f64) -> String {
    format!("{:.1?}", Duration::try_from_secs_f64(seconds).unwrap_or(Duration::MAX))
}

fn size(bytes: f64) -> DecimalBytes {
    DecimalBytes(bytes.round() as u64)
}

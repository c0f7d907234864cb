//! A small language of tones, and a model that understands it: phones are tones, and a network whose weights are set by hand hears
//! which one sounds.

#![allow(
    dead_code,
    clippy::unwrap_used,
    reason = "helpers of tests are tests, and each test uses a part of them"
)]

use std::sync::OnceLock;
use stentor_audio::{Fbank, stacked_frames};
use stentor_checkpoint::{ModelDescription, NamedTensor, Normalisation, TensorFile};
use stentor_experiment::{Architecture, Features, Lstm};
use stentor_inventory::{
    Case, Inventory, Lexicon, LexiconFormat, Normalise, ReadLexicon, Senone, SenoneId, Stress, UnknownPhones,
};
use stentor_language::{Counts, Model, Vocabulary, estimate};
use stentor_recogniser::{Settings, Statistics};
use stentor_transcribe::{
    Bundle, Contents, Description, Event, Options, Parts, TrainedModel, Transcriber, Utterance,
};

pub(crate) const RATE_HZ: u32 = 16_000;
/// How long a phone sounds.
pub(crate) const PHONE_MS: u32 = 150;

const PHONES: [(char, f64); 3] = [('a', 700.0), ('b', 1_400.0), ('c', 2_800.0)];

/// How large the network is. However large, three units of each layer do the work.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    pub(crate) layers: u32,
    pub(crate) width: u32,
    pub(crate) outputs: usize,
    pub(crate) look_ahead: u32,
}

/// For tests.
pub(crate) const SMALL: Size = Size { layers: 1, width: 8, outputs: 4, look_ahead: 0 };

pub(crate) fn features() -> Features {
    Features { high_hz: 8_000.0, ..Features::default() }
}

/// Samples of a text in which letters are tones and a number is a pause of so many milliseconds: `ab 300 ba`.
pub(crate) fn speak(text: &str) -> Vec<f32> {
    let mut samples: Vec<f32> = Vec::new();
    for part in text.split_whitespace() {
        match part.parse::<u32>() {
            Ok(pause_ms) => tone(0.0, 0.0, pause_ms, &mut samples),
            Err(_) => part.chars().for_each(|phone| {
                let (_, hz) = PHONES.into_iter().find(|(name, _)| *name == phone).unwrap();
                tone(hz, 3_000.0, PHONE_MS, &mut samples);
            }),
        }
    }
    samples
}

/// The same as bytes of 16-bit integers.
pub(crate) fn bytes(samples: &[f32]) -> Vec<u8> {
    samples.iter().flat_map(|sample| (sample.round() as i16).to_le_bytes()).collect()
}

fn tone(hz: f64, loudness: f64, ms: u32, samples: &mut Vec<f32>) {
    let count = ms * RATE_HZ / 1_000;
    for n in 0..count {
        let noise = f64::from(n.wrapping_mul(2_654_435_761) >> 16 & 7) - 3.5;
        let turn = std::f64::consts::TAU * hz * f64::from(n) / f64::from(RATE_HZ);
        // Tones begin and end within 10 ms: an edge would be a click, which has all frequencies.
        let edge = (f64::from(n.min(count - n)) / (f64::from(RATE_HZ) / 100.0)).min(1.0);
        samples.push((loudness * edge * turn.sin() + noise).round() as f32);
    }
}

fn mean_frame(samples: &[f32]) -> Vec<f32> {
    let features = features();
    let mut frames = Vec::new();
    let count = Fbank::new(&features, features.high_hz).unwrap().compute(samples, &mut frames);
    let (count, dimension) = (stacked_frames(count, features.stack), features.dimension());
    (0..dimension)
        .map(|n| (0..count).map(|frame| frames[frame * dimension + n]).sum::<f32>() / count as f32)
        .collect()
}

/// Silence, the phones, and phones that no word has.
pub(crate) fn inventory(size: Size) -> Inventory {
    let others = (4..size.outputs).map(|n| format!("x{n}"));
    let phones = ["SIL", "a", "b", "c"].map(str::to_owned).into_iter().chain(others);
    Inventory::new(phones.map(|phone| Senone::of_state(phone, 0, &[])).collect()).unwrap()
}

pub(crate) fn normalisation() -> Normalisation {
    let dimension = features().dimension();
    Normalisation { mean: vec![10.0; dimension], std: vec![5.0; dimension] }
}

pub(crate) fn architecture(size: Size) -> Architecture {
    Lstm { layers: size.layers, width: size.width, look_ahead: size.look_ahead, ..Lstm::default() }.into()
}

/// Unit n is high while tone n sounds, and hands that on from layer to layer; without any, silence has the highest output.
pub(crate) fn parameters(size: Size) -> TensorFile {
    let (dimension, width) = (features().dimension(), size.width as usize);
    let means: Vec<Vec<f32>> =
        PHONES.iter().map(|(name, _)| mean_frame(&speak(&name.to_string().repeat(4)))).collect();
    let silence = mean_frame(&speak("600"));
    let mut file = TensorFile::default();
    for (name, shape) in architecture(size).parameters(dimension, size.outputs) {
        let values = vec![0.0; shape.iter().product()];
        file.tensors.insert(name, NamedTensor { shape, values });
    }
    let mut set = |name: &str, place: usize, value: f32| {
        file.tensors.get_mut(name).unwrap().values[place] = value;
    };
    for layer in 0..size.layers {
        for unit in 0..width {
            // Gates i and o are open, f is closed: the cell has no memory.
            for (gate, bias) in [(0, 20.0), (1, -20.0), (3, 20.0)] {
                set(&format!("layer.{layer}.forward.input_bias"), gate * width + unit, bias);
            }
        }
    }
    for (unit, own) in means.iter().enumerate() {
        let others = |n: usize| {
            let rest = means.iter().enumerate().filter(|(other, _)| *other != unit);
            rest.map(|(_, mean)| mean[n]).fold(silence[n], f32::max)
        };
        let gain = |n: &usize| own[*n] - others(*n);
        let best = (0..dimension).max_by(|a, b| gain(a).total_cmp(&gain(b))).unwrap();
        let threshold = (own[best] + others(best)) / 2.0;
        let row = 2 * width + unit;
        set("layer.0.forward.input_weight", row * dimension + best, 8.0);
        set("layer.0.forward.input_bias", row, -8.0 * (threshold - 10.0) / 5.0);
        for layer in 1..size.layers {
            set(&format!("layer.{layer}.forward.input_weight"), row * width + unit, 8.0);
        }
        set("output.weight", (unit + 1) * width + unit, 20.0);
        set("output.weight", unit, -5.0);
    }
    (4..size.outputs).for_each(|output| set("output.bias", output, -40.0));
    file
}

pub(crate) fn lexicon() -> Lexicon {
    let read = ReadLexicon {
        format: LexiconFormat::Kaldi,
        stress: Stress::Keep,
        case: Case::Keep,
        normalise: Normalise::Maximum,
        phones: None,
        unknown_phones: UnknownPhones::Refuse,
    };
    read.read("ab a b\nba b a\ncac c a c\nbcb b c b\n").unwrap()
}

pub(crate) fn language() -> Model {
    let mut counts = Counts::new(Vocabulary::with_unknown(), 2).unwrap();
    counts.add_text("ab ba\nba cac\nbcb ab\ncac\nab\nba\nbcb\n".as_bytes()).unwrap();
    estimate(&counts).unwrap().model
}

pub(crate) fn statistics(size: Size) -> Statistics {
    let inventory = inventory(size);
    let mut statistics = Statistics::new(&inventory);
    let phone = |id: u16| std::iter::repeat_n(id, 5);
    let said: Vec<u16> = [0, 1, 2, 0, 2, 1, 0, 3, 1, 2, 0, 1, 2, 3, 0].into_iter().flat_map(phone).collect();
    statistics.add(&inventory, &SenoneId::list(said)).unwrap();
    statistics
}

pub(crate) fn settings() -> Settings {
    Settings { statistics: Some(statistics(SMALL)), ..Settings::default() }
}

/// Everything that a model folder has.
pub(crate) fn contents<'a>(
    lexicon: &'a Lexicon,
    language: &'a Model,
    settings: &'a Settings,
) -> Contents<'a> {
    sized(SMALL, lexicon, language, settings)
}

/// The same with a network of another size; the settings must be those of the size.
pub(crate) fn sized<'a>(
    size: Size,
    lexicon: &'a Lexicon,
    language: &'a Model,
    settings: &'a Settings,
) -> Contents<'a> {
    Contents {
        trained: TrainedModel {
            run_id: "tones".to_owned(),
            checkpoint: "000000-0000000001".to_owned(),
            model: ModelDescription {
                model: serde_json::to_value(architecture(size).resolved()).unwrap(),
                inputs: features().dimension(),
                senones: size.outputs,
            },
            features: features(),
            normalisation: normalisation(),
            senones: inventory(size),
        },
        parameters: parameters(size).to_bytes().unwrap().to_vec(),
        tree: None,
        lexicon,
        language,
        settings,
    }
}

pub(crate) fn packed() -> (Description, Parts) {
    contents(&lexicon(), &language(), &settings()).pack().unwrap()
}

pub(crate) fn bundle() -> &'static Bundle {
    static BUNDLE: OnceLock<Bundle> = OnceLock::new();
    BUNDLE.get_or_init(|| {
        let (description, parts) = packed();
        Bundle::of(description, &parts, "").unwrap()
    })
}

/// The same with look-ahead. The network has no memory, so at each frame it says what sounds so many frames later.
pub(crate) fn hearing_ahead(look_ahead: u32) -> Bundle {
    let (lexicon, language, settings) = (lexicon(), language(), settings());
    let contents = sized(Size { look_ahead, ..SMALL }, &lexicon, &language, &settings);
    let (description, parts) = contents.pack().unwrap();
    Bundle::of(description, &parts, "").unwrap()
}

/// All events of a stream, and how many samples had come when each was told.
pub(crate) fn events(
    bundle: &Bundle,
    samples: &[f32],
    piece: usize,
    options: Options,
) -> Vec<(usize, Event)> {
    let mut transcriber = Transcriber::new(bundle, RATE_HZ, options, bundle.phrases()).unwrap();
    let (mut told, mut events, mut taken) = (Vec::new(), Vec::new(), 0);
    for samples in samples.chunks(piece.max(1)) {
        transcriber.push(samples, &mut events).unwrap();
        taken += samples.len();
        told.extend(events.drain(..).map(|event| (taken, event)));
    }
    transcriber.finish(&mut events).unwrap();
    told.extend(events.into_iter().map(|event| (taken, event)));
    told
}

/// The words that became final.
pub(crate) fn finals(events: &[(usize, Event)]) -> Vec<&Utterance> {
    let is_final = |(_, event): &'_ (usize, Event)| matches!(event, Event::Final { .. });
    events
        .iter()
        .filter(|event| is_final(event))
        .filter_map(|(_, event)| match event {
            Event::Final { words, .. } => Some(words),
            _ => None,
        })
        .collect()
}

use stentor_language::{Counts, Model, UNKNOWN, Vocabulary, arpa, estimate, perplexity, prune};

/// An ARPA file: if it is accepted, it is written and reads the same again, and the model can be measured and pruned.
pub(crate) fn arpa(data: &[u8]) {
    let Ok(model) = arpa::read(data) else { return };
    assert_eq!(arpa::read(&written(&model)[..]).expect("the file of a model"), model);
    let text = format!("{UNKNOWN} a b\nb a\n");
    let measured = perplexity(&model, text.as_bytes()).expect("a text");
    assert_eq!((measured.sentences, measured.words), (2, 5));
    let pruned = prune(&model, 0.01).expect("a threshold");
    assert_eq!(pruned.model.len_of(1), model.len_of(1));
}

pub(crate) fn arpa_seeds() -> Vec<Vec<u8>> {
    let seed = |order| {
        let mut counts = Counts::new(Vocabulary::with_unknown(), order).expect("an order");
        counts.add_text("a b\nb b a\n".as_bytes()).expect("a text");
        written(&estimate(&counts).expect("a model").model)
    };
    vec![seed(1), seed(3)]
}

fn written(model: &Model) -> Vec<u8> {
    let mut bytes = Vec::new();
    arpa::write(model, &mut bytes).expect("memory can be written");
    bytes
}

use stentor_evaluate::Error;
use stentor_evaluate::words::files::{
    read_ctm, read_names, read_stm, read_text, read_trn, write_ctm, write_stm, write_trn,
};
use stentor_evaluate::words::{Labels, assign, by_file, by_segment, printout, score};

/// Transcripts in each format: what is accepted can be scored, and reads the same again if it can be written.
pub(crate) fn run(data: &[u8]) {
    let _ = read_names(data);
    if let Ok(texts) = read_text(data) {
        // An empty set is the only thing to refuse where both sides are the same.
        if let Ok(scored) = score(&texts, &texts, Labels::default()) {
            assert_eq!(scored.total().words.errors(), 0);
            scored.utterances.iter().for_each(|utterance| drop(printout(utterance)));
        }
    }
    if let Ok(texts) = read_trn(data) {
        let pairs = || texts.iter().map(|(id, text)| (id.as_str(), text.as_str()));
        if let Some(bytes) = written(|bytes| write_trn(bytes, pairs())) {
            assert_eq!(read_trn(&bytes[..]).as_ref(), Ok(&texts));
        }
    }
    if let Ok(mut words) = read_ctm(data) {
        let _ = by_file(&words);
        words.sort_by(|a, b| (&a.file, &a.channel, a.start).cmp(&(&b.file, &b.channel, b.start)));
        if let Some(bytes) = written(|bytes| write_ctm(bytes, &words)) {
            assert_eq!(read_ctm(&bytes[..]), Ok(words));
        }
    }
    if let Ok(mut segments) = read_stm(data) {
        if let (Ok(words), Ok((texts, _))) = (read_ctm(data), by_segment(&segments)) {
            assert!(assign(&words, &segments).is_ok_and(|found| found.keys().eq(texts.keys())));
        }
        segments.sort_by(|a, b| (&a.file, &a.channel, a.begin).cmp(&(&b.file, &b.channel, b.begin)));
        if let Some(bytes) = written(|bytes| write_stm(bytes, &segments)) {
            assert_eq!(read_stm(&bytes[..]), Ok(segments));
        }
    }
}

/// What was written; none where a word would be read as something else.
fn written(write: impl FnOnce(&mut Vec<u8>) -> Result<(), Error>) -> Option<Vec<u8>> {
    let mut bytes = Vec::new();
    write(&mut bytes).ok().map(|()| bytes)
}

pub(crate) fn seeds() -> Vec<Vec<u8>> {
    vec![
        b"hold the line (ann-1)\n(ann-2)\n;; note\n[noise] well-known (bob-1)\n".to_vec(),
        b"ann-1 hold the 2nd line\nann-2\n".to_vec(),
        b"f A 0.10 0.2 hold 0.5\nf A 1.5 0.25 line\ng B 0 1 <unk>\n".to_vec(),
        b"f A ann 0.0 1.5 <O,F0> hold the line\nf A x 2 3 ignore_time_segment_in_scoring\ng B bob 3 4\n"
            .to_vec(),
    ]
}

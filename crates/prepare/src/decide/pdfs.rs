//! Tied states of another program, known by number: the table of their phones, and what a sequence of numbers means.

use stentor_audio::{Micros, StateSpan};
use stentor_inventory::{Inventory, MAX_SENONES, Senone};

/// The phone and the state of each pdf, in the order of numbers.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PdfTable {
    pdfs: Vec<(String, u8)>,
}

/// What is wrong with a table.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Malformed {
    /// From 1; `None` if it is the table as a whole.
    pub(crate) line: Option<usize>,
    pub(crate) expected: String,
    pub(crate) found: String,
}

/// The pdfs of an utterance, each with its time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PdfSpans {
    /// Phone and state of each, in order of time.
    pub(crate) states: Vec<StateSpan>,
    /// The number of each.
    pub(crate) pdfs: Vec<u16>,
}

impl PdfTable {
    /// Reads lines `PDF PHONE STATE`. Every number from 0 to the largest must occur once; in which order does not matter.
    pub(crate) fn parse(text: &str) -> Result<Self, Malformed> {
        const LINE: &str =
            "`PDF PHONE STATE`: the number of a pdf, its phone, and which state of the phone it is, from 0";
        let mut found: Vec<Option<(String, u8)>> = Vec::new();
        for (line, text) in (1..).zip(text.lines()) {
            let malformed = |expected: &str, found: &str| Malformed {
                line: Some(line),
                expected: expected.to_owned(),
                found: found.to_owned(),
            };
            let fields: Vec<&str> = text.split_ascii_whitespace().collect();
            let [pdf, phone, state] = match fields[..] {
                [] => continue,
                [first, ..] if first.starts_with('#') => continue,
                [pdf, phone, state] => [pdf, phone, state],
                _ => return Err(malformed(LINE, text)),
            };
            let place: usize = pdf.parse().map_err(|_| malformed(LINE, text))?;
            if place >= MAX_SENONES {
                return Err(malformed(&format!("a number below {MAX_SENONES}"), pdf));
            }
            let state: u8 = state.parse().map_err(|_| malformed("a state from 0 to 255", state))?;
            if found.len() <= place {
                found.resize(place + 1, None);
            }
            match &mut found[place] {
                Some((other, state)) => {
                    let expected = format!(
                        "each pdf once, found pdf {pdf} as state {state} of `{other}` before; if phones share it, give them one name, \
                         without a position in the word for example"
                    );
                    return Err(malformed(&expected, text));
                }
                free => *free = Some((phone.to_owned(), state)),
            }
        }
        if found.is_empty() {
            return Err(Malformed { line: None, expected: LINE.to_owned(), found: "no pdf".to_owned() });
        }
        let missing: Vec<String> =
            (0..found.len()).filter(|pdf| found[*pdf].is_none()).map(|pdf| pdf.to_string()).collect();
        if let [first, ..] = &missing[..] {
            let last = found.len() - 1;
            let expected = format!("every pdf from 0 to {last}");
            let found = format!("{} of them missing, the first is {first}", missing.len());
            return Err(Malformed { line: None, expected, found });
        }
        Ok(Self { pdfs: found.into_iter().flatten().collect() })
    }

    /// Number of pdfs.
    pub(crate) fn len(&self) -> usize {
        self.pdfs.len()
    }

    /// The pdfs as the outputs of a model, in the order of numbers: output i is pdf i. Each is named `PHONE.STATE.PDF`.
    ///
    /// # Errors
    /// If the names of phones make two names equal.
    pub(crate) fn inventory(&self, more_silence: &[String]) -> Result<Inventory, stentor_inventory::Error> {
        let senone = |(pdf, (phone, state)): (usize, &(String, u8))| Senone {
            name: format!("{phone}.{state}.{pdf}"),
            ..Senone::of_state(phone.clone(), *state, more_silence)
        };
        Inventory::new(self.pdfs.iter().enumerate().map(senone).collect())
    }

    /// The pdfs of frames that last `frame` each, from time 0. The error is a number that the table does not have, and its frame.
    pub(crate) fn of_frames(&self, numbers: &[u32], frame: Micros) -> Result<PdfSpans, (u32, usize)> {
        let mut at = 0;
        let runs = numbers.chunk_by(|a, b| a == b).map(|run| {
            let start = at;
            at += run.len();
            (run[0], start, at)
        });
        let time = |place: usize| place as Micros * frame;
        self.spans(runs.map(|(pdf, start, end)| (pdf, time(start), time(end))))
            .map_err(|(pdf, time)| (pdf, (time / frame.max(1)) as usize))
    }

    /// The pdfs of lines of a CTM file, whose spans have numbers in place of phones. Adjacent lines of one pdf are one span. The error
    /// is a number that the table does not have, and its time.
    pub(crate) fn of_ctm(&self, spans: &[StateSpan]) -> Result<PdfSpans, (u32, Micros)> {
        // The reader of the file has checked that it is one.
        let number = |span: &StateSpan| span.phone.parse().unwrap_or(u32::MAX);
        let runs = spans.chunk_by(|a, b| a.phone == b.phone && a.end == b.start);
        self.spans(runs.map(|run| (number(&run[0]), run[0].start, run[run.len() - 1].end)))
    }

    fn spans(&self, runs: impl Iterator<Item = (u32, Micros, Micros)>) -> Result<PdfSpans, (u32, Micros)> {
        let mut found = PdfSpans { states: Vec::new(), pdfs: Vec::new() };
        for (pdf, start, end) in runs {
            let id = u16::try_from(pdf).ok();
            let (Some(id), Some((phone, state))) = (id, self.pdfs.get(pdf as usize)) else {
                return Err((pdf, start));
            };
            found.states.push(StateSpan { phone: phone.clone(), state: *state, start, end });
            found.pdfs.push(id);
        }
        Ok(found)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TABLE: &str = "# pdf phone state\n0 SIL 0\n2 AH 1\n1 AH 0\n3 AH 1\n\n";

    #[test]
    fn a_table_in_any_order_gives_outputs_in_the_order_of_pdfs() {
        let table = PdfTable::parse(TABLE).unwrap();
        let inventory = table.inventory(&[]).unwrap();
        let names: Vec<&str> = inventory.senones().iter().map(|senone| senone.name.as_str()).collect();
        assert_eq!(names, ["SIL.0.0", "AH.0.1", "AH.1.2", "AH.1.3"]);
        let silent: Vec<bool> = inventory.senones().iter().map(|senone| senone.silence).collect();
        assert_eq!(silent, [true, false, false, false]);
        assert_eq!(inventory.phones().collect::<Vec<_>>(), ["AH", "SIL"]);
    }

    #[test]
    fn each_mistake_in_a_table_is_named() {
        let cases = [
            ("0 SIL\n", Some(1), "`PDF PHONE STATE`", "0 SIL"),
            ("0 SIL 0\nx AH 0\n", Some(2), "`PDF PHONE STATE`", "x AH 0"),
            ("0 SIL 0\n1 AH 300\n", Some(2), "a state from 0 to 255", "300"),
            ("70000 AH 0\n", Some(1), "a number below 65536", "70000"),
            (
                "0 AH_B 0\n0 AH_E 0\n",
                Some(2),
                "each pdf once, found pdf 0 as state 0 of `AH_B` before",
                "0 AH_E 0",
            ),
            ("0 SIL 0\n3 AH 0\n", None, "every pdf from 0 to 3", "2 of them missing, the first is 1"),
            ("# nothing\n", None, "`PDF PHONE STATE`", "no pdf"),
        ];
        for (text, line, expected, found) in cases {
            let error = PdfTable::parse(text).unwrap_err();
            assert_eq!((error.line, error.found.as_str()), (line, found));
            assert!(error.expected.starts_with(expected), "{}", error.expected);
        }
    }

    #[test]
    fn frames_of_a_pdf_are_one_span_and_so_are_adjacent_lines() {
        let table = PdfTable::parse(TABLE).unwrap();
        let found = table.of_frames(&[0, 0, 1, 3, 3, 3, 0], 10_000).unwrap();
        let times: Vec<(Micros, Micros)> = found.states.iter().map(|span| (span.start, span.end)).collect();
        assert_eq!(found.pdfs, [0, 1, 3, 0]);
        assert_eq!(times, [(0, 20_000), (20_000, 30_000), (30_000, 60_000), (60_000, 70_000)]);
        let state = |span: &StateSpan| (span.phone.clone(), span.state);
        assert_eq!(state(&found.states[2]), ("AH".to_owned(), 1));
        assert_eq!(table.of_frames(&[0, 0, 9], 10_000), Err((9, 2)));
        assert_eq!(table.of_frames(&[0, 70_000], 10_000), Err((70_000, 1)));

        let line = |pdf: &str, start, end| StateSpan { phone: pdf.to_owned(), state: 0, start, end };
        let lines = [line("1", 0, 5), line("1", 5, 9), line("1", 10, 12), line("3", 12, 13)];
        let found = table.of_ctm(&lines).unwrap();
        assert_eq!(found.pdfs, [1, 1, 3]);
        assert_eq!((found.states[0].start, found.states[0].end), (0, 9));
        assert_eq!(table.of_ctm(&[line("4", 7, 9)]), Err((4, 7)));
    }
}

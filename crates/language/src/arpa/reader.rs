use crate::builder::{Builder, Repeated};
use crate::entry::Entry;
use crate::lines::Lines;
use crate::{ArpaProblem, BEGIN, END, Error, MAX_ORDER, Model, Vocabulary, WordId};
use std::io::BufRead;

/// The largest log10 of a back-off weight that is read. Weights are ratios of probabilities, near 1 or below; some models have a few
/// above 1, none a million.
pub const MAX_LOG_BACKOFF: f32 = 6.0;

/// The smallest log10 of a probability or weight that is read: far below -99, which stands for zero, and far above what no number is.
pub const LEAST_LOG: f32 = -300.0;

/// Reads a model, line by line. What the header says is checked against what follows, and reserves no memory.
///
/// # Errors
/// Those of reading lines; [`Error::Arpa`]; [`Error::TooManyNgrams`].
pub fn read(from: impl BufRead) -> Result<Model, Error> {
    let mut reader = Reader { lines: Lines::new(from), header: None, orders: 0 };
    let announced = reader.data()?;
    reader.orders = announced.len();
    let mut vocabulary = Vocabulary::boundaries();
    let unigrams = reader.unigrams(announced[0], announced.len() > 1, &mut vocabulary)?;
    let mut builder = Builder::new(vocabulary);
    push(&mut builder, &unigrams)?;
    for (index, &expected) in announced.iter().enumerate().skip(1) {
        let order = index + 1;
        let section = reader.ngrams(order, expected, order < announced.len(), &builder)?;
        push(&mut builder, &section)?;
    }
    reader.heading("\\end\\")?;
    Ok(builder.finish())
}

/// The n-grams of an order.
#[derive(Debug, Default)]
struct Section {
    entries: Vec<Entry>,
    /// The line of the first one; each of the others is on the line after the one before it.
    first_line: u64,
}

#[derive(Debug)]
struct Reader<R> {
    lines: Lines<R>,
    /// A line that begins with a backslash and ended the section before it.
    header: Option<String>,
    /// The orders that the header announces; 0 before it is read.
    orders: usize,
}

/// The fields of the line of an n-gram.
struct Fields<'a> {
    log_prob: f32,
    history: Vec<&'a str>,
    word: &'a str,
    backoff: f32,
}

impl<R: BufRead> Reader<R> {
    fn problem(&self, problem: ArpaProblem) -> Error {
        // Of a file without any line, the first is missing.
        Error::Arpa { line: self.lines.number().max(1), problem }
    }

    /// The number of n-grams of each order.
    fn data(&mut self) -> Result<Vec<u64>, Error> {
        loop {
            match self.lines.next()? {
                Some("\\data\\") => break,
                // Before the data there may be a comment.
                Some(_) => {}
                None => return Err(self.cut_short("`\\data\\`")),
            }
        }
        let mut announced = Vec::new();
        loop {
            let order = announced.len() + 1;
            let expected = format!("`ngram {order}=` and a number");
            let Some(line) = self.lines.next()? else { return Err(self.cut_short(&expected)) };
            if line.is_empty() {
                continue;
            }
            if line.starts_with('\\') && order > 1 {
                self.header = Some(line.to_owned());
                return Ok(announced);
            }
            let count = line.strip_prefix("ngram").and_then(|rest| rest.trim_start().split_once('='));
            let count = count.filter(|(found, _)| found.trim_end() == order.to_string());
            let Some(count) = count.and_then(|(_, count)| count.trim().parse().ok()) else {
                let found = line.to_owned();
                return Err(self.problem(ArpaProblem::Syntax { expected, found }));
            };
            if order > MAX_ORDER {
                return Err(Error::Order { found: order });
            }
            announced.push(count);
        }
    }

    /// Goes past a heading.
    fn heading(&mut self, expected: &str) -> Result<(), Error> {
        let found = match self.header.take() {
            Some(header) => header,
            None => loop {
                match self.lines.next()? {
                    Some("") => {}
                    Some(line) => break line.to_owned(),
                    None => return Err(self.cut_short(&format!("`{expected}`"))),
                }
            },
        };
        if found == expected {
            return Ok(());
        }
        let announced = match self.orders {
            orders if expected == "\\end\\" => {
                format!(" after the {orders}-grams, the longest that the header announces")
            }
            _ => String::new(),
        };
        Err(self.problem(ArpaProblem::Syntax { expected: format!("`{expected}`{announced}"), found }))
    }

    fn cut_short(&self, expected: &str) -> Error {
        self.problem(ArpaProblem::CutShort { expected: expected.to_owned() })
    }

    fn unigrams(
        &mut self,
        expected: u64,
        may_back_off: bool,
        vocabulary: &mut Vocabulary,
    ) -> Result<Section, Error> {
        let mut has_boundary = [false; 2];
        let section = self.section(1, expected, may_back_off, |fields, _| {
            let word = vocabulary.add(fields.word)?;
            if let Some(has) = has_boundary.get_mut(word.index()) {
                *has = true;
            }
            Ok((Builder::ROOT, word))
        })?;
        for (has, word) in has_boundary.into_iter().zip([BEGIN, END]) {
            if !has {
                return Err(self.problem(ArpaProblem::MissingBoundary { word }));
            }
        }
        Ok(section)
    }

    fn ngrams(
        &mut self,
        order: usize,
        expected: u64,
        may_back_off: bool,
        builder: &Builder,
    ) -> Result<Section, Error> {
        self.section(order, expected, may_back_off, |fields, line| {
            place(builder, fields).map_err(|problem| Error::Arpa { line, problem })
        })
    }

    /// Reads the n-grams of an order. `place` finds the node of the history and the last word of what is on a line.
    fn section(
        &mut self,
        order: usize,
        expected: u64,
        may_back_off: bool,
        mut place: impl FnMut(&Fields<'_>, u64) -> Result<(u32, WordId), Error>,
    ) -> Result<Section, Error> {
        self.heading(&format!("\\{order}-grams:"))?;
        let mut section = Section::default();
        let count = |found| ArpaProblem::Count { order, expected, found };
        let mut found = 0;
        loop {
            let number = self.lines.number() + 1;
            let Some(line) = self.lines.next()? else {
                return Err(self.cut_short(&format!("{expected} {order}-grams and `\\end\\`")));
            };
            if line.is_empty() {
                // Some programs leave a line out after the heading.
                if found == 0 && expected > 0 {
                    continue;
                }
                break;
            }
            if line.starts_with('\\') {
                self.header = Some(line.to_owned());
                break;
            }
            found += 1;
            let at = |problem| Error::Arpa { line: number, problem };
            if found > expected {
                return Err(at(count(found)));
            }
            let fields = fields(line, order, may_back_off).map_err(at)?;
            let (history, word) = place(&fields, number)?;
            if section.entries.is_empty() {
                section.first_line = number;
            }
            let Fields { log_prob, backoff, .. } = fields;
            section.entries.push(Entry { history, word, log_prob, backoff });
        }
        if found == expected { Ok(section) } else { Err(self.problem(count(found))) }
    }
}

/// Adds the n-grams of an order to the model.
fn push(builder: &mut Builder, section: &Section) -> Result<(), Error> {
    let (places, repeated) = builder.push_or_repeated(&section.entries)?;
    let Some(Repeated(index)) = repeated else { return Ok(()) };
    let words = builder.ngram(places[index]);
    let words: Vec<&str> = words.iter().map(|&word| builder.vocabulary().word(word)).collect();
    let problem = ArpaProblem::Repeated { ngram: words.join(" ") };
    Err(Error::Arpa { line: section.first_line + index as u64, problem })
}

fn fields(line: &str, order: usize, may_back_off: bool) -> Result<Fields<'_>, ArpaProblem> {
    let mut fields = line.split_ascii_whitespace();
    // A line that is not empty has a first field.
    let found = fields.next().unwrap_or_default();
    let log_prob = found.parse().ok().filter(|value: &f32| (LEAST_LOG..=0.0).contains(value));
    let log_prob = log_prob.ok_or_else(|| ArpaProblem::NotALogProbability { found: found.to_owned() })?;
    let history: Vec<&str> = fields.by_ref().take(order - 1).collect();
    let word = fields.next();
    let backoff = match if may_back_off { fields.next() } else { None } {
        None => 0.0,
        Some(found) => found
            .parse()
            .ok()
            .filter(|value: &f32| (LEAST_LOG..=MAX_LOG_BACKOFF).contains(value))
            .ok_or_else(|| ArpaProblem::NotABackoff { found: found.to_owned() })?,
    };
    match word.filter(|_| fields.next().is_none()) {
        Some(word) => Ok(Fields { log_prob, history, word, backoff }),
        None => {
            let words = if order == 1 { "a word".to_owned() } else { format!("{order} words") };
            let expected = match may_back_off {
                true => format!("a number, {words}, at most one number"),
                false => format!(
                    "a number, {words} and no more, as the header announces no longer n-grams than {order}-grams"
                ),
            };
            Err(ArpaProblem::Syntax { expected, found: line.to_owned() })
        }
    }
}

/// The node of an n-gram's history, and its last word.
fn place(builder: &Builder, fields: &Fields<'_>) -> Result<(u32, WordId), ArpaProblem> {
    let id = |word: &str| {
        builder.vocabulary().id(word).ok_or_else(|| ArpaProblem::UnknownWord { word: word.to_owned() })
    };
    let Fields { history, word: last, .. } = fields;
    let mut node = Builder::ROOT;
    for word in history {
        let child = builder.child(node, id(word)?);
        node = child.ok_or_else(|| ArpaProblem::MissingHistory {
            history: history.join(" "),
            order: history.len(),
        })?;
    }
    Ok((node, id(last)?))
}

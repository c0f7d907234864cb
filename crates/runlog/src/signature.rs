//! Signatures of an event log. The last line of each segment of a run that signs is a signature of the lines before it, and of the
//! digest of the segment before: so no segment can be changed, left out or put in another place.

use crate::gaps::gaps;
use crate::log::EVENTS;
use crate::{Error, parse_events};
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use stentor_checkpoint::{LogHead, Signer, Trust};
use stentor_signature::{Context, Digest, Signed};
use stentor_store::Store;

/// What a signature of a segment says.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Statement {
    /// The run's name in all signatures.
    run: String,
    /// The segment's name.
    segment: String,
    /// The digest of the lines before the signature.
    lines: Digest,
    /// The segment before; `None`: this is the first one.
    previous: Option<LogHead>,
}

/// The last line of a segment.
#[derive(Debug, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
struct Line {
    event: Kind,
    signed: Signed<Statement>,
}

/// What tells the last line from events.
#[derive(Debug, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
enum Kind {
    Signature,
}

/// How the last line begins: no event does.
const BEGINNING: &str = "{\"event\":\"signature\"";

/// Signs segments, one after the other.
#[derive(Debug)]
pub(crate) struct Chain {
    signer: Signer,
    head: Option<LogHead>,
}

impl Chain {
    pub(crate) fn new(signer: Signer, head: Option<LogHead>) -> Self {
        Self { signer, head }
    }

    /// Appends the signature to the lines of a segment.
    pub(crate) fn sign(
        &mut self,
        segment: &str,
        lines: &mut Vec<u8>,
    ) -> Result<(), stentor_signature::Error> {
        let statement = Statement {
            run: self.signer.run().to_owned(),
            segment: segment.to_owned(),
            lines: Digest::of(lines),
            previous: self.head.clone(),
        };
        let signed = Signed::new(statement, Context::EventLog, self.signer.key())?;
        let mut line = serde_json::to_vec(&Line { event: Kind::Signature, signed }).unwrap_or_default();
        lines.append(&mut line);
        lines.push(b'\n');
        self.head = Some(LogHead { segment: segment.to_owned(), digest: Digest::of(lines) });
        Ok(())
    }

    pub(crate) fn head(&self) -> Option<&LogHead> {
        self.head.as_ref()
    }
}

/// Splits a segment's text into the lines with events, and the line with its signature.
pub(crate) fn split(text: &str) -> (&str, Option<&str>) {
    let whole = text.strip_suffix('\n').unwrap_or(text);
    let start = whole.rfind('\n').map_or(0, |end| end + 1);
    match whole[start..].starts_with(BEGINNING) {
        true => (&text[..start], Some(&whole[start..])),
        false => (text, None),
    }
}

/// A segment of an event log, and what is wrong with it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Segment {
    /// Name in the folder `events`.
    pub name: String,
    /// Length in bytes; `None`: it is missing.
    pub bytes: Option<u64>,
    /// Whether it has a signature.
    pub is_signed: bool,
    /// What is wrong with it.
    pub faults: Vec<String>,
}

/// Reads the whole event log of `run` and says what is wrong with each segment, and which are missing before others of the same
/// coordinator. If `trust` is given, signatures are checked: each segment must be signed, name the one before it with its digest, and
/// those in `heads` must be there. They are of others who know segments, for example of checkpoints, with the name of whoever says so.
///
/// # Errors
/// [`Error::Store`]; what says that this build cannot verify.
pub async fn check_log(
    run: &Store,
    trust: Option<&Trust>,
    heads: &[(String, LogHead)],
) -> Result<Vec<Segment>, Error> {
    let mut found = Vec::new();
    let mut check = Check { trust, digests: BTreeMap::new(), before: None };
    let folder = run.child(EVENTS);
    for name in folder.list("").await? {
        let bytes = folder.get(&name).await?;
        found.push(check.segment(&name, &bytes)?);
    }
    if trust.is_some() {
        check.absent(&mut found, heads);
    } else {
        for name in gaps(found.iter().map(|segment| segment.name.as_str())) {
            // A coordinator that writes meanwhile is no fault: it writes its segments in their order.
            if !folder.exists(&name).await? {
                let faults = vec!["missing: the segments after it are there".to_owned()];
                found.push(Segment { name, bytes: None, is_signed: false, faults });
            }
        }
    }
    found.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(found)
}

/// The newest segment of a run's event log that `trust` accepts, and the names of newer ones that it does not.
///
/// # Errors
/// As [`check_log`].
pub async fn newest_segment(run: &Store, trust: &Trust) -> Result<(Option<LogHead>, Vec<String>), Error> {
    let folder = run.child(EVENTS);
    let mut refused = Vec::new();
    for name in folder.list("").await?.into_iter().rev() {
        let bytes = folder.get(&name).await?;
        let text = std::str::from_utf8(&bytes).unwrap_or_default();
        if statement(&name, text, trust)?.is_ok() {
            return Ok((Some(LogHead { segment: name, digest: Digest::of(&bytes) }), refused));
        }
        refused.push(name);
    }
    Ok((None, refused))
}

/// What the signature of a segment says, or why it is not accepted.
fn statement(name: &str, text: &str, trust: &Trust) -> Result<Result<Statement, String>, Error> {
    let (lines, Some(line)) = split(text) else {
        return Ok(Err("not signed: expected a signature as its last line, found none".into()));
    };
    let signed = match serde_json::from_str::<Line>(line) {
        Ok(Line { signed, .. }) => signed,
        Err(error) => return Ok(Err(format!("its signature is damaged: {error}"))),
    };
    let statement = match signed.verified(Context::EventLog, trust.keys()) {
        Ok(statement) => statement,
        Err(error) if error.is_forgery() => return Ok(Err(format!("forged: {error}"))),
        Err(error) => return Err(Error::Signature(error)),
    };
    if let Err(error) = trust.check_run(&statement.run, || name.to_owned()) {
        return Ok(Err(error.to_string()));
    }
    if statement.segment != name {
        return Ok(Err(format!("out of place: it is segment {}", statement.segment)));
    }
    if statement.lines != Digest::of(lines.as_bytes()) {
        return Ok(Err("forged: its lines are not those that were signed".into()));
    }
    Ok(Ok(statement))
}

struct Check<'a> {
    trust: Option<&'a Trust>,
    /// The digests of the segments so far.
    digests: BTreeMap<String, Digest>,
    /// The segment before, if there is one.
    before: Option<String>,
}

impl Check<'_> {
    fn segment(&mut self, name: &str, bytes: &[u8]) -> Result<Segment, Error> {
        let mut faults = Vec::new();
        let text = std::str::from_utf8(bytes).map_err(|error| faults.push(error.to_string()));
        let text = text.unwrap_or_default();
        faults.extend(parse_events(name, text).err().map(|error| error.to_string()));
        if let Some(trust) = self.trust {
            match statement(name, text, trust)? {
                Ok(statement) => faults.extend(self.follows(name, statement.previous)),
                Err(fault) => faults.push(fault),
            }
            self.digests.insert(name.to_owned(), Digest::of(bytes));
            self.before = Some(name.to_owned());
        }
        let is_signed = split(text).1.is_some();
        Ok(Segment { name: name.to_owned(), bytes: Some(bytes.len() as u64), is_signed, faults })
    }

    /// Whether the segment before `name` is the one that its signature says. What a replaced coordinator has written before it
    /// noticed is followed by nothing: a coordinator's first segment may follow an earlier one.
    fn follows(&self, name: &str, previous: Option<LogHead>) -> Option<String> {
        let Some(LogHead { segment, digest }) = previous else {
            let before = self.before.as_ref()?;
            return Some(format!("out of order: it is signed as the first segment, and follows {before}"));
        };
        match self.digests.get(&segment) {
            None => Some(format!("missing: segment {segment}, which it follows")),
            Some(found) if *found != digest => {
                Some(format!("it follows a segment {segment} with other content than the one that is there"))
            }
            Some(_) if self.before.as_deref() == Some(&segment) => None,
            Some(_) if begins_an_incarnation(name) && incarnation(name) != incarnation(&segment) => None,
            Some(_) => {
                let before = self.before.as_deref().unwrap_or_default();
                Some(format!("out of order: it is signed to follow {segment}, and follows {before}"))
            }
        }
    }

    /// Adds the segments that others know and that are not there, or not as they were.
    fn absent(&self, found: &mut Vec<Segment>, heads: &[(String, LogHead)]) {
        for (who, LogHead { segment, digest }) in heads {
            let fault = match self.digests.get(segment) {
                Some(found) if found == digest => continue,
                Some(_) => {
                    format!("forged: {who} was published after a segment of this name with other content")
                }
                None => format!("missing: {who} was published after it"),
            };
            match found.iter_mut().find(|one| one.name == *segment) {
                Some(one) if one.faults.contains(&fault) => {}
                Some(one) => one.faults.push(fault),
                None => {
                    let name = segment.clone();
                    found.push(Segment { name, bytes: None, is_signed: false, faults: vec![fault] });
                }
            }
        }
    }
}

fn incarnation(segment: &str) -> &str {
    segment.split_once('-').map_or(segment, |(incarnation, _)| incarnation)
}

fn begins_an_incarnation(segment: &str) -> bool {
    segment.ends_with("-000000.jsonl")
}

/// What signed bytes are. It is part of what is signed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Context {
    /// The name and the start of a run.
    Run,
    /// The manifest of a checkpoint.
    Manifest,
    /// A segment of an event log.
    EventLog,
    /// The result of a run.
    Result,
}

impl Context {
    /// All of them.
    pub const ALL: [Context; 4] = [Context::Run, Context::Manifest, Context::EventLog, Context::Result];

    /// The words in front of the signed bytes. They never change.
    fn words(self) -> &'static str {
        match self {
            Context::Run => "stentor run 1",
            Context::Manifest => "stentor checkpoint manifest 1",
            Context::EventLog => "stentor event log segment 1",
            Context::Result => "stentor result 1",
        }
    }

    /// What is signed: the words, a zero byte, and `bytes`. No context's words contain a zero byte, so that no two contexts have a
    /// message in common.
    pub(crate) fn message(self, bytes: &[u8]) -> Vec<u8> {
        let mut message = Vec::with_capacity(self.words().len() + 1 + bytes.len());
        message.extend_from_slice(self.words().as_bytes());
        message.push(0);
        message.extend_from_slice(bytes);
        message
    }
}

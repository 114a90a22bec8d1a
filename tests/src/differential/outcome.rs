//! What a reader saw, in a form that does not tell readers apart.

use serde_json::Value;

/// A field line: its name in lower case, and its value.
pub type Line = (Vec<u8>, Vec<u8>);

/// A message that a reader took for complete.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// The status, or the method, SP and the target.
    pub start: Vec<u8>,
    /// `1.0` or `1.1`.
    pub version: String,
    /// Sorted by name, lines of one name in their order.
    pub fields: Vec<Line>,
    /// All of the content.
    pub content: Vec<u8>,
    /// As `fields`; `None` if the reader does not hand them out.
    pub trailers: Option<Vec<Line>>,
    /// Behind which octet of the input it ended, if the reader can tell.
    pub ended: Option<usize>,
}

/// What a reader would do after the messages that it saw.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum End {
    /// The connection may serve another exchange (told by clients only).
    Kept,
    /// The connection is done.
    Closed,
    /// The connection speaks another protocol from here on.
    Switched,
    /// The octets are no message.
    Refused,
    /// Octets are missing, or nothing has come yet.
    Waiting,
}

/// All that a reader says about a [`Message`](super::Message).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Outcome {
    /// The statuses of interim responses.
    pub interim: Vec<u16>,
    /// What was complete: at most one response, any number of requests.
    pub messages: Vec<Seen>,
    /// What comes behind them.
    pub end: End,
    /// The reader's own words on its end.
    pub why: String,
}

impl Outcome {
    /// A reader that has seen nothing so far.
    pub(super) fn nothing() -> Self {
        Self { interim: Vec::new(), messages: Vec::new(), end: End::Waiting, why: String::new() }
    }

    /// Reads the answer of a peer: one line of JSON.
    ///
    /// # Errors
    ///
    /// What is not such an answer.
    pub fn from_line(line: &str) -> Result<Self, String> {
        let bad = |what: &str| format!("{what} in the answer {line:?}");
        let value: Value = serde_json::from_str(line).map_err(|e| bad(&e.to_string()))?;
        let end = match value["end"].as_str() {
            Some("kept") => End::Kept,
            Some("closed") => End::Closed,
            Some("switched") => End::Switched,
            Some("refused") => End::Refused,
            Some("waiting") => End::Waiting,
            _ => return Err(bad("no end")),
        };
        let interim = value["interim"].as_array().ok_or_else(|| bad("no interim"))?;
        let messages = value["messages"].as_array().ok_or_else(|| bad("no messages"))?;
        Ok(Self {
            interim: interim.iter().filter_map(|s| u16::try_from(s.as_u64()?).ok()).collect(),
            messages: messages.iter().map(seen).collect::<Option<_>>().ok_or_else(|| bad("no message"))?,
            end,
            why: value["why"].as_str().unwrap_or_default().to_owned(),
        })
    }
}

impl Seen {
    /// Brings field lines into the order in which they are compared.
    pub(super) fn sort(&mut self) {
        self.fields.sort_by(|a, b| a.0.cmp(&b.0));
        if let Some(trailers) = &mut self.trailers {
            trailers.sort_by(|a, b| a.0.cmp(&b.0));
        }
    }
}

fn seen(value: &Value) -> Option<Seen> {
    let mut seen = Seen {
        start: octets(&value["start"])?,
        version: value["version"].as_str()?.to_owned(),
        fields: lines(&value["fields"])?,
        content: octets(&value["content"])?,
        trailers: lines(&value["trailers"]),
        ended: value["ended"].as_u64().and_then(|n| usize::try_from(n).ok()),
    };
    seen.sort();
    Some(seen)
}

fn lines(value: &Value) -> Option<Vec<Line>> {
    let line = |pair: &Value| Some((octets(&pair[0])?.to_ascii_lowercase(), octets(&pair[1])?));
    value.as_array()?.iter().map(line).collect()
}

/// Each character is an octet.
fn octets(value: &Value) -> Option<Vec<u8>> {
    value.as_str()?.chars().map(|c| u8::try_from(c).ok()).collect()
}

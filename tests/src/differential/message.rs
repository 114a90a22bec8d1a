//! What is read: octets, and what the reader knows when they come.

use serde_json::{Value, json};

/// Whose messages are read.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Role {
    /// Responses, by a client.
    Client,
    /// Requests, by a server.
    Server,
}

/// Octets for a reader.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Who reads them.
    pub role: Role,
    /// The method of the request that the response answers; for a server nothing.
    pub method: &'static str,
    /// Whether that request had offered to switch to the protocol `x`.
    pub upgrade: bool,
    /// What comes over the connection.
    pub octets: Vec<u8>,
    /// Whether the connection ends behind it.
    pub eof: bool,
    /// What is odd about the message, by the names of the generator.
    pub oddities: Vec<&'static str>,
}

impl Message {
    /// The message as a peer gets it: one line of JSON. Each character of `octets` is an octet.
    pub fn to_line(&self) -> String {
        json!({
            "role": match self.role { Role::Client => "client", Role::Server => "server" },
            "method": self.method,
            "upgrade": self.upgrade,
            "octets": self.octets.iter().map(|&b| b as char).collect::<String>(),
            "eof": self.eof,
        })
        .to_string()
    }

    /// The message as a case of the corpus, for whoever has thought about it to fill in.
    pub fn to_case(&self) -> String {
        let mut case = json!({ "id": "", "category": "", "level": "", "section": "", "rationale": "" });
        case["input"] = Value::String(escaped(&self.octets));
        if self.role == Role::Client {
            case["request_method"] = self.method.into();
            case["eof"] = self.eof.into();
            if self.upgrade {
                case["request"] = json!({ "headers": [["Connection", "upgrade"], ["Upgrade", "x"]] });
            }
        }
        case["expect"] = json!({});
        case.to_string()
    }
}

/// Text of the corpus: printable ASCII, CR, LF and TAB stand for themselves, the rest is `\xNN`.
fn escaped(octets: &[u8]) -> String {
    let mut text = String::new();
    for &b in octets {
        match b {
            b'\\' => text.push_str("\\x5c"),
            b' '..=b'~' | b'\r' | b'\n' | b'\t' => text.push(b as char),
            _ => text.push_str(&format!("\\x{b:02x}")),
        }
    }
    text
}

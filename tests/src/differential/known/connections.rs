//! What becomes of the connection.

use super::Known;
use crate::differential::compare::Kind;
use crate::differential::message::Role;
use crate::differential::outcome::End;
use crate::differential::shape;

pub(super) const KNOWN: &[Known] = &[
    Known {
        name: "101 that was not asked for",
        peers: &["hyper", "h11", "node"],
        reason: "hyper switches, h11 to any protocol if one was offered, and Node takes it for the response; RFC 9110 §7.8 forbids servers to send it",
        holds: |d| d.kind == Kind::WeRefuse && d.we_say("protocol switch that was not asked for"),
    },
    Known {
        name: "any response to CONNECT",
        peers: &["node"],
        reason: "it hands the connection over whatever the status, interim ones included; RFC 9112 §6.3 rule 2 is about 2xx",
        holds: |d| d.message.method == "CONNECT" && d.theirs.end == End::Switched,
    },
    Known {
        name: "`close` on an interim response",
        peers: &["node"],
        reason: "it expects nothing more behind it, nor behind one in HTTP/1.0; it is the final response that speaks for the connection",
        holds: |d| {
            let stops = d.kind == Kind::TheyRefuse && d.they_say(&["HPE_CLOSED_CONNECTION"]);
            let waits = d.kind == Kind::TheyWait
                && (shape::has(d.message, b"HTTP/1.0 100") || shape::has(d.message, b"ection: close"));
            (stops || waits) && !d.ours.interim.is_empty()
        },
    },
    Known {
        name: "`keep-alive` in HTTP/1.0",
        peers: &["h11", "node"],
        reason: "they close; RFC 9112 §9.3 lets a recipient keep the connection",
        holds: |d| {
            let asks = |value: &[u8]| value.to_ascii_lowercase().windows(10).any(|w| w == b"keep-alive");
            let is_old = d.seen().is_some_and(|seen| seen.version == "1.0");
            d.kind == Kind::WeKeep && is_old && d.values("connection").into_iter().any(asks)
        },
    },
    Known {
        name: "a response to HEAD without a length",
        peers: &["node"],
        reason: "it closes as if there were content up to the close; there is none (RFC 9112 §6.3 rule 1)",
        holds: |d| {
            let framed =
                ["content-length", "transfer-encoding"].iter().any(|name| !d.values(name).is_empty());
            d.kind == Kind::WeKeep && d.message.role == Role::Client && d.message.method == "HEAD" && !framed
        },
    },
    Known {
        name: "line ends or the beginning of another response behind a response",
        peers: &["node"],
        reason: "it keeps the connection; the octets belong to no request (RFC 9112 §9.2), and would be taken for the answer to the next one",
        holds: |d| {
            let behind = d.seen().and_then(|seen| d.message.octets.get(seen.ended?..)).unwrap_or(b"x");
            let text = behind.trim_ascii_start();
            let begins = text.starts_with(b"HTTP/1.") || b"HTTP/1.".starts_with(text);
            d.kind == Kind::TheyKeep && d.we_say("octets followed the message") && begins
        },
    },
    Known {
        name: "Connection with octets that are not ASCII",
        peers: &["hyper"],
        reason: "it reads none of its options then, so that HTTP/1.1 stays and HTTP/1.0 does not; \"close\" decides wherever it stands (RFC 9112 §9.3)",
        holds: |d| {
            let is_odd = d.values("connection").into_iter().any(|value| !value.is_ascii());
            matches!(d.kind, Kind::TheyKeep | Kind::WeKeep) && is_odd
        },
    },
    Known {
        name: "`close` with a tab behind it, or beside `keep-alive` in HTTP/1.0",
        peers: &["node"],
        reason: "it does not find it; \"close\" decides wherever it stands (RFC 9112 §9.3)",
        holds: |d| {
            let both = |value: &[u8]| value.to_ascii_lowercase().windows(10).any(|w| w == b"keep-alive");
            let is_odd = d.values("connection").into_iter().any(both)
                || shape::has_tab_behind(d.message, "connection");
            d.kind == Kind::TheyKeep && d.we_say("the peer said that it closes") && is_odd
        },
    },
    Known {
        name: "101 without Upgrade and `Connection: upgrade`",
        peers: &["node"],
        reason: "it takes it for the response; it can only mean what was offered",
        holds: |d| {
            let differs = matches!(d.kind, Kind::Switch | Kind::Ended);
            differs && d.ours.end == End::Switched && d.message.upgrade
        },
    },
    Known {
        name: "requests that ask for an upgrade, and are none",
        peers: &["node"],
        reason: "it waits instead of refusing",
        holds: |d| {
            let asks = !d.values("upgrade").is_empty() && !d.values("connection").is_empty();
            let differs = matches!(d.kind, Kind::TheyWait | Kind::WeRefuse);
            d.message.role == Role::Server && differs && asks && d.theirs.end == End::Waiting
        },
    },
];

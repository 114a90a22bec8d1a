//! What is a head, and what is not.

use super::Known;
use crate::differential::compare::{Difference, Kind};
use crate::differential::message::Role;
use crate::differential::shape;

pub(super) const KNOWN: &[Known] = &[
    Known {
        name: "lone LF",
        peers: &["node"],
        reason: "it ends no line there; RFC 9112 §2.2 allows it, and old servers send it",
        holds: |d| {
            let says = [
                "HPE_CR_EXPECTED",
                "HPE_INVALID_VERSION",
                "HPE_INVALID_HEADER_TOKEN",
                "HPE_INVALID_STATUS",
                "HPE_STRICT",
                "HPE_LF_EXPECTED",
            ];
            d.kind == Kind::TheyRefuse && d.they_say(&says) && shape::has_lone_lf(d.message)
        },
    },
    Known {
        name: "a lone CR in front of everything",
        peers: &["node"],
        reason: "it passes over it; it is no line end (RFC 9112 §2.2)",
        holds: |d| {
            d.kind == Kind::WeRefuse && d.we_say("invalid line end") && shape::has_leading_cr(d.message)
        },
    },
    Known {
        name: "obs-fold in a response",
        peers: &["hyper", "node"],
        reason: "they refuse it, hyper by its default; RFC 9112 §5.2 has user agents undo it",
        holds: |d| {
            let says = [
                "invalid HTTP header",
                "invalid header",
                "HPE_INVALID_HEADER_TOKEN",
                "HPE_INVALID_CONTENT_LENGTH",
                "HPE_CR_EXPECTED",
            ];
            d.message.role == Role::Client
                && d.kind == Kind::TheyRefuse
                && d.they_say(&says)
                && shape::has_fold(d.message)
        },
    },
    Known {
        name: "obs-fold in a request",
        peers: &["h11"],
        reason: "it undoes it; RFC 9112 §5.2 lets a server refuse it",
        holds: |d| {
            d.message.role == Role::Server
                && d.kind == Kind::WeRefuse
                && d.we_say("invalid field name")
                && shape::has_fold(d.message)
        },
    },
    Known {
        name: "empty lines before a start line",
        peers: &["h11"],
        reason: "it refuses them; RFC 9112 §2.2 has servers pass over them, and servers send one behind content",
        holds: |d| {
            d.kind == Kind::TheyRefuse
                && d.they_say(&["no response line", "no request line"])
                && shape::has_leading_line(d.message)
        },
    },
    Known {
        name: "versions other than 1.0 and 1.1",
        peers: &["h11", "node"],
        reason: "they take some of them, or a request line without one; there are no such messages in this syntax",
        holds: |d| {
            d.kind == Kind::WeRefuse
                && (d.we_say("unsupported HTTP version")
                    || (d.we_say("invalid request target") && their_version(d) == "0.9"))
        },
    },
    Known {
        name: "methods",
        peers: &["node"],
        reason: "it knows a list of them; any token is one (RFC 9110 §9.1)",
        holds: |d| {
            let is_listed = |start: &[u8]| NODES_METHODS.iter().any(|method| start.starts_with(method));
            let says = d.they_say(&["HPE_INVALID_METHOD", "HPE_INVALID_VERSION"]);
            let differs = d.kind == Kind::TheyWait || (d.kind == Kind::TheyRefuse && says);
            differs && d.message.role == Role::Server && d.seen().is_some_and(|seen| !is_listed(&seen.start))
        },
    },
    Known {
        name: "request targets",
        peers: &["hyper", "h11", "node"],
        reason: "they check less of their form than RFC 9112 §3.2 gives, and hyper more of their octets than it must",
        holds: |d| {
            (d.kind == Kind::WeRefuse && d.we_say("invalid request target"))
                || (d.kind == Kind::TheyRefuse && d.they_say(&["invalid URI"]))
        },
    },
    Known {
        name: "an absolute target without a path",
        peers: &["hyper"],
        reason: "it hands out a path `/`; we hand out what came",
        holds: |d| {
            d.kind == Kind::Start && d.seen().is_some_and(|seen| seen.start.windows(3).any(|w| w == b"://"))
        },
    },
    Known {
        name: "Host",
        peers: &["hyper", "h11", "node"],
        reason: "hyper leaves it to its user, h11 and Node look only whether there is one; RFC 9112 §3.2 has servers refuse a missing, a second and an invalid one",
        holds: |d| d.kind == Kind::WeRefuse && d.we_say("missing, repeated or invalid host"),
    },
    Known {
        name: "control octets in a field value",
        peers: &["h11"],
        reason: "it takes all but NUL, CR and LF; RFC 9110 §5.5 calls them invalid",
        holds: |d| d.kind == Kind::WeRefuse && d.we_say("invalid field value"),
    },
    Known {
        name: "control octets in a reason phrase",
        peers: &["h11", "node"],
        reason: "they pass over them; they are not in the grammar (RFC 9112 §4)",
        holds: |d| d.kind == Kind::WeRefuse && d.we_say("invalid octet in the reason phrase"),
    },
    Known {
        name: "status codes below 100",
        peers: &["node"],
        reason: "it hands them out; they are not in the range of RFC 9110 §15",
        holds: |d| d.kind == Kind::WeRefuse && d.we_say("invalid status code"),
    },
];

/// Those that the generator draws, and that stand behind them by chance.
const NODES_METHODS: [&[u8]; 9] =
    [b"GET ", b"POST ", b"PUT ", b"HEAD ", b"OPTIONS ", b"DELETE ", b"PATCH ", b"M-SEARCH ", b"CONNECT "];

fn their_version<'a>(d: &'a Difference<'_>) -> &'a str {
    d.theirs.messages.get(d.at).map_or("", |seen| seen.version.as_str())
}

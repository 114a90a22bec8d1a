//! The mistakes that the soak must find.

/// A mistake, made by replacing a piece of a file.
#[derive(Clone, Copy, Debug)]
pub(super) struct Mutant {
    pub(super) name: &'static str,
    /// What goes wrong.
    pub(super) breaks: &'static str,
    /// From the root of the repository.
    pub(super) file: &'static str,
    /// Stands in the file once.
    pub(super) find: &'static str,
    pub(super) replace: &'static str,
}

const REPLAY: &str = "crates/client/src/replay.rs";
const EXCHANGE: &str = "crates/client/src/exchange.rs";
const WAITING: &str = "crates/client/src/checkout/waiting.rs";
const SHARED: &str = "crates/client/src/checkout/shared.rs";
const LEASED: &str = "crates/client/src/checkout/leased.rs";
const REST: &str = "crates/client/src/h1/rest.rs";
const STREAM: &str = "crates/client/src/h2/stream.rs";
const CONN: &str = "crates/core/src/h1/client.rs";

pub(super) const MUTANTS: &[Mutant] = &[
    Mutant {
        name: "replay-post",
        breaks: "what is not idempotent is replayed after a full write",
        file: REPLAY,
        find: "let is_harmless = lost.is_proven && is_idempotent(&request.method, &request.fields);",
        replace: "let is_harmless = lost.is_proven;",
    },
    Mutant {
        name: "replay-answered",
        breaks: "a request is replayed after an octet of a response",
        file: REPLAY,
        find: "(Unknown, Kind::Closed(_)) => {",
        replace: "(Unknown | Delivery::Answered, Kind::Closed(_)) => {",
    },
    Mutant {
        name: "replay-timed-out",
        breaks: "a request is replayed after a timeout",
        file: REPLAY,
        find: "(Unknown, Kind::Closed(_)) => {",
        replace: "(Unknown, Kind::Closed(_) | Kind::Timeout(_)) => {",
    },
    Mutant {
        name: "replay-for-ever",
        breaks: "a request is replayed as often as it is refused",
        file: REPLAY,
        find: "const REFUSALS: u32 = 3;",
        replace: "const REFUSALS: u32 = 9;",
    },
    Mutant {
        name: "replay-though-off",
        breaks: "a request is replayed where that is off",
        file: REPLAY,
        find: "if !self.may_replay {",
        replace: "if false {",
    },
    Mutant {
        name: "replay-begun-stream",
        breaks: "content that comes once is sent again from where it was left",
        file: "crates/client/src/body/mod.rs",
        find: "        !self.is_begun\n",
        replace: "        true\n",
    },
    Mutant {
        name: "not-sent-unknown",
        breaks: "a request whose head went out by HTTP/1.1 is called not sent",
        file: CONN,
        find: "self.cycle.request() != Half::Idle && self.writer.was_head_sent()",
        replace: "self.cycle.request() == Half::Done",
    },
    Mutant {
        name: "not-sent-stream",
        breaks: "a request whose head went out by HTTP/2 is called not sent",
        file: STREAM,
        find: "self.shared.watch.has_sent(self.id)",
        replace: "self.upload.is_none() && self.shared.watch.has_sent(self.id)",
    },
    Mutant {
        name: "not-sent-dropped",
        breaks: "a request that was dropped on its way is called not sent",
        file: EXCHANGE,
        find: "carrier.abandon();\n            carrier.delivery()",
        replace: "carrier.abandon();\n            Delivery::NotSent.min(carrier.delivery())",
    },
    Mutant {
        name: "refused-covered",
        breaks: "a stream that GOAWAY covers is called refused",
        file: STREAM,
        find: "self.refused = refusal(&e);",
        replace: "self.refused = refusal(&e).or(self.shared.farewell.get().map(|farewell| farewell.code));",
    },
    Mutant {
        name: "refused-reset",
        breaks: "a stream that the server has cancelled is called refused",
        file: "crates/client/src/h2/failure.rs",
        find: "ErrorCode::REFUSED_STREAM | ErrorCode::HTTP_1_1_REQUIRED => true,",
        replace: "ErrorCode::REFUSED_STREAM | ErrorCode::HTTP_1_1_REQUIRED | ErrorCode::CANCEL => true,",
    },
    Mutant {
        name: "not-sent-queued",
        breaks: "a request that lies in the queue of a living connection is called not sent",
        file: STREAM,
        find: "} else if self.shared.is_over() && !self.is_sent() {",
        replace: "} else if !self.is_sent() {",
    },
    Mutant {
        name: "not-sent-trailers",
        breaks: "trailers that leave with the head of a younger request make that one not sent",
        file: "crates/client/src/h2/frames.rs",
        find: "last = last.max(self.ends.take());",
        replace: "last = self.ends.take().or(last);",
    },
    Mutant {
        name: "leak-waiting",
        breaks: "a request that is dropped in line stays there",
        file: WAITING,
        find: "        if let Some(token) = self.token.take() {\n            self.checkout.cancel(token);\n        }\n    }\n}",
        replace: "        self.token = None;\n    }\n}",
    },
    Mutant {
        name: "leak-dialing",
        breaks: "the dial of a request that is dropped is left to nobody",
        file: SHARED,
        find: "let dial = slot.place.dial();\n            let Slot",
        replace: "let dial = None;\n            let Slot",
    },
    Mutant {
        name: "leak-assigned",
        breaks: "a connection that was given to a request which is dropped is lost",
        file: SHARED,
        find: "state.pool.release(lease, returned, now);\n            }\n            state.settle_orphan",
        replace: "drop((lease, returned));\n            }\n            state.settle_orphan",
    },
    Mutant {
        name: "leak-reading",
        breaks: "a response that is dropped keeps its connection",
        file: LEASED,
        find: "        self.end(Connection::drain);\n    }",
        replace: "        std::mem::forget(self.held.take());\n    }",
    },
    Mutant {
        name: "reuse-leftover",
        breaks: "a connection is used again on which something came behind the response",
        file: REST,
        find: "            && self.input.is_empty()\n",
        replace: "",
    },
    Mutant {
        name: "reuse-unprobed",
        breaks: "nobody looks at a connection that was idle",
        file: REST,
        find: "if scratch::with(|buffer| Pin::new(&mut *io).poll_read(cx, buffer)).is_ready() {",
        replace: "let _ = (&mut *io, cx, now);\n        if true {\n            return Probe::Alive;\n        }\n        if self.io.is_none() {",
    },
    Mutant {
        name: "reuse-unread",
        breaks: "a response that is dropped leaves its rest to the next request",
        file: REST,
        find: "                Ok(Item::NeedInput) if self.read_at_once() => {}\n                _ => return false,",
        replace: "                Ok(Item::NeedInput) if self.read_at_once() => {}\n                _ => {\n                    self.conn = martlet_core::h1::ClientConn::new(martlet_core::Limits::default());\n                    return self.io.is_some();\n                }",
    },
    Mutant {
        name: "truncated-length",
        breaks: "content that the end of an HTTP/1.1 connection has cut short is whole",
        file: "crates/core/src/framing/body.rs",
        find: "matches!(self.place, Place::UntilClose)",
        replace: "matches!(self.place, Place::UntilClose | Place::Length { .. })",
    },
    Mutant {
        name: "truncated-stream",
        breaks: "content that the end of a stream has cut short is whole",
        file: STREAM,
        find: "if self.received.expected == Some(self.received.content) {",
        replace: "if self.received.has_head {",
    },
    Mutant {
        name: "wait-for-ever",
        breaks: "content waits for the peer's window whatever the time for writing is",
        file: STREAM,
        find: "let sends = waits_for_peer || !self.is_sent();",
        replace: "let sends = !waits_for_peer && !self.is_sent();",
    },
];

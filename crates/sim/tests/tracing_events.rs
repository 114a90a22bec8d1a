//! What `tracing` hears of requests that are sent again.

mod common;

use std::collections::BTreeMap;
use std::fmt::Debug;
use std::sync::{Arc, Mutex};

use martlet::RetryPolicy;
use martlet_sim::{Fault, Script, Sim, SimRequest, SimResponse};
use tracing::field::{Field, Visit};
use tracing::span::{Attributes, Id, Record};
use tracing::subscriber::with_default;
use tracing::{Event, Metadata, Subscriber};

use common::{calm, client, client_with, echo, fetch_now};

const OK: &str = "HTTP/1.1 200 OK\r\ncontent-length: 2\r\n\r\nok";

/// The fields of an event.
type Fields = BTreeMap<&'static str, String>;

/// Takes down all events of the replays.
#[derive(Clone, Default)]
struct Listening(Arc<Mutex<Vec<Fields>>>);

struct Visitor(Fields);

impl Visit for Visitor {
    fn record_str(&mut self, field: &Field, value: &str) {
        self.0.insert(field.name(), value.to_owned());
    }

    fn record_debug(&mut self, field: &Field, value: &dyn Debug) {
        self.0.insert(field.name(), format!("{value:?}"));
    }
}

impl Subscriber for Listening {
    fn enabled(&self, metadata: &Metadata<'_>) -> bool {
        metadata.target() == "martlet::replay"
    }

    fn new_span(&self, _: &Attributes<'_>) -> Id {
        Id::from_u64(1)
    }

    fn record(&self, _: &Id, _: &Record<'_>) {}

    fn record_follows_from(&self, _: &Id, _: &Id) {}

    fn event(&self, event: &Event<'_>) {
        let mut visitor = Visitor(Fields::new());
        event.record(&mut visitor);
        self.0.lock().expect("sound").push(visitor.0);
    }

    fn enter(&self, _: &Id) {}

    fn exit(&self, _: &Id) {}
}

/// What is heard while this happens: the reasons, the attempts that begin, and what was seen of those before.
fn heard(act: impl FnOnce()) -> Vec<Fields> {
    let listening = Listening::default();
    with_default(listening.clone(), act);
    std::mem::take(&mut *listening.0.lock().expect("sound"))
}

#[track_caller]
fn expect_one(events: &[Fields], expected: &[(&str, &str)]) {
    let [event] = events else { panic!("{events:?}") };
    for (name, value) in expected {
        assert_eq!(event.get(name).map(String::as_str), Some(*value), "{name}: {event:?}");
    }
}

fn stale(sim: &Sim) {
    let once = || Script::new().expect_head().send(OK);
    sim.listen_script("a.test", 80, [once().expect_head().fin(), once().read_to_end()]);
}

#[test]
fn s327_03_a_replay_on_account_of_a_stale_connection_is_told_without_secrets() {
    let sim = calm();
    stale(&sim);
    let client = client(&sim);
    fetch_now(&sim, &client, "http://a.test/");
    let events = heard(|| fetch_now(&sim, &client, "http://user:password@a.test/path?token=secret"));
    expect_one(
        &events,
        &[
            ("reason", "stale"),
            ("attempt", "2"),
            ("method", "GET"),
            ("delivery", "unknown whether processed"),
        ],
    );
    let told = format!("{events:?}");
    assert!(told.contains("a.test/path"), "{told}");
    assert!(!told.contains("password") && !told.contains("secret"), "{told}");
}

#[test]
fn a_refusal_is_told_by_its_name() {
    let sim = calm();
    let mut refusals = 1;
    sim.listen_h2("a.test", 80, move |request: SimRequest| {
        refusals -= 1;
        if refusals == 0 { SimResponse::refuse() } else { SimResponse::ok(request.target) }
    });
    let client = client_with(&sim, |builder| builder.protocols(martlet::Protocols::Http2));
    let events = heard(|| fetch_now(&sim, &client, "http://a.test/"));
    expect_one(&events, &[("reason", "refused"), ("attempt", "2"), ("delivery", "refused unprocessed")]);
}

#[test]
fn retries_are_told_apart_from_replays() {
    let sim = calm();
    let server = echo(&sim);
    server.fail_next(Fault::Refuse);
    let client = client_with(&sim, |builder| builder.connect_retries(1));
    let events = heard(|| fetch_now(&sim, &client, "http://a.test/"));
    expect_one(&events, &[("reason", "connect"), ("delivery", "not sent")]);

    let sim = calm();
    let mut busy = true;
    sim.listen("a.test", 80, move |_: SimRequest| match std::mem::take(&mut busy) {
        true => SimResponse::new(503),
        false => SimResponse::ok("done"),
    });
    let client = client_with(&sim, |builder| builder.retry(RetryPolicy::new(1)));
    let events = heard(|| fetch_now(&sim, &client, "http://a.test/"));
    expect_one(&events, &[("reason", "policy"), ("attempt", "2")]);
}

#[test]
fn a_request_that_comes_again_without_its_expectation_is_told_of() {
    let sim = calm();
    let failed = "HTTP/1.1 417 Expectation Failed\r\ncontent-length: 0\r\n\r\n";
    let refusing = Script::new().expect_head().send(failed).fin();
    sim.listen_script("a.test", 80, [refusing, Script::new().expect_head().expect("content").send(OK)]);
    let client = client(&sim);
    let request = client.post("http://a.test/").header("expect", "100-continue").body("content");
    let events = heard(|| {
        let response = sim.block_on(request.send()).expect("no dead-lock").expect("an answer");
        assert_eq!(response.attempts(), 2);
    });
    expect_one(&events, &[("reason", "expectation_failed"), ("attempt", "2"), ("method", "POST")]);
}

#[test]
fn nothing_is_told_of_a_request_that_is_sent_once() {
    let sim = calm();
    echo(&sim);
    let client = client(&sim);
    assert_eq!(heard(|| fetch_now(&sim, &client, "http://a.test/")), []);
}

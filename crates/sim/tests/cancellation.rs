//! A request that is dropped, in each state that it can be in, leaves the pool as if it had never been.

mod common;

use std::io;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use futures_io::AsyncRead;
use martlet::{Body, Client, Response};
use martlet_sim::{Fault, Script, Sim, SimConfig, SimRequest, SimResponse};

use common::{
    Fetched, Held, client_with, drop_inside, expect_pool, fetch, fetch_now, hold, limited, read, seconds,
    settle, site, start,
};

const A: &str = "http://a.test/";
const B: &str = "http://b.test/";

/// How often each state is entered: what leaks a little shows.
const ROUNDS: usize = 200;

/// A request in its state, and what has to live beside it.
struct Entered {
    dropped: Dropped,
    beside: Option<Response>,
}

enum Dropped {
    Request(Held<Fetched>),
    Response(Box<Response>),
}

impl From<Held<Fetched>> for Entered {
    fn from(request: Held<Fetched>) -> Self {
        Self { dropped: Dropped::Request(request), beside: None }
    }
}

impl From<Response> for Entered {
    fn from(response: Response) -> Self {
        Self { dropped: Dropped::Response(Box::new(response)), beside: None }
    }
}

/// A state, and what the pool of one connection holds in it and after it.
struct State {
    name: &'static str,
    enter: fn(&Sim, &Client) -> Entered,
    before: [usize; 4],
    after: [usize; 4],
}

/// A request to be dropped after its first poll.
fn polled(sim: &Sim, future: impl Future<Output = Fetched> + Send + 'static) -> Held<Fetched> {
    let mut request = Held::new(future);
    assert!(request.poll(sim).is_none());
    request
}

/// A reader that never has anything.
struct Silent;

impl AsyncRead for Silent {
    fn poll_read(self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        Poll::Pending
    }
}

/// A reader that has nothing so many times, and a mistake in it then.
struct Broken(usize);

impl AsyncRead for Broken {
    fn poll_read(mut self: Pin<&mut Self>, _: &mut Context<'_>, _: &mut [u8]) -> Poll<io::Result<usize>> {
        assert!(self.0 > 0, "a mistake of the user's");
        self.0 -= 1;
        Poll::Pending
    }
}

const LEASED: [usize; 4] = [0, 1, 0, 0];
const DIALING: [usize; 4] = [0, 0, 1, 1];
const IDLE: [usize; 4] = [1, 0, 0, 0];
const NOTHING: [usize; 4] = [0; 4];

/// The states of a request without a response.
const REQUESTS: &[State] = &[
    State {
        name: "queued for a slot",
        enter: |sim, client| {
            let beside = hold(sim, client, B);
            Entered { beside: Some(beside), ..polled(sim, fetch(client, A)).into() }
        },
        before: [0, 1, 0, 1],
        after: [0, 1, 0, 0],
    },
    State {
        name: "slot reserved, not polled since",
        enter: |sim, client| {
            let held = hold(sim, client, "http://b.test/stall");
            let request = polled(sim, fetch(client, A));
            drop_inside(sim, held);
            request.into()
        },
        before: DIALING,
        after: NOTHING,
    },
    State {
        name: "idle connection reserved, nothing written",
        enter: |sim, client| {
            let held = hold(sim, client, A);
            let request = polled(sim, fetch(client, A));
            sim.block_on(held.bytes()).expect("no dead-lock").expect("it is whole");
            request.into()
        },
        before: LEASED,
        after: IDLE,
    },
    State {
        name: "resolving",
        enter: |sim, client| polled(sim, fetch(client, "http://dns.test/")).into(),
        before: DIALING,
        after: NOTHING,
    },
    State {
        name: "connecting",
        enter: |sim, client| polled(sim, fetch(client, "http://tcp.test/")).into(),
        before: DIALING,
        after: NOTHING,
    },
    State {
        name: "writing the head",
        enter: |sim, client| {
            let long = "x".repeat(70_000);
            polled(sim, read(client.get("http://deaf.test/").header("x-long", long).send())).into()
        },
        before: LEASED,
        after: NOTHING,
    },
    State {
        name: "writing content",
        enter: |sim, client| {
            polled(sim, read(client.post("http://deaf.test/").body(vec![0; 1_000_000]).send())).into()
        },
        before: LEASED,
        after: NOTHING,
    },
    State {
        name: "waiting for the source of the content",
        enter: |sim, client| {
            polled(sim, read(client.post("http://mute.test/").body(Body::reader(Silent)).send())).into()
        },
        before: LEASED,
        after: NOTHING,
    },
    State {
        name: "waiting for 100 (Continue)",
        enter: |sim, client| {
            let request = client.post("http://mute.test/").header("expect", "100-continue").body("content");
            polled(sim, read(request.send())).into()
        },
        before: LEASED,
        after: NOTHING,
    },
    State {
        name: "waiting for the head of the response",
        enter: |sim, client| polled(sim, fetch(client, "http://mute.test/")).into(),
        before: LEASED,
        after: NOTHING,
    },
    State {
        name: "waiting for the final head after an interim one",
        enter: |sim, client| {
            let mut request = polled(sim, fetch(client, "http://interim.test/"));
            settle(sim);
            assert!(request.poll(sim).is_none());
            request.into()
        },
        before: LEASED,
        after: NOTHING,
    },
];

/// The states of a response.
const RESPONSES: &[State] = &[
    State {
        name: "content of known length is here",
        enter: |sim, client| hold(sim, client, A).into(),
        before: LEASED,
        after: IDLE,
    },
    State {
        name: "content was read, but not its end",
        enter: |sim, client| {
            let mut response = hold(sim, client, A);
            let chunk = sim.block_on(response.chunk()).expect("no dead-lock");
            assert_eq!(chunk.expect("content"), Some("/".into()));
            response.into()
        },
        before: LEASED,
        after: IDLE,
    },
    State {
        name: "64 KiB are left and here",
        enter: |sim, client| {
            let response = hold(sim, client, "http://a.test/65536");
            settle(sim);
            response.into()
        },
        before: LEASED,
        after: IDLE,
    },
    State {
        name: "more than 64 KiB are left",
        enter: |sim, client| {
            let response = hold(sim, client, "http://a.test/65537");
            settle(sim);
            response.into()
        },
        before: LEASED,
        after: NOTHING,
    },
    State {
        name: "the rest is not here",
        enter: |sim, client| hold(sim, client, "http://a.test/stall").into(),
        before: LEASED,
        after: NOTHING,
    },
    State {
        name: "the rest is in chunks",
        enter: |sim, client| hold(sim, client, "http://a.test/chunked").into(),
        before: LEASED,
        after: NOTHING,
    },
    State {
        name: "the rest ends with the connection",
        enter: |sim, client| hold(sim, client, "http://endless.test/").into(),
        before: LEASED,
        after: NOTHING,
    },
    State {
        name: "the request is still being sent",
        enter: |sim, client| {
            let sent = sim.block_on(client.post("http://early.test/").body(vec![0; 1_000_000]).send());
            sent.expect("no dead-lock").expect("an early answer").into()
        },
        before: LEASED,
        after: NOTHING,
    },
    State {
        name: "Content-Length: 0",
        enter: |sim, client| hold(sim, client, "http://a.test/0").into(),
        before: IDLE,
        after: IDLE,
    },
    State {
        name: "204",
        enter: |sim, client| hold(sim, client, "http://a.test/204").into(),
        before: IDLE,
        after: IDLE,
    },
    State {
        name: "304",
        enter: |sim, client| hold(sim, client, "http://a.test/304").into(),
        before: IDLE,
        after: IDLE,
    },
    State {
        name: "HEAD",
        enter: |sim, client| {
            sim.block_on(client.head(A).send()).expect("no dead-lock").expect("an answer").into()
        },
        before: IDLE,
        after: IDLE,
    },
];

/// A calm world in which everything there is to hang on hangs.
fn world() -> Sim {
    let mut config = SimConfig::calm();
    config.buffer = 70_000..=70_000;
    config.trace = false;
    let sim = Sim::with_config(0, config);
    for host in ["a.test", "b.test"] {
        sim.listen(host, 80, |request: SimRequest| match request.target.as_str() {
            "/0" => SimResponse::new(200),
            "/204" => SimResponse::new(204),
            "/304" => SimResponse::new(304),
            "/65536" => SimResponse::ok(vec![b'x'; 65_536]),
            "/65537" => SimResponse::ok(vec![b'x'; 65_537]),
            "/stall" => SimResponse::ok("some").stall().piece("rest"),
            "/chunked" => SimResponse::ok("some").chunked(),
            _ => SimResponse::ok(request.target),
        });
    }
    site(&sim, "dns.test");
    sim.host("dns.test").resolve_never();
    site(&sim, "tcp.test").fail_always(Some(Fault::NeverAnswer));
    let scripts = [
        ("deaf.test", Script::new().stall()),
        ("mute.test", Script::new().expect_head().stall()),
        ("interim.test", Script::new().expect_head().send("HTTP/1.1 103 Early Hints\r\n\r\n").stall()),
        ("endless.test", Script::new().expect_head().send("HTTP/1.1 200 OK\r\n\r\nsome").stall()),
        (
            "early.test",
            Script::new()
                .expect_head()
                .send("HTTP/1.1 200 OK\r\ncontent-length: 4\r\n\r\n")
                .pause(seconds(1))
                .send("some")
                .stall(),
        ),
    ];
    for (host, script) in scripts {
        sim.listen_script(host, 80, [script]);
    }
    sim
}

fn leave(sim: &Sim, dropped: Dropped) {
    match dropped {
        Dropped::Request(request) => request.cancel(sim),
        Dropped::Response(response) => drop_inside(sim, response),
    }
}

/// Enters a state again and again, with nobody else and with one who waits for the slot.
fn check(state: &State) {
    let sim = world();
    let client = limited(&sim, 1);
    for round in 0..ROUNDS {
        let Entered { dropped, beside } = (state.enter)(&sim, &client);
        expect_pool(&sim, &client, state.before);
        leave(&sim, dropped);
        expect_pool(&sim, &client, state.after);
        drop_inside(&sim, beside);

        let Entered { dropped, beside } = (state.enter)(&sim, &client);
        let other = ["http://a.test/waiting", "http://b.test/waiting"][round % 2];
        let waiting = start(&sim, fetch(&client, other));
        settle(&sim);
        assert_eq!(waiting.is_over(), state.before == IDLE, "round {round}");
        leave(&sim, dropped);
        drop_inside(&sim, beside);
        settle(&sim);
        assert_eq!(waiting.result(), Some(Ok(b"/waiting".to_vec())), "round {round}\n{client:?}");
        expect_pool(&sim, &client, IDLE);
    }
    assert_eq!(sim.now(), Duration::ZERO, "time has passed");
    drop(client);
    assert_eq!(sim.open_connections(), 0);
}

#[allow(clippy::disallowed_macros)]
fn check_all(states: &[State]) {
    for state in states {
        // Shown only when it fails.
        println!("{}", state.name);
        check(state);
    }
}

#[test]
fn a_request_that_is_dropped_leaves_nothing_in_any_state() {
    check_all(REQUESTS);
}

#[test]
fn a_response_that_is_dropped_leaves_nothing_but_a_sound_connection() {
    check_all(RESPONSES);
}

/// Outside of every runtime nothing can be read: the connection is closed, whatever is here.
#[test]
fn what_is_dropped_outside_of_the_runtime_leaves_nothing_either() {
    for state in REQUESTS.iter().chain(RESPONSES) {
        let sim = world();
        let client = limited(&sim, 1);
        for _ in 0..10 {
            let Entered { dropped, beside } = (state.enter)(&sim, &client);
            drop((dropped, beside));
            let stats = client.stats();
            assert_eq!((stats.leased, stats.dialing, stats.waiting), (0, 0, 0), "{}", state.name);
            assert_eq!(sim.open_connections(), stats.connections, "{}", state.name);
            fetch_now(&sim, &client, B);
        }
        assert_eq!(sim.now(), Duration::ZERO);
    }
}

#[test]
fn a_source_that_panics_takes_only_its_own_connection_along() {
    let sim = world();
    let client = limited(&sim, 2);
    let other = hold(&sim, &client, B);
    for _ in 0..ROUNDS {
        let mut request = Held::new(read(client.post(A).body(Body::reader(Broken(0))).send()));
        assert!(catch_unwind(AssertUnwindSafe(|| request.poll(&sim))).is_err());
        let waiting = start(&sim, fetch(&client, B));
        drop_inside(&sim, request);
        settle(&sim);
        assert!(waiting.succeeded());
        expect_pool(&sim, &client, [1, 1, 0, 0]);
    }
    assert_eq!(sim.block_on(other.bytes()).expect("no dead-lock").expect("it is whole"), "/");
    assert_eq!(sim.now(), Duration::ZERO);
}

#[test]
fn a_source_that_panics_beside_its_response_takes_only_its_own_connection_along() {
    let sim = world();
    let client = limited(&sim, 1);
    let mut panics = [0, 0];
    for polls in 1..30 {
        let request = client.post("http://early.test/").body(Body::reader(Broken(polls)));
        match catch_unwind(AssertUnwindSafe(|| sim.block_on(request.send()))) {
            Err(_) => panics[0] += 1,
            // The response was there before the source was asked again.
            Ok(sent) => {
                let mut response = sent.expect("no dead-lock").expect("an early answer");
                expect_pool(&sim, &client, LEASED);
                panics[1] +=
                    usize::from(catch_unwind(AssertUnwindSafe(|| sim.block_on(response.chunk()))).is_err());
                drop_inside(&sim, response);
            }
        }
        expect_pool(&sim, &client, NOTHING);
        fetch_now(&sim, &client, B);
    }
    assert!(panics[0] > 0 && panics[1] > 0, "{panics:?}");
}

#[test]
fn a_connector_that_panics_leaves_its_slot_to_the_next() {
    let sim = world();
    let client = client_with(&sim, |builder| {
        builder.max_connections(1).connector(|_| async { panic!("a mistake of the user's") })
    });
    for _ in 0..ROUNDS {
        let mut request = Held::new(fetch(&client, A));
        assert!(catch_unwind(AssertUnwindSafe(|| request.poll(&sim))).is_err());
        drop_inside(&sim, request);
        expect_pool(&sim, &client, NOTHING);
    }
}

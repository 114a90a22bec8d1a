//! A request that is dropped in each state that it can be in leaves the pool as if it had never been.

use std::future::{Future, poll_fn};
use std::task::Poll;

use http::Method;
use martlet::{Body, Client, Response};
use martlet_sim::h2::{FrameKind, H2Server};
use martlet_sim::{Fault, Listener, Sim};

use crate::world::{
    A, B, Fetched, Fetching, Silent, Site, Started, WINDOW, advance, calm, client_with, content, drop_inside,
    expect_no_streams, expect_pool, fetch, fetch_now, hold, read, seconds, settle, site, site_with, start,
    with_trailers,
};

/// How often each state is entered: what leaks a little shows.
const ROUNDS: usize = 90;

const DIALING: [usize; 5] = [0, 0, 0, 1, 1];
const IDLE: [usize; 5] = [1, 1, 0, 0, 0];
const BUSY: [usize; 5] = [1, 0, 1, 0, 0];
const NOTHING: [usize; 5] = [0; 5];

/// A request in its state, and what has to live beside it.
struct Entered {
    dropped: Dropped,
    beside: Option<Response>,
}

enum Dropped {
    Request(Fetching),
    Response(Box<Response>),
}

impl From<Fetching> for Entered {
    fn from(request: Fetching) -> Self {
        Self { dropped: Dropped::Request(request), beside: None }
    }
}

impl From<Response> for Entered {
    fn from(response: Response) -> Self {
        Self { dropped: Dropped::Response(Box::new(response)), beside: None }
    }
}

/// A state, what the pool of one connection holds in it and after it, and whether the server has seen the request then.
struct State {
    name: &'static str,
    enter: fn(&Sim, &Client) -> Entered,
    before: [usize; 5],
    after: [usize; 5],
    is_reset: bool,
}

/// A request to be dropped when all has happened that takes no time.
fn begun(sim: &Sim, request: impl Future<Output = Fetched> + Send + 'static) -> Fetching {
    let mut request = polled(sim, request);
    settle(sim);
    // The first look may have begun a dial.
    poll(sim, &mut request);
    settle(sim);
    request
}

/// A request to be dropped after its first poll.
fn polled(sim: &Sim, request: impl Future<Output = Fetched> + Send + 'static) -> Fetching {
    let mut request: Fetching = Box::pin(request);
    poll(sim, &mut request);
    request
}

fn poll(sim: &Sim, request: &mut Fetching) {
    let polled = sim.block_on(poll_fn(|cx| Poll::Ready(request.as_mut().poll(cx).is_pending())));
    assert!(polled.expect("no dead-lock"), "it has ended");
}

/// Those that are begun without a connection.
const FIRST: &[State] = &[
    State {
        name: "queued for a slot",
        enter: |sim, client| {
            let beside = hold(sim, client, &format!("{B}/halts/10"));
            Entered { beside: Some(beside), ..polled(sim, fetch(client, A)).into() }
        },
        before: [1, 0, 1, 0, 1],
        after: BUSY,
        is_reset: false,
    },
    State {
        name: "queued for a stream",
        enter: |sim, client| {
            let beside = hold(sim, client, "http://one.test/halts/10");
            Entered { beside: Some(beside), ..polled(sim, fetch(client, "http://one.test/")).into() }
        },
        before: [1, 0, 1, 0, 1],
        after: BUSY,
        is_reset: false,
    },
    State {
        name: "stream reserved, not polled since",
        enter: |sim, client| {
            let held = hold(sim, client, "http://one.test/halts/10");
            let request = polled(sim, fetch(client, "http://one.test/"));
            drop_inside(sim, held);
            request.into()
        },
        before: BUSY,
        after: IDLE,
        is_reset: false,
    },
    State {
        name: "resolving",
        enter: |sim, client| begun(sim, fetch(client, "http://dns.test/")).into(),
        before: DIALING,
        after: NOTHING,
        is_reset: false,
    },
    State {
        name: "connecting",
        enter: |sim, client| begun(sim, fetch(client, "http://tcp.test/")).into(),
        before: DIALING,
        after: NOTHING,
        is_reset: false,
    },
];

/// Those on a connection.
const STREAMS: &[State] = &[
    State {
        name: "head handed over, not written",
        enter: |sim, client| {
            fetch_now(sim, client, A);
            settle(sim);
            polled(sim, fetch(client, &format!("{A}/silent"))).into()
        },
        before: BUSY,
        after: IDLE,
        // The `h2` crate sends what it was given.
        is_reset: true,
    },
    State {
        name: "waiting for the head of the response",
        enter: |sim, client| begun(sim, fetch(client, &format!("{A}/silent"))).into(),
        before: BUSY,
        after: IDLE,
        is_reset: true,
    },
    State {
        name: "content waits for the window",
        enter: |sim, client| {
            begun(sim, read(client.post("http://deaf.test/").body(content(200_000)).send())).into()
        },
        before: BUSY,
        after: IDLE,
        is_reset: true,
    },
    State {
        name: "waiting for the source of the content",
        enter: |sim, client| {
            let request = client.post(format!("{A}/echo")).body(Body::reader(Silent));
            begun(sim, read(request.send())).into()
        },
        before: BUSY,
        after: IDLE,
        is_reset: true,
    },
    State {
        name: "waiting for 100 (Continue)",
        enter: |sim, client| {
            let request = client.post("http://deaf.test/").header("expect", "100-continue").body("content");
            begun(sim, read(request.send())).into()
        },
        before: BUSY,
        after: IDLE,
        is_reset: true,
    },
    State {
        name: "content and trailers are sent",
        enter: |sim, client| {
            let request = client.post(format!("{A}/silent")).body(with_trailers("content"));
            begun(sim, read(request.send())).into()
        },
        before: BUSY,
        after: IDLE,
        is_reset: true,
    },
    State {
        name: "content is here and unread",
        enter: |sim, client| {
            let response = hold(sim, client, &format!("{A}/halts/60000"));
            settle(sim);
            response.into()
        },
        before: BUSY,
        after: IDLE,
        is_reset: true,
    },
    State {
        name: "content is read up to where it halts",
        enter: |sim, client| {
            let mut response = hold(sim, client, &format!("{A}/halts/60000"));
            let mut left = 60_000;
            while left > 0 {
                let piece = sim.block_on(response.chunk()).expect("no dead-lock").expect("content");
                left -= piece.expect("more").len();
            }
            response.into()
        },
        before: BUSY,
        after: IDLE,
        is_reset: true,
    },
    State {
        name: "all is here, with its trailers",
        enter: |sim, client| {
            let response = hold(sim, client, &format!("{A}/trailers/10"));
            settle(sim);
            response.into()
        },
        before: BUSY,
        after: IDLE,
        is_reset: false,
    },
    State {
        name: "in a tunnel",
        enter: |sim, client| {
            let request = client.request(Method::CONNECT, format!("{A}/tunnel"));
            let request = request.connect_protocol("websocket").body(Body::reader(Silent)).send();
            let response = sim.block_on(request).expect("no dead-lock").expect("an answer");
            settle(sim);
            response.into()
        },
        before: BUSY,
        after: IDLE,
        is_reset: true,
    },
];

fn world(sim: &Sim) -> Vec<Listener> {
    sim.host("dns.test").resolve_never();
    sim.listen_h2("tcp.test", 80, Site).fail_always(Some(Fault::NeverAnswer));
    let deaf = H2Server::new().swallow(FrameKind::WindowUpdate).accept_streams(false);
    vec![
        site(sim, "a.test"),
        site(sim, "b.test"),
        site_with(sim, "one.test", H2Server::new().max_streams(1)),
        site_with(sim, "deaf.test", deaf),
    ]
}

/// Drops what a state left, with somebody in line for the same or another origin, or nobody.
fn drop_it(sim: &Sim, client: &Client, state: &State, waiter: Option<&str>) {
    let Entered { dropped, beside } = (state.enter)(sim, client);
    expect_pool(sim, client, state.before, state.name);
    let waiting: Option<Started<Fetched>> = waiter.map(|origin| start(sim, fetch(client, origin)));
    settle(sim);
    match dropped {
        Dropped::Request(request) => drop_inside(sim, request),
        Dropped::Response(response) => drop_inside(sim, response),
    }
    if waiter.is_none() {
        // Before anything else happens.
        let stats = client.stats();
        let found = [stats.connections, stats.idle, stats.streams, stats.dialing, stats.waiting];
        assert_eq!(found, state.after, "{}\n{client:?}", state.name);
    }
    if let Some(beside) = beside {
        drop_inside(sim, beside);
    }
    settle(sim);
    if let Some(waiting) = waiting {
        assert_eq!(waiting.result(), Some(Ok(b"/".to_vec())), "{}\n{client:?}", state.name);
    }
    let after = client.stats();
    expect_pool(sim, client, [after.idle, after.idle, 0, 0, 0], state.name);
}

#[test]
fn a_request_that_is_dropped_before_it_has_a_stream_leaves_nothing() {
    for state in FIRST {
        for waiter in [None, Some(A), Some(B)] {
            let sim = calm();
            let servers = world(&sim);
            let client = client_with(&sim, |builder| builder.max_connections(1));
            for _ in 0..ROUNDS {
                drop_it(&sim, &client, state, waiter);
            }
            expect_no_streams(&servers, state.name);
            assert!(
                servers
                    .iter()
                    .flat_map(Listener::log)
                    .all(|seen| seen.reset.is_none() || seen.target == "/halts/10")
            );
            assert_eq!(fetch_now(&sim, &client, &format!("{A}/octets/300000")), content(300_000));
            drop(client);
            sim.run().expect("nothing is left");
            assert_eq!(sim.open_connections(), 0, "{}", state.name);
        }
    }
}

#[test]
fn a_stream_that_is_dropped_is_reset_at_once_and_gives_back_its_windows() {
    for state in STREAMS {
        for waiter in [None, Some(A), Some(B)] {
            let sim = calm();
            let servers = world(&sim);
            let client = client_with(&sim, |builder| builder.max_connections(1));
            let before = sim.now();
            for _ in 0..ROUNDS {
                drop_it(&sim, &client, state, waiter);
            }
            assert_eq!(sim.now(), before, "{}: nothing waits for a timer", state.name);
            expect_no_streams(&servers, state.name);
            let log: Vec<_> = servers.iter().flat_map(|server| server.log()).collect();
            let given_up = log.iter().filter(|seen| seen.reset.is_some()).count();
            assert_eq!(given_up, if state.is_reset { ROUNDS } else { 0 }, "{}", state.name);
            assert_eq!(
                fetch_now(&sim, &client, &format!("{A}/octets/300000")),
                content(300_000),
                "{}",
                state.name
            );
            if waiter.is_none() && servers[3].accepted() == 0 {
                assert_eq!(servers[0].accepted(), 1, "{}: on one connection", state.name);
            }
            drop(client);
            advance(&sim, seconds(2));
            assert_eq!(sim.open_connections(), 0, "{}", state.name);
        }
    }
}

/// What was not read is given back to the window of the connection when it is dropped: otherwise nobody else could go on.
#[test]
fn content_that_nobody_reads_holds_up_the_others_until_it_is_dropped() {
    let sim = calm();
    let servers = [site(&sim, "a.test")];
    let client = client_with(&sim, |builder| builder.max_connections(1));
    let unread = hold(&sim, &client, &format!("{A}/octets/{WINDOW}"));
    settle(&sim);
    let siblings: Vec<_> =
        (0..3).map(|_| start(&sim, fetch(&client, &format!("{A}/octets/100000")))).collect();
    settle(&sim);
    assert!(siblings.iter().all(|sibling| !sibling.is_over()), "the window is taken");
    drop_inside(&sim, unread);
    settle(&sim);
    for sibling in siblings {
        assert_eq!(sibling.result(), Some(Ok(content(100_000))));
    }
    expect_pool(&sim, &client, IDLE, "");
    expect_no_streams(&servers, "");
    assert_eq!(servers[0].accepted(), 1);
}

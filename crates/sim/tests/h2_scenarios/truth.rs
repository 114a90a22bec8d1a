//! What the client says of its requests is true on any network, and with any server.

use http::Method;
use martlet::Timeouts;
use martlet_sim::h2::H2Server;
use martlet_sim::{Service, Sim, SimConfig, SimRequest, SimResponse, for_each_seed};

use crate::book::Book;
use crate::common::{millis, seconds, start};
use crate::world::{client_with, expect_idle};

/// Refuses, resets, delays and answers by lot.
struct Moody(martlet_sim::Rng);

impl Service for Moody {
    fn respond(&mut self, request: SimRequest) -> SimResponse {
        let delay = millis(self.0.below(200));
        match self.0.below(10) {
            0 => SimResponse::refuse().after(delay),
            1 => SimResponse::silent(),
            2 => SimResponse::ok("0123456789").after(delay).reset_after(self.0.below(12), 0x2),
            3 => SimResponse::reset(0x2).after(delay),
            4 => SimResponse::ok(vec![0; 30_000]).chunked().trailer("x", "y"),
            _ => SimResponse::ok(request.content).after(delay),
        }
    }

    fn respond_early(&mut self, _: &SimRequest) -> Option<SimResponse> {
        self.0.percent(10).then(|| SimResponse::new(413).piece("too large"))
    }
}

fn world(seed: u64, faults: u8) -> Sim {
    let mut config = SimConfig::default();
    config.fault_percent = faults;
    config.fault_at = 0..=3_000;
    config.trace = false;
    Sim::with_config(seed, config)
}

fn server(seed: u64) -> H2Server {
    let server = H2Server::new();
    match seed % 5 {
        0 => server.max_streams(3),
        1 => server.goaway_after(4, 0).fin_after_goaway(true),
        2 => server.refuse_above(4),
        3 => server.max_streams(2).settings_after(millis(80)),
        _ => server,
    }
}

#[test]
fn not_sent_was_not_seen_and_refused_was_not_done() {
    for faults in [0, 40] {
        for_each_seed(0..60, |seed| {
            let sim = world(seed, faults);
            let a = sim.listen_h2_with("a.test", 80, server(seed), Moody(sim.rng()));
            let b = sim.listen_h2_with("b.test", 80, server(seed + 1), Moody(sim.rng()));
            let mut timeouts = Timeouts::default();
            (timeouts.read, timeouts.write) = (Some(seconds(2)), Some(seconds(2)));
            let most = 1 + (seed % 4) as usize;
            let client = client_with(&sim, |builder| builder.max_connections(most).timeouts(timeouts));
            let book = Book::new(&client);
            let mut random = sim.rng();
            let mut tasks = Vec::new();
            for n in 0..24 {
                let host = if random.percent(70) { "a.test" } else { "b.test" };
                let url = format!("http://{host}/{n}");
                let (method, len) = match random.below(4) {
                    0 => (Method::GET, 0),
                    1 => (Method::PUT, random.below(200)),
                    2 => (Method::POST, random.below(200)),
                    _ => (Method::POST, random.below(60_000)),
                };
                let request = book.send(method, &url, |builder| builder.body(vec![b'x'; len as usize]));
                let sleep = sim.sleep(millis(random.below(600)));
                tasks.push(start(&sim, async move {
                    sleep.await;
                    request.await
                }));
            }
            sim.run().expect("no dead-lock");
            assert!(tasks.iter().all(|task| task.is_over()));
            expect_idle(&sim, &client, 0);
            book.check(&[&a, &b]);
        });
    }
}

/// Requests that are given up at any moment leave nothing behind, and what the others say stays true.
#[test]
fn whoever_gives_up_takes_nothing_from_the_others() {
    for_each_seed(0..60, |seed| {
        let sim = world(seed, 0);
        // Deliberately no GOAWAY: the `h2` crate may reset a stream behind it that it never opened.
        let settings = if seed % 5 == 1 { H2Server::new() } else { server(seed) };
        let a = sim.listen_h2_with("a.test", 80, settings, Moody(sim.rng()));
        let client = client_with(&sim, |builder| builder.max_connections(2));
        let book = Book::new(&client);
        let mut random = sim.rng();
        for n in 0..30 {
            let url = format!("http://a.test/r{n}");
            let request = book.post(&url, vec![b'x'; random.below(30_000) as usize]);
            let patience = if random.percent(50) { millis(random.below(300)) } else { seconds(60) };
            let (sleep, limit) = (sim.sleep(millis(random.below(500))), sim.runtime());
            sim.spawn(async move {
                sleep.await;
                let mut request = request;
                let mut over = Box::pin(limit.sleep(patience));
                std::future::poll_fn(|cx| {
                    if request.as_mut().poll(cx).is_ready() {
                        return std::task::Poll::Ready(());
                    }
                    over.as_mut().poll(cx)
                })
                .await;
            });
        }
        sim.run().expect("no dead-lock");
        expect_idle(&sim, &client, 0);
        book.check(&[&a]);
    });
}

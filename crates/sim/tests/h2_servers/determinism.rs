//! The same seed is the same run.

use http::Method;
use martlet_sim::h2::H2Server;
use martlet_sim::{Sim, SimConfig, SimRequest, SimResponse};

use crate::client::{read, request, seconds, settings, try_connect, upload};

/// A run with several connections, orders and faults.
fn trace_of(seed: u64) -> String {
    let mut config = SimConfig::default();
    config.fault_percent = 30;
    let sim = Sim::with_config(seed, config);
    let server_settings = H2Server::new().max_streams(4).goaway_after(9, 0).settings_after(seconds(1));
    let server = sim.listen_h2_with("a.test", 80, server_settings, |request: SimRequest| {
        let answer = SimResponse::ok("one ").piece(request.content).pause(seconds(1)).piece("two");
        if request.nth == 3 { answer.reset_after(5, 2) } else { answer.trailer("x-end", "yes") }
    });
    let _ = sim.block_on(async {
        for nth in 0..3 {
            let Some(mut client) = try_connect(&sim, &settings()).await else { continue };
            let mut tasks = Vec::new();
            for n in 0..6 {
                let head = request(Method::POST, &format!("/{n}"));
                let Ok((response, mut body)) = client.send.send_request(head, false) else { break };
                tasks.push(sim.spawn(async move {
                    let _ = upload(&mut body, vec![b'x'; 30_000].into()).await;
                    read(response.await?).await
                }));
            }
            server.h2(nth).ping([nth as u8; 8]);
            for task in tasks {
                let _ = task.await;
            }
        }
    });
    let frames: Vec<_> = (0..3).map(|nth| server.h2(nth).frames()).collect();
    format!("{}{frames:?}{:?}{:?}", sim.trace(), server.log(), server.complaints())
}

#[test]
fn the_same_seed_gives_the_same_trace_frames_and_log() {
    let mut whole = 0;
    for seed in 0..40 {
        let first = trace_of(seed);
        assert_eq!(first, trace_of(seed), "seed {seed}");
        whole += usize::from(first.contains("request complete"));
    }
    assert!(whole > 20, "hardly anything happened: {whole}");
}

//! The clock is tokio's, which can be paused.

use std::time::{Duration, Instant};

use martlet_client::Runtime;
use martlet_tokio::Tokio;
use tokio::runtime::Builder;

#[test]
fn a_paused_clock_stands_still_and_jumps_to_the_next_deadline() {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let outside = Instant::now();
        let start = Tokio.now();
        std::hint::black_box((0..10_000).sum::<u64>());
        assert_eq!(Tokio.now(), start);

        let day = Duration::from_secs(24 * 60 * 60);
        Tokio.sleep_until(start + day).await;
        assert!(Tokio.now() >= start + day);
        assert!(Tokio.now() < start + day + Duration::from_secs(1));
        assert!(outside.elapsed() < Duration::from_secs(60));
    });
}

#[test]
fn a_clock_that_is_moved_by_hand_moves_ours() {
    let runtime = Builder::new_current_thread().enable_all().start_paused(true).build().unwrap();
    runtime.block_on(async {
        let start = Tokio.now();
        tokio::time::advance(Duration::from_secs(7)).await;
        assert_eq!(Tokio.now() - start, Duration::from_secs(7));
    });
}

use super::*;

#[test]
fn the_values_of_a_seed_never_change() {
    let mut rng = Rng::new(0);
    // The reference values of SplitMix64.
    assert_eq!(rng.next_u64(), 0xe220_a839_7b1d_cdaf);
    assert_eq!(rng.next_u64(), 0x6e78_9e6a_a1b9_65f4);
    assert_eq!(rng.next_u64(), 0x06c4_5d18_8009_454f);
}

#[test]
fn ranges_are_kept_and_reached_at_both_ends() {
    let mut rng = Rng::new(1);
    let drawn: Vec<_> = (0..1000).map(|_| rng.within(&(3..=6))).collect();
    assert_eq!(drawn.iter().min(), Some(&3));
    assert_eq!(drawn.iter().max(), Some(&6));
    let span = Duration::from_micros(2)..=Duration::from_micros(3);
    let spans: Vec<_> = (0..100).map(|_| rng.span(&span)).collect();
    assert!(spans.contains(span.start()) && spans.contains(span.end()));
    assert!(spans.iter().all(|drawn| span.contains(drawn)));
    assert_eq!(rng.below(0), 0);
}

#[test]
fn percentages_of_nothing_and_all_are_exact() {
    let mut rng = Rng::new(2);
    assert!((0..1000).all(|_| !rng.percent(0) && rng.percent(100)));
}

#[test]
fn skewed_numbers_keep_their_range_and_prefer_its_start() {
    let mut rng = Rng::new(3);
    let drawn: Vec<_> = (0..10_000).map(|_| rng.skewed(&(1..=2_000))).collect();
    assert_eq!(drawn.iter().min(), Some(&1));
    assert!(drawn.iter().all(|n| *n <= 2_000) && drawn.iter().any(|n| *n > 1_900));
    let small = drawn.iter().filter(|n| **n <= 32).count();
    assert!((4_000..7_000).contains(&small), "{small}");
    assert_eq!(rng.skewed(&(7..=7)), 7);
    // The whole of the type is a range, too.
    let _ = rng.skewed(&(0..=usize::MAX));
}

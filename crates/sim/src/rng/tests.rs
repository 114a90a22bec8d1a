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

#[test]
fn octets_decide_as_long_as_they_last() {
    let mut rng = Rng::from_octets(&[7, 150, 1, 2, 60, 0x12, 0x34]);
    assert_eq!(rng.below(10), 7);
    assert!(!rng.percent(50));
    assert_eq!(rng.below(65_536), 0x0102);
    assert!(!rng.percent(60));
    assert_eq!(rng.below(257), 0x1234 % 257);
    // From here on a seed does, and another one behind other octets.
    let mut other = Rng::from_octets(&[7, 150, 1, 2, 60, 0x12, 0x35]);
    assert_eq!(other.below(1_000_000_000), 0x0796_0102);
    other.below(u64::MAX);
    let [of_one, of_other] = [&mut rng, &mut other].map(|rng| [0; 4].map(|_| rng.next_u64()));
    assert_ne!(of_one, of_other);
}

#[test]
fn no_octet_is_spent_where_there_is_no_choice() {
    let mut rng = Rng::from_octets(&[9]);
    assert_eq!((rng.below(0), rng.below(1), rng.within(&(5..=5)), rng.skewed(&(7..=7))), (0, 0, 5, 7));
    assert!(rng.percent(100) && !rng.percent(0));
    assert_eq!(rng.below(256), 9);
}

#[test]
fn forks_and_clones_draw_from_the_same_octets_in_turn() {
    let mut rng = Rng::from_octets(&[1, 2, 3, 4]);
    let (mut fork, mut clone) = (rng.fork(), rng.clone());
    let drawn = [rng.below(256), fork.below(256), clone.below(256), rng.below(256)];
    assert_eq!(drawn, [1, 2, 3, 4]);
}

#[test]
fn the_same_octets_decide_the_same() {
    let drawn = || {
        let mut rng = Rng::from_octets(b"any octets");
        (0..100).map(|_| rng.skewed(&(0..=100_000))).collect::<Vec<_>>()
    };
    assert_eq!(drawn(), drawn());
}

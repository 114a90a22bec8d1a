use super::*;

/// An IPv6 address, told from others by its last segment.
fn six(n: u16) -> SocketAddr {
    SocketAddr::from(([0x2001, 0xdb8, 0, 0, 0, 0, 0, n], 443))
}

/// An IPv4 address, told from others by its last octet.
fn four(n: u8) -> SocketAddr {
    SocketAddr::from(([192, 0, 2, n], 443))
}

fn drain(order: &mut Order) -> Vec<SocketAddr> {
    iter::from_fn(|| order.pop()).collect()
}

#[test]
fn no_addresses_give_no_addresses() {
    assert_eq!(interleave([], 1), []);
}

#[test]
fn one_address_is_its_own_order() {
    assert_eq!(interleave([four(1)], 1), [four(1)]);
    assert_eq!(interleave([six(1)], 2), [six(1)]);
}

#[test]
fn one_family_alone_keeps_the_resolvers_order() {
    assert_eq!(interleave([six(3), six(1), six(2)], 1), [six(3), six(1), six(2)]);
    assert_eq!(interleave([four(3), four(1), four(2)], 2), [four(3), four(1), four(2)]);
}

#[test]
fn families_take_turns_beginning_with_that_of_the_first_address() {
    let sixes_first = [six(1), six(2), six(3), four(1), four(2), four(3)];
    assert_eq!(interleave(sixes_first, 1), [six(1), four(1), six(2), four(2), six(3), four(3)]);
    let fours_first = [four(1), four(2), six(1), six(2)];
    assert_eq!(interleave(fours_first, 1), [four(1), six(1), four(2), six(2)]);
}

#[test]
fn the_order_within_a_family_is_kept_however_the_families_were_mixed() {
    let resolved = [six(9), four(7), four(3), six(4), six(5), four(1)];
    assert_eq!(interleave(resolved, 1), [six(9), four(7), six(4), four(3), six(5), four(1)]);
}

#[test]
fn the_rest_of_the_longer_family_follows_when_the_other_has_run_out() {
    assert_eq!(interleave([six(1), six(2), six(3), four(1)], 1), [six(1), four(1), six(2), six(3)]);
    assert_eq!(interleave([six(1), four(1), four(2), four(3)], 1), [six(1), four(1), four(2), four(3)]);
}

#[test]
fn the_first_family_count_gives_the_first_family_a_head_start_once() {
    let resolved = [six(1), six(2), six(3), six(4), four(1), four(2)];
    assert_eq!(interleave(resolved, 2), [six(1), six(2), four(1), six(3), four(2), six(4)]);
    assert_eq!(interleave(resolved, 3), [six(1), six(2), six(3), four(1), six(4), four(2)]);
}

#[test]
fn a_first_family_count_beyond_the_first_family_puts_the_other_family_last() {
    let resolved = [six(1), four(1), six(2), four(2)];
    assert_eq!(interleave(resolved, usize::MAX), [six(1), six(2), four(1), four(2)]);
}

#[test]
fn a_first_family_count_of_zero_counts_as_one() {
    let resolved = [six(1), six(2), four(1), four(2)];
    assert_eq!(interleave(resolved, 0), interleave(resolved, 1));
}

#[test]
fn of_equal_addresses_the_first_stays() {
    let resolved = [six(1), six(2), six(1), four(1), six(2), four(1), four(2)];
    assert_eq!(interleave(resolved, 1), [six(1), four(1), six(2), four(2)]);
}

#[test]
fn addresses_that_differ_in_port_or_scope_are_different() {
    let [https, alternative] = [443, 8443].map(|port| SocketAddr::from(([192, 0, 2, 1], port)));
    assert_eq!(interleave([https, alternative], 1), [https, alternative]);
    let [one, two] = ["[fe80::1%1]:443", "[fe80::1%2]:443"].map(|text| text.parse().expect("a literal"));
    assert_eq!(interleave([one, two], 1), [one, two]);
}

#[test]
fn an_ipv4_mapped_address_counts_as_ipv4_and_is_handed_on_as_it_came() {
    let mapped: SocketAddr = "[::ffff:192.0.2.9]:443".parse().expect("a literal");
    assert_eq!(interleave([six(1), mapped, six(2), four(1)], 1), [six(1), mapped, six(2), four(1)]);
    assert_eq!(interleave([mapped, four(1), six(1)], 1), [mapped, six(1), four(1)]);
}

#[test]
fn a_family_that_arrives_late_is_next_and_then_takes_turns() {
    let mut order = Order::new(1);
    order.add([four(1), four(2), four(3), four(4)]);
    assert_eq!([order.pop(), order.pop()], [Some(four(1)), Some(four(2))]);
    order.add([six(1), six(2)]);
    assert_eq!(drain(&mut order), [six(1), four(3), six(2), four(4)]);
}

#[test]
fn the_first_family_is_that_of_the_first_address_ever_added() {
    let mut order = Order::new(2);
    order.add([four(1), four(2), four(3)]);
    order.add([six(1)]);
    assert_eq!(drain(&mut order), [four(1), four(2), six(1), four(3)]);
}

#[test]
fn what_is_left_of_a_head_start_is_lost_when_the_other_family_steps_in() {
    let mut order = Order::new(3);
    order.add([six(1), four(1), four(2)]);
    assert_eq!([order.pop(), order.pop()], [Some(six(1)), Some(four(1))]);
    order.add([six(2), six(3)]);
    assert_eq!(drain(&mut order), [six(2), four(2), six(3)]);
}

#[test]
fn an_address_that_was_handed_out_is_not_taken_again() {
    let mut order = Order::new(1);
    order.add([six(1)]);
    assert_eq!(drain(&mut order), [six(1)]);
    assert!(order.is_empty());
    order.add([six(1)]);
    assert!(order.is_empty());
    assert_eq!(order.pop(), None);
}

#[test]
fn random_lists_come_out_as_the_rules_of_the_rfc_say() {
    for seed in 1..=500_u64 {
        let mut random = Xorshift(seed.wrapping_mul(0x9e37_79b9_7f4a_7c15));
        let resolved: Vec<_> = (0..random.below(24))
            .map(|_| match random.below(2) {
                0 => four(random.below(9) as u8),
                _ => six(random.below(9) as u16),
            })
            .collect();
        let count = random.below(5) as usize;
        let actual = interleave(resolved.iter().copied(), count);
        assert_eq!(actual, by_the_rules(&resolved, count), "seed {seed}: {resolved:?}, {count}");
    }
}

/// RFC 8305 §4 the slow way: without repetitions, the first family's head start is followed by pairs.
fn by_the_rules(resolved: &[SocketAddr], first_family_count: usize) -> Vec<SocketAddr> {
    let mut unique: Vec<SocketAddr> = Vec::new();
    for address in resolved {
        if !unique.contains(address) {
            unique.push(*address);
        }
    }
    let Some(first) = unique.first().map(SocketAddr::is_ipv6) else {
        return unique;
    };
    let (same, other): (Vec<_>, Vec<_>) = unique.into_iter().partition(|address| address.is_ipv6() == first);
    let head_start = first_family_count.clamp(1, same.len());
    let mut order = same[..head_start].to_vec();
    let rest = &same[head_start..];
    for turn in 0..rest.len().max(other.len()) {
        order.extend(other.get(turn));
        order.extend(rest.get(turn));
    }
    order
}

struct Xorshift(u64);

impl Xorshift {
    /// A number from 0 to `bound` - 1.
    fn below(&mut self, bound: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % bound
    }
}

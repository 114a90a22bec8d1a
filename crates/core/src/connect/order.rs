//! The order in which addresses are tried: RFC 8305 §4.

use std::collections::{BTreeSet, VecDeque};
use std::iter;
use std::net::SocketAddr;

#[cfg(test)]
mod tests;

/// Puts the addresses of a host into the order in which they are to be tried, as RFC 8305 §4 has it.
///
/// The addresses come as the resolver sorted them (RFC 6724). That order is kept within each address family; the
/// families take turns, beginning with `first_family_count` addresses of the family of the first address, so that
/// a family that does not work holds the other one up only briefly. A `first_family_count` of 0 counts as 1. Once one
/// family has run out, the rest of the other follows.
///
/// Of equal addresses (same IP, port, scope and flow information) the first stays. An IPv4-mapped IPv6 address
/// counts as IPv4, the family that its packets travel by, and is handed on as it came.
///
/// Takes O(n log n) time and O(n) memory for n addresses, never fails, and returns nothing for nothing.
///
/// ```
/// use std::net::SocketAddr;
///
/// let resolved = ["[2001:db8::1]:443", "[2001:db8::2]:443", "192.0.2.1:443"];
/// let resolved = resolved.map(|text| text.parse::<SocketAddr>().expect("a literal address"));
/// let tried = martlet_core::connect::interleave(resolved, 1);
/// assert_eq!(tried, [resolved[0], resolved[2], resolved[1]]);
/// ```
#[must_use]
pub fn interleave(
    addresses: impl IntoIterator<Item = SocketAddr>,
    first_family_count: usize,
) -> Vec<SocketAddr> {
    let mut order = Order::new(first_family_count);
    order.add(addresses);
    iter::from_fn(|| order.pop()).collect()
}

/// The addresses that are still to be tried, in the order of [`interleave`].
///
/// Takes further addresses while others were already taken out: a family that arrives late gets its turn next,
/// and an address that was ever added is never handed out again.
#[derive(Debug, Clone)]
pub(super) struct Order {
    /// Everything ever added. Sorted rather than hashed: hashing takes entropy.
    seen: BTreeSet<SocketAddr>,
    v4: VecDeque<SocketAddr>,
    v6: VecDeque<SocketAddr>,
    /// Whose turn it is; `None` before the first address.
    turn: Option<Family>,
    /// How many more addresses the family whose turn it is may still hand out before the turn changes.
    turn_left: usize,
}

impl Order {
    pub(super) fn new(first_family_count: usize) -> Self {
        Self {
            seen: BTreeSet::new(),
            v4: VecDeque::new(),
            v6: VecDeque::new(),
            turn: None,
            turn_left: first_family_count.max(1),
        }
    }

    pub(super) fn add(&mut self, addresses: impl IntoIterator<Item = SocketAddr>) {
        for address in addresses {
            if self.seen.insert(address) {
                let family = Family::of(address);
                self.turn.get_or_insert(family);
                self.queue(family).push_back(address);
            }
        }
    }

    pub(super) fn pop(&mut self) -> Option<SocketAddr> {
        let turn = self.turn?;
        if let Some(address) = self.queue(turn).pop_front() {
            self.turn_left -= 1;
            if self.turn_left == 0 {
                self.turn = Some(turn.other());
                self.turn_left = 1;
            }
            return Some(address);
        }
        // The other family steps in. The turn stays where it was, shortened to one: should this family get
        // addresses after all, it is next, without what is left of its head start.
        let address = self.queue(turn.other()).pop_front()?;
        self.turn_left = 1;
        Some(address)
    }

    pub(super) fn is_empty(&self) -> bool {
        self.v4.is_empty() && self.v6.is_empty()
    }

    fn queue(&mut self, family: Family) -> &mut VecDeque<SocketAddr> {
        match family {
            Family::V4 => &mut self.v4,
            Family::V6 => &mut self.v6,
        }
    }
}

#[derive(Debug, Clone, Copy)]
enum Family {
    V4,
    V6,
}

impl Family {
    fn of(address: SocketAddr) -> Self {
        if address.ip().to_canonical().is_ipv4() { Self::V4 } else { Self::V6 }
    }

    fn other(self) -> Self {
        match self {
            Self::V4 => Self::V6,
            Self::V6 => Self::V4,
        }
    }
}

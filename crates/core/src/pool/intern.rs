//! Keys and origins in use, found by a hash that is the same in every run.

use std::collections::{HashMap, VecDeque};
use std::hash::{BuildHasherDefault, Hasher};

use crate::pool::config::PoolKey;
use crate::pool::entry::{KeyEntry, OriginEntry};
use crate::pool::slab::{Id, Slab};

/// Origins whose protocol is remembered.
const REMEMBERED: usize = 1_000;

/// Odd, and without a pattern.
const FACTOR: u64 = 0x517c_c1b7_2722_0a95;

/// A multiplicative hash. Keys are the application's own origins, and nothing ever goes through the table in its order.
#[derive(Clone, Copy, Default)]
pub(crate) struct Mix(u64);

impl Mix {
    fn add(&mut self, word: u64) {
        self.0 = (self.0.rotate_left(5) ^ word).wrapping_mul(FACTOR);
    }
}

impl Hasher for Mix {
    fn write(&mut self, octets: &[u8]) {
        for part in octets.chunks(8) {
            let mut word = [0; 8];
            word[..part.len()].copy_from_slice(part);
            self.add(u64::from_le_bytes(word));
        }
    }

    fn write_u8(&mut self, n: u8) {
        self.add(n.into());
    }

    fn write_u16(&mut self, n: u16) {
        self.add(n.into());
    }

    fn write_u32(&mut self, n: u32) {
        self.add(n.into());
    }

    fn write_u64(&mut self, n: u64) {
        self.add(n);
    }

    fn write_usize(&mut self, n: usize) {
        self.add(n as u64);
    }

    fn finish(&self) -> u64 {
        // The table looks at the top bits and at the bottom ones, and a product's bottom bits know nothing of those above them.
        let folded = (self.0 ^ (self.0 >> 32)).wrapping_mul(FACTOR);
        folded ^ (folded >> 32)
    }
}

type Table<K, V> = HashMap<K, V, BuildHasherDefault<Mix>>;

/// The keys and origins that are in use.
pub(crate) struct Names<K: PoolKey> {
    pub(crate) keys: Slab<KeyEntry<K>>,
    pub(crate) origins: Slab<OriginEntry<K::Origin>>,
    key_ids: Table<K, Id>,
    origin_ids: Table<K::Origin, Id>,
    /// Which origins were found to multiplex, or not to.
    multiplexes: Table<K::Origin, bool>,
    /// The same origins, the first one remembered first.
    remembered: VecDeque<K::Origin>,
}

impl<K: PoolKey> Names<K> {
    pub(crate) fn new() -> Self {
        Self {
            keys: Slab::new(),
            origins: Slab::new(),
            key_ids: Table::default(),
            origin_ids: Table::default(),
            multiplexes: Table::default(),
            remembered: VecDeque::new(),
        }
    }

    /// The entry of a key, made if there is none.
    pub(crate) fn find(&self, key: &K) -> Option<Id> {
        self.key_ids.get(key).copied()
    }

    pub(crate) fn key(&mut self, key: &K) -> Id {
        if let Some(id) = self.key_ids.get(key) {
            return *id;
        }
        let origin = match self.origin_ids.get(key.origin()) {
            Some(id) => *id,
            None => {
                let id = self.origins.insert(OriginEntry::new(key.origin().clone()));
                self.origin_ids.insert(key.origin().clone(), id);
                id
            }
        };
        if let Some(entry) = self.origins.get_mut(origin) {
            entry.keys += 1;
        }
        let shares = key.may_multiplex() && self.multiplexes.get(key.origin()).copied().unwrap_or(true);
        let id = self.keys.insert(KeyEntry::new(key.clone(), origin, shares));
        self.key_ids.insert(key.clone(), id);
        id
    }

    /// One connection, dial or waiter more under this key.
    pub(crate) fn use_key(&mut self, id: Id) {
        if let Some(key) = self.keys.get_mut(id) {
            key.uses += 1;
        }
    }

    /// One less. The last one takes the entry with it.
    pub(crate) fn unuse_key(&mut self, id: Id) {
        let Some(key) = self.keys.get_mut(id) else {
            return;
        };
        key.uses = key.uses.saturating_sub(1);
        if key.uses > 0 {
            return;
        }
        let Some(key) = self.keys.remove(id) else {
            return;
        };
        self.key_ids.remove(&key.key);
        if let Some(origin) = self.origins.get_mut(key.origin) {
            origin.keys -= 1;
            if origin.keys == 0 {
                let origin = self.origins.remove(key.origin);
                if let Some(origin) = origin {
                    self.origin_ids.remove(&origin.origin);
                }
            }
        }
    }

    /// Remembers for future dials whether an origin multiplexes.
    pub(crate) fn remember(&mut self, key: Id, multiplexes: bool) {
        let Some(key) = self.keys.get(key) else {
            return;
        };
        let origin = key.key.origin();
        if self.multiplexes.insert(origin.clone(), multiplexes).is_none() {
            self.remembered.push_back(origin.clone());
            if self.remembered.len() > REMEMBERED {
                if let Some(oldest) = self.remembered.pop_front() {
                    self.multiplexes.remove(&oldest);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;

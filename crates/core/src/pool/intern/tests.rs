use std::collections::{BTreeMap, BTreeSet};

use proptest::prelude::*;

use super::*;

#[derive(Clone, Debug, PartialEq, Eq, Hash)]
struct Key {
    origin: u32,
    variant: u32,
}

impl PoolKey for Key {
    type Origin = u32;

    fn origin(&self) -> &u32 {
        &self.origin
    }

    fn may_multiplex(&self) -> bool {
        true
    }
}

fn key(origin: u32, variant: u32) -> Key {
    Key { origin, variant }
}

fn shares(names: &mut Names<Key>, origin: u32) -> bool {
    let id = names.key(&key(origin, 0));
    names.use_key(id);
    let shares = names.keys.get(id).is_some_and(|key| key.shares_dials);
    names.unuse_key(id);
    shares
}

fn answer(names: &mut Names<Key>, origin: u32, multiplexes: bool) {
    let id = names.key(&key(origin, 0));
    names.use_key(id);
    names.remember(id, multiplexes);
    names.unuse_key(id);
}

#[test]
fn a_key_has_one_entry_until_its_last_use_ends() {
    let mut names = Names::new();
    let id = names.key(&key(1, 0));
    names.use_key(id);
    names.use_key(id);
    assert_eq!(names.key(&key(1, 0)), id);
    names.unuse_key(id);
    assert_eq!(names.key(&key(1, 0)), id);
    names.unuse_key(id);
    assert_ne!(names.key(&key(1, 0)), id);
}

#[test]
fn keys_of_one_origin_share_its_entry_and_take_it_with_them() {
    let mut names = Names::new();
    let ids = [names.key(&key(1, 0)), names.key(&key(1, 1))];
    for id in ids {
        names.use_key(id);
    }
    let origins = ids.map(|id| names.keys.get(id).expect("it is used").origin);
    assert_eq!(origins[0], origins[1]);
    names.unuse_key(ids[0]);
    assert!(names.origins.get(origins[0]).is_some());
    names.unuse_key(ids[1]);
    assert!(names.origins.get(origins[0]).is_none());
    assert!(names.key_ids.is_empty() && names.origin_ids.is_empty());
}

#[test]
fn what_an_origin_answered_is_remembered_until_it_differs() {
    let mut names = Names::new();
    assert!(shares(&mut names, 1), "nothing is known");
    answer(&mut names, 1, false);
    assert!(!shares(&mut names, 1));
    answer(&mut names, 1, true);
    assert!(shares(&mut names, 1));
}

#[test]
fn a_thousand_origins_are_remembered_and_the_oldest_is_forgotten_first() {
    let mut names = Names::new();
    for origin in 0..1_000 {
        answer(&mut names, origin, false);
    }
    answer(&mut names, 0, false);
    assert!(!shares(&mut names, 0), "answering twice takes no second place");
    answer(&mut names, 1_000, false);
    assert!(shares(&mut names, 0));
    assert!((1..=1_000).all(|origin| !shares(&mut names, origin)));
    assert_eq!((names.multiplexes.len(), names.remembered.len()), (1_000, 1_000));
}

#[test]
fn the_hash_is_the_same_in_every_run_and_sees_every_octet() {
    use std::hash::Hash;

    let hash = |text: &str| {
        let mut mix = Mix::default();
        text.hash(&mut mix);
        mix.finish()
    };
    assert_eq!(hash("https://example.test:443"), hash("https://example.test:443"));
    let mut all: Vec<u64> = (0..10_000).map(|n| hash(&format!("https://{n}.example.test"))).collect();
    all.extend(["", "a", "b", "ab", "ba", "abcdefgh", "abcdefghi"].map(hash));
    let count = all.len();
    all.sort_unstable();
    all.dedup();
    assert_eq!(all.len(), count);
}

#[test]
fn the_hash_sees_numbers_of_every_width() {
    use std::hash::Hash;

    fn differ<T: Hash>(one: T, other: T) -> bool {
        let hash = |of: T| {
            let mut mix = Mix::default();
            of.hash(&mut mix);
            mix.finish()
        };
        hash(one) != hash(other)
    }
    assert!(
        differ(1_u8, 2) && differ(1_u16, 2) && differ(1_u32, 2) && differ(1_u64, 2) && differ(1_usize, 2)
    );
}

#[test]
fn hashes_differ_in_their_top_bits_and_in_their_bottom_ones() {
    use std::hash::Hash;

    // What differs stands at any octet of a word.
    for before in 0..16 {
        let hashes = (0..=255_u8).map(|octet| {
            let mut mix = Mix::default();
            [&[b'a'; 16][..before], &[octet]].concat().hash(&mut mix);
            mix.finish()
        });
        let (top, bottom): (BTreeSet<u64>, BTreeSet<u64>) =
            hashes.map(|hash| (hash >> 52, hash & 0xfff)).unzip();
        // Of 256 numbers below 4,096 that chance has drawn, some eight are there already.
        assert!(top.len() > 200 && bottom.len() > 200, "{} and {} behind {before}", top.len(), bottom.len());
    }
}

proptest! {
    #[test]
    fn keys_and_origins_are_there_as_long_as_they_are_used(
        steps in prop::collection::vec((0..3_u32, 0..3_u32, any::<bool>()), 0..60),
    ) {
        let mut names = Names::new();
        let mut uses: BTreeMap<(u32, u32), u32> = BTreeMap::new();
        for (origin, variant, begins) in steps {
            let key = key(origin, variant);
            let count = uses.entry((origin, variant)).or_default();
            prop_assert_eq!(names.find(&key).is_some(), *count > 0);
            if begins {
                *count += 1;
                let id = names.key(&key);
                names.use_key(id);
                prop_assert_eq!(names.find(&key), Some(id));
            } else if let Some(id) = names.find(&key) {
                *count -= 1;
                names.unuse_key(id);
            }
            uses.retain(|_, count| *count > 0);
            let origins: BTreeSet<u32> = uses.keys().map(|(origin, _)| *origin).collect();
            prop_assert_eq!(names.keys.len(), uses.len());
            prop_assert_eq!(names.origins.len(), origins.len());
            for (_, entry) in names.origins.iter() {
                let keys = uses.keys().filter(|(origin, _)| *origin == entry.origin).count();
                prop_assert_eq!(entry.keys, keys);
            }
        }
    }
}

use proptest::prelude::*;

use super::*;

#[derive(Default)]
struct Conn {
    links: [Link; 3],
    timer: Option<usize>,
}

impl Node for Conn {
    fn link(&mut self, which: Which) -> &mut Link {
        &mut self.links[which as usize]
    }

    fn timer(&mut self) -> &mut Option<usize> {
        &mut self.timer
    }
}

type Conns = Slab<Conn>;

fn conns(count: usize) -> (Conns, Vec<Id>) {
    let mut conns = Slab::new();
    let ids = (0..count).map(|_| conns.insert(Conn::default())).collect();
    (conns, ids)
}

/// From the oldest to the newest, as the links go; the other direction must agree.
fn order(list: &List, conns: &Conns, which: Which) -> Vec<Id> {
    let link = |id: Id| conns.get(id).expect("it is in the list").links[which as usize];
    let mut forth: Vec<Id> = std::iter::successors(list.oldest(), |id| link(*id).newer).collect();
    let back: Vec<Id> = std::iter::successors(list.newest(), |id| link(*id).older).collect();
    forth.reverse();
    assert_eq!(forth, back);
    assert_eq!(forth.len(), list.len());
    forth.reverse();
    forth
}

#[test]
fn a_list_keeps_the_order_in_which_connections_came() {
    let (mut conns, ids) = conns(4);
    let mut list = List::default();
    assert_eq!((list.oldest(), list.newest(), list.len()), (None, None, 0));
    for id in &ids {
        list.push(&mut conns, Which::Pool, *id);
    }
    assert_eq!(order(&list, &conns, Which::Pool), ids);
}

#[test]
fn a_connection_leaves_from_anywhere_and_comes_back_as_the_newest() {
    for at in 0..4 {
        let (mut conns, ids) = conns(4);
        let mut list = List::default();
        for id in &ids {
            list.push(&mut conns, Which::Key, *id);
        }
        list.remove(&mut conns, Which::Key, ids[at]);
        let mut left = ids.clone();
        let gone = left.remove(at);
        assert_eq!(order(&list, &conns, Which::Key), left);
        list.push(&mut conns, Which::Key, gone);
        left.push(gone);
        assert_eq!(order(&list, &conns, Which::Key), left);
    }
}

#[test]
fn lists_of_different_kinds_do_not_touch_each_other() {
    let (mut conns, ids) = conns(3);
    let (mut pool, mut origin) = (List::default(), List::default());
    for id in &ids {
        pool.push(&mut conns, Which::Pool, *id);
    }
    for id in ids.iter().rev() {
        origin.push(&mut conns, Which::Origin, *id);
    }
    pool.remove(&mut conns, Which::Pool, ids[1]);
    assert_eq!(order(&pool, &conns, Which::Pool), [ids[0], ids[2]]);
    assert_eq!(order(&origin, &conns, Which::Origin), [ids[2], ids[1], ids[0]]);
}

#[test]
fn the_next_to_expire_is_first_whatever_came_and_went() {
    let (mut conns, ids) = conns(200);
    let mut expiries = Expiries::new();
    let mut expected: Vec<(u64, Id)> = Vec::new();
    let mut seed = 1_u64;
    for step in 0..5_000 {
        seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        let id = ids[(seed >> 33) as usize % ids.len()];
        match expected.iter().position(|(_, other)| *other == id) {
            Some(at) => {
                expected.remove(at);
                expiries.remove(&mut conns, id);
                expiries.remove(&mut conns, id);
            }
            None => {
                let at = (seed >> 17) % 50;
                expected.push((at, id));
                expiries.insert(&mut conns, at, id);
            }
        }
        assert_eq!(expiries.first(), expected.iter().min().copied(), "after {step} steps");
        for (place, (_, id)) in expiries.heap.iter().enumerate() {
            assert_eq!(conns.get(*id).and_then(|conn| conn.timer), Some(place));
        }
    }
}

proptest! {
    #[test]
    fn a_list_is_a_queue_from_whose_middle_may_be_taken(steps in prop::collection::vec(0..8_usize, 0..60)) {
        let (mut conns, ids) = conns(8);
        let mut list = List::default();
        let mut model: Vec<Id> = Vec::new();
        for at in steps {
            match model.iter().position(|id| *id == ids[at]) {
                Some(place) => {
                    list.remove(&mut conns, Which::Pool, ids[at]);
                    model.remove(place);
                }
                None => {
                    list.push(&mut conns, Which::Pool, ids[at]);
                    model.push(ids[at]);
                }
            }
            prop_assert_eq!(order(&list, &conns, Which::Pool), &model[..]);
            for pair in model.windows(2) {
                prop_assert_eq!(List::after(&mut conns, Which::Pool, pair[0]), Some(pair[1]));
            }
        }
    }
}

proptest! {
    #[test]
    fn what_is_left_expires_in_the_order_of_its_time(
        times in prop::collection::vec(0..1_000_u32, 0..60),
        gone in prop::collection::vec(any::<bool>(), 60),
    ) {
        let (mut conns, ids) = conns(times.len());
        let mut expiries = Expiries::new();
        for (at, id) in times.iter().zip(&ids) {
            expiries.insert(&mut conns, *at, *id);
        }
        let mut left: Vec<(u32, Id)> = Vec::new();
        for ((at, id), gone) in times.into_iter().zip(ids).zip(gone) {
            if gone { expiries.remove(&mut conns, id) } else { left.push((at, id)) }
        }
        left.sort_unstable();
        for expected in left {
            prop_assert_eq!(expiries.first(), Some(expected));
            expiries.remove(&mut conns, expected.1);
        }
        prop_assert_eq!(expiries.first(), None);
    }
}

use proptest::prelude::*;

use super::*;

#[test]
fn an_entry_is_found_under_its_id_until_it_is_removed() {
    let mut slab = Slab::new();
    let id = slab.insert("a");
    assert_eq!(slab.get(id), Some(&"a"));
    *slab.get_mut(id).expect("it is there") = "b";
    assert_eq!(slab.remove(id), Some("b"));
    assert_eq!((slab.get(id), slab.len()), (None, 0));
    assert_eq!(slab.get_mut(id), None);
    assert_eq!(slab.remove(id), None);
}

#[test]
fn the_next_entry_in_a_place_has_another_id() {
    let mut slab = Slab::new();
    let first = slab.insert(1);
    slab.remove(first);
    let second = slab.insert(2);
    assert_ne!(first, second);
    assert_eq!(slab.get(first), None);
    assert_eq!(slab.remove(first), None, "an old id removes nothing");
    assert_eq!(slab.get(second), Some(&2));
    assert_eq!(slab.slots.len(), 1, "the place was used again");
}

#[test]
fn a_spent_id_is_nobodys() {
    let mut slab = Slab::new();
    let spent = [slab.spend_id(), slab.spend_id()];
    let id = slab.insert("a");
    let after = slab.spend_id();
    let mut all = vec![spent[0], spent[1], id, after];
    all.sort();
    all.dedup();
    assert_eq!(all.len(), 4);
    assert_eq!([spent[0], spent[1], after].map(|id| slab.get(id)), [None; 3]);
    assert_eq!((slab.get(id), slab.len()), (Some(&"a"), 1));
}

#[test]
fn entries_come_in_the_order_of_their_places() {
    let mut slab = Slab::new();
    let ids = ["a", "b", "c"].map(|entry| slab.insert(entry));
    slab.remove(ids[1]);
    let left: Vec<_> = slab.iter().collect();
    assert_eq!(left, [(ids[0], &"a"), (ids[2], &"c")]);
    let again = slab.insert("d");
    let left: Vec<_> = slab.iter().map(|(id, _)| id).collect();
    assert_eq!(left, [ids[0], again, ids[2]]);
}

#[test]
fn ids_of_another_slab_are_not_found() {
    let mut other = Slab::new();
    let ids: Vec<_> = (0..3).map(|n| other.insert(n)).collect();
    let mut slab = Slab::new();
    slab.insert(0);
    assert_eq!(slab.get(ids[2]), None);
    assert_eq!(slab.remove(ids[2]), None);
}

#[derive(Clone, Debug)]
enum Step {
    Insert,
    Spend,
    Remove(prop::sample::Index),
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        4 => Just(Step::Insert),
        1 => Just(Step::Spend),
        3 => any::<prop::sample::Index>().prop_map(Step::Remove),
    ];
    prop::collection::vec(step, 0..60)
}

proptest! {
    #[test]
    fn whatever_came_and_went_ids_find_their_own_entries_and_no_others(steps in steps()) {
        let mut slab = Slab::new();
        // Every id that there ever was, with what is under it now.
        let mut model: Vec<(Id, Option<usize>)> = Vec::new();
        for (n, step) in steps.into_iter().enumerate() {
            match step {
                Step::Insert => model.push((slab.insert(n), Some(n))),
                Step::Spend => model.push((slab.spend_id(), None)),
                Step::Remove(_) if model.is_empty() => {}
                Step::Remove(at) => {
                    let at = at.index(model.len());
                    let (id, entry) = &mut model[at];
                    prop_assert_eq!(slab.remove(*id), entry.take());
                }
            }
            for (id, entry) in &model {
                prop_assert_eq!(slab.get(*id), entry.as_ref());
                prop_assert_eq!(slab.get_mut(*id).copied(), *entry);
            }
            let mut ids: Vec<Id> = model.iter().map(|(id, _)| *id).collect();
            ids.sort_unstable();
            ids.dedup();
            prop_assert_eq!(ids.len(), model.len(), "an id came twice");
            let mut left: Vec<(Id, usize)> = model.iter().filter_map(|(id, entry)| Some((*id, (*entry)?))).collect();
            left.sort_unstable();
            prop_assert_eq!(slab.len(), left.len());
            prop_assert_eq!(slab.iter().map(|(id, entry)| (id, *entry)).collect::<Vec<_>>(), left);
        }
    }
}

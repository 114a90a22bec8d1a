use proptest::prelude::*;

use super::*;
use crate::pool::slab::Slab;

fn line(waiters: &[(Want, u64)]) -> (Line, Vec<Id>) {
    let (mut line, mut slab) = (Line::default(), Slab::new());
    let mut ids = Vec::new();
    for (want, turn) in waiters {
        let id = slab.insert(());
        line.insert(*want, *turn, id);
        ids.push(id);
    }
    (line, ids)
}

#[test]
fn waiters_come_in_the_order_of_their_turns_whatever_they_want() {
    let (line, ids) = line(&[(Want::Any, 5), (Want::Fresh, 3), (Want::Any, 4)]);
    assert_eq!(line.first_for(9), Some((3, ids[1])));
    assert_eq!(line.all_for(9), [ids[1], ids[2], ids[0]]);
}

#[test]
fn a_connection_is_fresh_for_those_that_came_before_its_dial() {
    let (line, ids) = line(&[(Want::Fresh, 3), (Want::Any, 5), (Want::Fresh, 7)]);
    assert_eq!(line.first_for(3), Some((5, ids[1])), "the dial began when the first one came");
    assert_eq!(line.first_for(4), Some((3, ids[0])));
    assert_eq!(line.first_fresh(3), None);
    assert_eq!(line.all_for(7), [ids[0], ids[1]]);
}

#[test]
fn a_waiter_that_left_is_not_first() {
    let (mut line, ids) = line(&[(Want::Any, 1), (Want::Any, 2)]);
    line.remove(Want::Fresh, 1);
    assert!(line.is_any(1), "it is in the other line");
    line.remove(Want::Any, 1);
    assert_eq!(line.first_any(), Some((2, ids[1])));
    assert!(!line.is_any(1) && line.is_any(2));
}

proptest! {
    #[test]
    fn a_line_is_a_list_of_waiters_sorted_by_their_turns(
        wants in prop::collection::vec(prop::bool::ANY.prop_map(|any| if any { Want::Any } else { Want::Fresh }), 0..12),
        turns in Just((0..12_u64).collect::<Vec<_>>()).prop_shuffle(),
        gone in prop::collection::vec(any::<bool>(), 12),
        dialled in 0..13_u64,
    ) {
        let waiters: Vec<_> = wants.into_iter().zip(turns).collect();
        let (mut line, ids) = line(&waiters);
        let mut model: Vec<(u64, Want, Id)> = Vec::new();
        for (((want, turn), id), gone) in waiters.into_iter().zip(ids).zip(gone) {
            if gone { line.remove(want, turn) } else { model.push((turn, want, id)) }
        }
        model.sort_unstable_by_key(|(turn, ..)| *turn);
        let is_any = |want: &Want| *want == Want::Any;
        let first = |serves: &dyn Fn(u64, &Want) -> bool| {
            model.iter().find(|(turn, want, _)| serves(*turn, want)).map(|(turn, _, id)| (*turn, *id))
        };
        prop_assert_eq!(line.first_any(), first(&|_, want| is_any(want)));
        prop_assert_eq!(line.first_fresh(dialled), first(&|turn, want| !is_any(want) && turn < dialled));
        prop_assert_eq!(line.first_for(dialled), first(&|turn, want| is_any(want) || turn < dialled));
        let all = model.iter().filter(|(turn, want, _)| is_any(want) || *turn < dialled);
        prop_assert_eq!(line.all_for(dialled), all.map(|(.., id)| *id).collect::<Vec<_>>());
        for turn in 0..12 {
            let found = model.iter().any(|(other, want, _)| *other == turn && is_any(want));
            prop_assert_eq!(line.is_any(turn), found);
        }
    }
}

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

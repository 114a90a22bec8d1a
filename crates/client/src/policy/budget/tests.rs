use super::*;

fn spent(budget: &RetryBudget) -> usize {
    (0..1_000).take_while(|_| budget.spend()).count()
}

#[test]
fn the_reserve_is_there_at_first_and_then_a_share_of_the_requests() {
    let budget = RetryBudget::new(20, 10);
    assert_eq!(spent(&budget), 10);
    (0..4).for_each(|_| budget.earn());
    assert_eq!(spent(&budget), 0);
    (0..11).for_each(|_| budget.earn());
    assert_eq!(spent(&budget), 3);
}

#[test]
fn no_more_than_the_reserve_is_saved_up() {
    let budget = RetryBudget::new(100, 3);
    (0..1_000).for_each(|_| budget.earn());
    assert_eq!(spent(&budget), 3);
}

#[test]
fn without_a_reserve_one_retry_can_be_earned() {
    let budget = RetryBudget::new(50, 0);
    assert_eq!(spent(&budget), 0);
    (0..10).for_each(|_| budget.earn());
    assert_eq!(spent(&budget), 1);
}

#[test]
fn none_per_hundred_and_no_reserve_is_none_at_all() {
    let budget = RetryBudget::new(0, 0);
    (0..1_000).for_each(|_| budget.earn());
    assert_eq!(spent(&budget), 0);
}

#[test]
fn clones_share_it() {
    let budget = RetryBudget::new(0, 2);
    assert!(budget.clone().spend());
    assert_eq!(spent(&budget), 1);
}

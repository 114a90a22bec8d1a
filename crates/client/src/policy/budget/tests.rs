use proptest::prelude::*;

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

proptest! {
    #[test]
    fn retries_are_a_share_of_the_requests_and_the_reserve_and_no_more(
        percent in 0..300_u32,
        reserve in 0..5_u32,
        steps in prop::collection::vec(any::<bool>(), 0..200),
    ) {
        let budget = RetryBudget::new(percent, reserve);
        let (mut requests, mut retries) = (0_u64, 0_u64);
        // In hundredths of a retry; more than the reserve, or one retry, is not saved up.
        let mut left = u64::from(reserve) * 100;
        let most = left.max(100);
        for is_request in steps {
            if is_request {
                budget.earn();
                requests += 1;
                left = (left + u64::from(percent)).min(most);
            } else if budget.spend() {
                retries += 1;
                prop_assert!(left >= 100, "there was none left");
                left -= 100;
            } else {
                prop_assert!(left < 100, "there was one left");
            }
            prop_assert!(retries * 100 <= u64::from(reserve) * 100 + requests * u64::from(percent));
        }
    }
}

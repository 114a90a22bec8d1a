use std::collections::BTreeSet;

use super::*;

#[test]
fn a_number_says_everything_and_says_it_again() {
    for id in (0..1_000).map(Id) {
        assert_eq!(id.plan(), id.plan());
        assert_eq!(id.upload().len(), id.plan().upload_length);
        assert_eq!(id.content().len(), id.plan().length);
        assert_eq!(id.path().strip_prefix('/').and_then(Id::parse), Some(id));
    }
}

#[test]
fn no_two_requests_have_the_same_content_in_either_direction() {
    let mut all = BTreeSet::new();
    for content in (0..1_000).map(Id).flat_map(|id| [id.upload(), id.content()]) {
        // Short content may be alike by chance.
        assert!(content.len() < 16 || all.insert(content));
    }
    assert!(all.len() > 1_000);
}

#[test]
fn every_sort_of_request_comes_up_and_every_sort_of_response() {
    let plans: Vec<Plan> = (0..1_000).map(|number| Id(number).plan()).collect();
    for asked in [Asked::Get, Asked::Put, Asked::Delete, Asked::Post, Asked::KeyedPost] {
        assert!(plans.iter().any(|plan| plan.asked == asked), "{asked:?}");
    }
    for upload in [Upload::Nothing, Upload::Octets, Upload::Stream, Upload::SizedStream, Upload::Replayable] {
        assert!(plans.iter().any(|plan| plan.upload == upload), "{upload:?}");
    }
    assert!(plans.iter().any(|plan| plan.length == 0) && plans.iter().any(|plan| plan.length > 200 * 1024));
    for is_sized in [true, false] {
        assert!(plans.iter().any(|plan| plan.is_sized == is_sized && !plan.pause.is_zero()));
    }
    for may_be_replayed in [true, false] {
        assert!(plans.iter().any(|plan| plan.may_be_replayed == may_be_replayed && plan.patience.is_some()));
    }
    assert!(plans.iter().any(|plan| plan.delay.is_zero()) && plans.iter().any(|plan| !plan.delay.is_zero()));
}

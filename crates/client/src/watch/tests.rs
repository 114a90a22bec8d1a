use super::*;

#[test]
fn it_tells_the_most_that_was_seen_and_doubts_what_is_under_way() {
    let watch = DeliveryWatch::new();
    let told = || (watch.delivery(), watch.attempts());
    assert_eq!(told(), (Delivery::NotSent, 0));
    let begin = || {
        watch.begin();
        watch.begun();
    };
    begin();
    assert_eq!(told(), (Delivery::Unknown, 1));
    watch.end(Delivery::NotSent);
    assert_eq!(told(), (Delivery::NotSent, 1));
    begin();
    watch.end(Delivery::Refused);
    assert_eq!(told(), (Delivery::Refused, 2));
    begin();
    watch.end(Delivery::NotSent);
    assert_eq!(told(), (Delivery::Refused, 3));
    begin();
    watch.end(Delivery::Answered);
    begin();
    assert_eq!(told(), (Delivery::Answered, 5));
}

#[test]
fn of_several_at_once_one_may_end_before_the_other() {
    let watch = DeliveryWatch::new();
    watch.begin();
    watch.clone().begin();
    watch.end(Delivery::NotSent);
    assert_eq!(watch.delivery(), Delivery::Unknown);
    watch.end(Delivery::NotSent);
    assert_eq!(watch.delivery(), Delivery::NotSent);
}

use super::*;

#[test]
fn a_request_is_counted_under_the_hardest_that_it_went_through() {
    let weather = Weather::new();
    let in_the_calm = Instant::now();
    assert_eq!(weather.hardest_since(in_the_calm), Way::Up);
    weather.set(Way::Kill);
    let in_the_kill = Instant::now();
    weather.set(Way::Up);
    let afterwards = Instant::now();
    assert_eq!(weather.hardest_since(in_the_calm), Way::Kill);
    assert_eq!(weather.hardest_since(in_the_kill), Way::Kill);
    assert_eq!(weather.hardest_since(afterwards), Way::Up);
    weather.set(Way::Reload);
    assert_eq!(weather.hardest_since(afterwards), Way::Reload);
    assert_eq!(weather.hardest_since(in_the_calm), Way::Kill);
}

#[test]
fn every_way_is_known_by_its_name() {
    for way in Way::ALL {
        assert_eq!(Way::named(&way.to_string()), Some(way));
    }
    assert_eq!(Way::named("reboot"), None);
}

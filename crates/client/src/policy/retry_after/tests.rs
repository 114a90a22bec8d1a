use super::*;

/// Sunday, 6 November 1994, 08:49:37.
const THEN: u64 = 784_111_777;

fn said(value: &str) -> Option<Duration> {
    parse(value.as_bytes(), SystemTime::UNIX_EPOCH + Duration::from_secs(THEN - 10))
}

#[test]
fn seconds_are_taken_as_they_are() {
    assert_eq!(said("0"), Some(Duration::ZERO));
    assert_eq!(said(" 120 "), Some(Duration::from_secs(120)));
    assert_eq!(said("99999999999999999999999"), Some(Duration::from_secs(u64::MAX)));
}

#[test]
fn dates_of_all_three_forms_are_so_far_away() {
    for date in
        ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
    {
        assert_eq!(said(date), Some(Duration::from_secs(10)), "{date}");
    }
    assert_eq!(said("Sun, 06 Nov 1994 08:40:00 GMT"), Some(Duration::ZERO));
}

#[test]
fn whatever_else_it_is_says_nothing() {
    for value in ["", "-1", "+1", "1.5", "soon", "1 2", "Sun, 06 Nov 1994", "\u{a0}120", "120\u{3000}"] {
        assert_eq!(said(value), None, "{value}");
    }
}

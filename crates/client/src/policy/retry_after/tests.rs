use proptest::prelude::*;

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

proptest! {
    #[test]
    fn a_number_of_seconds_of_any_length_is_taken(digits in "[0-9]{1,30}", blanks in "[ \t]{0,2}") {
        let expected = Duration::from_secs(digits.parse().unwrap_or(u64::MAX));
        prop_assert_eq!(said(&format!("{blanks}{digits}{blanks}")), Some(expected));
    }

    #[test]
    fn a_date_is_as_far_away_as_it_is(now in 0..4_000_000_000_u64, date in 0..4_000_000_000_u64) {
        let at = |second| SystemTime::UNIX_EPOCH + Duration::from_secs(second);
        let value = httpdate::fmt_http_date(at(date));
        prop_assert_eq!(parse(value.as_bytes(), at(now)), Some(Duration::from_secs(date.saturating_sub(now))));
    }

    #[test]
    fn no_value_is_taken_for_a_wait_that_it_does_not_say(value in prop::collection::vec(any::<u8>(), 0..40)) {
        let text = String::from_utf8_lossy(&value).trim().to_owned();
        let is_number = !text.is_empty() && text.bytes().all(|octet| octet.is_ascii_digit());
        let is_date = text.contains(':');
        prop_assert!(is_number || is_date || parse(&value, SystemTime::UNIX_EPOCH).is_none());
    }
}

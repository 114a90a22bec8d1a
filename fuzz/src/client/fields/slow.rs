//! Readers straight from the grammar, without regard to cost.

use std::time::Duration;

/// RFC 9110 §10.2.3: a number of seconds or a date, of several the last to come. `now` is the time since 1970.
pub(super) fn retry_after(values: &[Vec<u8>], now: Duration) -> Option<Duration> {
    let waits = values.iter().filter_map(|value| {
        let date = || {
            let at = date(std::str::from_utf8(value).ok()?)?;
            Some(at.saturating_sub(now))
        };
        number(value).map(Duration::from_secs).or_else(date)
    });
    waits.max()
}

/// `timeout=5, max=100`: the shortest time that is said.
pub(super) fn keep_alive(values: &[Vec<u8>]) -> Option<Duration> {
    let parameters = values.iter().flat_map(|value| value.split(|octet| *octet == b','));
    let said = parameters.filter_map(|parameter| {
        let equals = parameter.iter().position(|octet| *octet == b'=')?;
        let (name, value) = (parameter[..equals].trim_ascii(), parameter[equals + 1..].trim_ascii());
        let mut value = value;
        while let [b'"', rest @ ..] | [rest @ .., b'"'] = value {
            value = rest;
        }
        name.eq_ignore_ascii_case(b"timeout").then(|| number(value))?
    });
    said.min().map(Duration::from_secs)
}

/// RFC 9110 §8.6: a number, or a list of the same one.
pub(super) fn length(values: &[Vec<u8>]) -> Option<u64> {
    let mut elements = values.iter().flat_map(|value| value.split(|octet| *octet == b','));
    let exact = |element: &[u8]| number(element.trim_ascii()).filter(|length| *length < u64::MAX);
    let first = exact(elements.next()?)?;
    elements.all(|element| exact(element) == Some(first)).then_some(first)
}

/// `1*DIGIT`; more than fits is the most that does.
fn number(text: &[u8]) -> Option<u64> {
    let is_number = !text.is_empty() && text.iter().all(u8::is_ascii_digit);
    let add = |number: u64, digit: &u8| number.saturating_mul(10).saturating_add(u64::from(digit - b'0'));
    is_number.then(|| text.iter().fold(0, add))
}

const DAYS: [&str; 7] = ["Thursday", "Friday", "Saturday", "Sunday", "Monday", "Tuesday", "Wednesday"];

const MONTHS: [(&str, u64); 12] = [
    ("Jan", 31),
    ("Feb", 28),
    ("Mar", 31),
    ("Apr", 30),
    ("May", 31),
    ("Jun", 30),
    ("Jul", 31),
    ("Aug", 31),
    ("Sep", 30),
    ("Oct", 31),
    ("Nov", 30),
    ("Dec", 31),
];

/// `HTTP-date` (RFC 9110 §5.6.7), as the time since 1970: what the numbers in it make a date of, if that is how the
/// date is written. Two digits of a year are of 1970 to 2069.
///
/// Beyond the grammar it takes what the crate `httpdate` takes: any character between date and time in the second form, and
/// a zero in front of the day in the third.
fn date(text: &str) -> Option<Duration> {
    let second = text.find(", ").map(|comma| comma + ", 06-Nov-94".len()).filter(|at| *at > 13);
    let text = match second.map(|at| (text.get(..at), text.get(at + 1..))) {
        Some((Some(date), Some(time))) if date.as_bytes()[date.len() - 3] == b'-' => {
            &format!("{date} {time}")
        }
        _ => text,
    };
    let words: Vec<&str> = text.split([' ', ',', '-', ':']).filter(|word| !word.is_empty()).collect();
    let [_, day, month, year, hour, minute, second] = match words[..] {
        [of_week, day, month, year, hour, minute, second, "GMT"] => {
            [of_week, day, month, year, hour, minute, second]
        }
        [of_week, month, day, hour, minute, second, year] => {
            [of_week, day, month, year, hour, minute, second]
        }
        _ => return None,
    };
    let of = |word: &str| number(word.as_bytes());
    let year = match of(year)? {
        year @ 0..70 => 2000 + year,
        year @ 70..100 => 1900 + year,
        year => year,
    };
    let month = MONTHS.iter().position(|(name, _)| *name == month)?;
    let (day, hour, minute, second) = (of(day)?, of(hour)?, of(minute)?, of(second)?);
    let is_leap = |year: u64| year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    let days_of = |year: u64, month: usize| MONTHS[month].1 + u64::from(month == 1 && is_leap(year));
    let is_real = (1970..10_000).contains(&year) && (1..=days_of(year, month)).contains(&day);
    if !is_real || hour > 23 || minute > 59 || second > 59 {
        return None;
    }
    let of_years: u64 = (1970..year).map(|year| 365 + u64::from(is_leap(year))).sum();
    let of_months: u64 = (0..month).map(|month| days_of(year, month)).sum();
    let days = of_years + of_months + day - 1;
    let of_week = DAYS[(days % 7) as usize];
    let (short, name) = (&of_week[..3], MONTHS[month].0);
    let time = format!("{hour:02}:{minute:02}:{second:02}");
    let forms = [
        format!("{short}, {day:02} {name} {year} {time} GMT"),
        format!("{of_week}, {day:02}-{name}-{:02} {time} GMT", year % 100),
        format!("{short} {name} {day:2} {time} {year}"),
        format!("{short} {name} {day:02} {time} {year}"),
    ];
    let seconds = ((days * 24 + hour) * 60 + minute) * 60 + second;
    forms.contains(&text.to_owned()).then(|| Duration::from_secs(seconds))
}

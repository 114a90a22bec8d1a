//! How often requests are given up on one connection.

use std::time::{Duration, Instant};

/// So many resets at once are nothing unusual: a page that is left, a batch that is given up.
const BURST: u32 = 100;
/// And one more for each span of this length. A server takes many more than that for an attack (CVE-2023-44487), and
/// ends the connection, with whatever else is on it.
const SPAN: Duration = Duration::from_millis(10);

/// Counts resets against an allowance that comes back with time.
#[derive(Debug, Default)]
pub(super) struct Resets {
    spent: u32,
    since: Option<Instant>,
}

impl Resets {
    /// One more. Whether that is too many.
    #[must_use]
    pub(super) fn note(&mut self, now: Instant) -> bool {
        let since = *self.since.get_or_insert(now);
        let spans = now.saturating_duration_since(since).as_millis() / SPAN.as_millis();
        let spans = u32::try_from(spans).unwrap_or(u32::MAX);
        if spans > 0 {
            self.spent = self.spent.saturating_sub(spans);
            self.since = Some(now);
        }
        self.spent = self.spent.saturating_add(1);
        self.spent > BURST
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[expect(clippy::disallowed_methods, reason = "any instant will do, and there is no other way to one")]
    fn epoch() -> Instant {
        Instant::now()
    }

    #[test]
    fn a_burst_is_allowed_and_what_comes_after_it_only_with_time() {
        let (mut resets, now) = (Resets::default(), epoch());
        assert!((0..100).all(|_| !resets.note(now)));
        assert!(resets.note(now));
        // The one that was too many counts, too.
        assert!(resets.note(now + SPAN));
        assert!(!resets.note(now + SPAN * 3));
        let later = now + Duration::from_secs(60);
        assert!((0..100).all(|_| !resets.note(later)));
        assert!(resets.note(later));
    }

    #[test]
    fn a_steady_pace_below_the_allowance_goes_on_for_ever() {
        let (mut resets, now) = (Resets::default(), epoch());
        assert!((0..10_000).all(|nth| !resets.note(now + SPAN * nth)));
    }
}

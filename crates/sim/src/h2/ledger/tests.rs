use super::*;

fn with(streams: &[u32]) -> Ledger {
    let mut ledger = Ledger::default();
    for stream in streams {
        assert!(ledger.open(*stream));
    }
    ledger
}

#[test]
fn a_stream_is_open_until_both_sides_have_ended_it() {
    let mut ledger = with(&[1, 3]);
    ledger.client_ended(1);
    assert_eq!((ledger.active(), ledger.is_open(1)), (2, true));
    ledger.server_ended(1);
    ledger.client_reset(3);
    assert_eq!((ledger.active(), ledger.peak()), (0, 2));
    // Trailers open nothing.
    assert!(!ledger.open(3));
    assert_eq!(ledger.active(), 0);
}

#[test]
fn goaway_puts_away_what_is_above_and_not_claimed() {
    let mut ledger = with(&[1, 3, 5]);
    assert!(ledger.claim(5));
    assert_eq!(ledger.go_away(1), 1);
    assert_eq!(ledger.take_died(), [3]);
    assert!(!ledger.claim(3));
    assert!(!ledger.open(7));
    assert!(!ledger.claim(7));
    assert_eq!((ledger.highest_claimed(), ledger.active()), (5, 2));
}

#[test]
fn the_last_stream_of_goaway_never_rises() {
    let mut ledger = with(&[1]);
    assert_eq!(ledger.go_away(0x7fff_ffff), 0x7fff_ffff);
    assert!(ledger.open(3));
    assert_eq!(ledger.go_away(1), 1);
    assert_eq!(ledger.go_away(9), 1);
    assert_eq!(ledger.take_died(), [3]);
}

#[test]
fn what_was_given_back_is_not_processed() {
    let mut ledger = with(&[1, 3]);
    assert!(ledger.claim(1) && ledger.claim(3));
    ledger.unclaim(3);
    assert_eq!(ledger.highest_claimed(), 1);
}

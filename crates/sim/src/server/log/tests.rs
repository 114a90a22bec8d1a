use super::*;

const TWO: &[u8] = b"POST /1 HTTP/1.1\r\nhost: a\r\ncontent-length: 3\r\n\r\nabc\
    PUT /2 HTTP/1.1\r\nhost: a\r\ntransfer-encoding: chunked\r\n\r\n2\r\nde\r\n1\r\nf\r\n0\r\nx-sum: 3\r\n\r\n";

fn feed(pieces: &[&[u8]]) -> Vec<LoggedRequest> {
    let (mut recorder, mut log) = (Recorder::default(), Vec::new());
    for piece in pieces {
        recorder.feed(&mut log, 1, Duration::ZERO, piece);
    }
    log
}

#[test]
fn requests_are_taken_down_whole_byte_by_byte_and_with_what_follows() {
    let whole = feed(&[TWO]);
    let bytes: Vec<&[u8]> = TWO.chunks(1).collect();
    for log in [&whole, &feed(&bytes)] {
        assert_eq!(log.len(), 2);
        assert!(log.iter().all(|seen| seen.complete && seen.head_complete && !seen.processed));
        assert_eq!((log[0].method.as_str(), log[0].target.as_str()), ("POST", "/1"));
        assert_eq!((log[0].content.as_slice(), log[1].content.as_slice()), (&b"abc"[..], &b"def"[..]));
        assert_eq!([log[0].octets.as_slice(), log[1].octets.as_slice()].concat(), TWO);
    }
}

#[test]
fn every_prefix_is_taken_down_to_its_last_octet_and_is_not_complete() {
    let first = feed(&[TWO])[0].octets.len();
    for at in 1..first {
        let log = feed(&[&TWO[..at]]);
        assert_eq!(log.len(), 1);
        assert_eq!(log[0].octets, &TWO[..at]);
        assert!(!log[0].complete);
        assert_eq!(log[0].head_complete, at >= first - 3);
    }
}

#[test]
fn what_is_no_request_is_an_error_of_its_entry_and_ends_the_record() {
    let log = feed(&[b"nonsense\r\n\r\n", TWO]);
    assert_eq!(log.len(), 1);
    assert!(matches!(log[0].error, Some(Error::Peer(_))));
    assert!(!log[0].head_complete && log[0].octets.starts_with(b"nonsense"));
}

#[test]
fn the_request_that_is_processed_is_marked() {
    let (mut recorder, mut log) = (Recorder::default(), Vec::new());
    recorder.feed(&mut log, 1, Duration::ZERO, TWO);
    recorder.mark_processed(&mut log, 1);
    assert_eq!([log[0].processed, log[1].processed], [false, true]);
    recorder.mark_processed(&mut log, 2);
}

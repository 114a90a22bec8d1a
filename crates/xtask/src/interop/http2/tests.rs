use super::{CHECKS, Endpoint, GRACEFUL, HARD, Outcome, PEERS, Table, probe::read};

#[test]
fn a_check_passes_only_if_the_client_says_so_of_it() {
    assert_eq!(read("get", "get: ok"), Outcome::Passed(String::new()));
    assert_eq!(read("hard", "hard: ok: 2 connections"), Outcome::Passed(": 2 connections".to_owned()));
    assert_eq!(read("get", "get: FAILED: status 404"), Outcome::Failed("status 404".to_owned()));
    assert_eq!(read("get", "head: ok"), Outcome::Failed("head: ok".to_owned()));
    assert_eq!(read("get", "get: "), Outcome::Failed("get: ".to_owned()));
}

#[test]
fn every_peer_is_checked_for_what_the_table_has_a_column_for() {
    for peer in &PEERS {
        let restarts = peer.restarts.iter().map(|restart| restart.check);
        assert!(restarts.clone().all(|check| check == GRACEFUL || check == HARD), "{}", peer.name);
        for check in peer.checks.iter().copied().chain(restarts) {
            assert!(CHECKS.iter().any(|(known, _)| *known == check), "{}: {check}", peer.name);
        }
        for check in ["get", "head", "many"] {
            assert!(peer.checks.contains(&check), "{}: not checked: {check}", peer.name);
        }
        assert!(peer.checks.contains(&"echo") || peer.checks.contains(&"digest"), "{}: no upload", peer.name);
        assert!(!peer.restarts.is_empty(), "{}: no restart", peer.name);
    }
}

#[test]
fn what_failed_on_one_runtime_has_failed_in_the_table() {
    let mut table = Table::default();
    table.add("one", Endpoint::Plain, "get", &Outcome::Failed("no".to_owned()));
    table.add("one", Endpoint::Plain, "get", &Outcome::Passed(String::new()));
    table.add("one", Endpoint::Secure, "get", &Outcome::Passed(String::new()));
    let text = table.to_string();
    let rows: Vec<Vec<&str>> = text.lines().skip(1).map(|line| line.split_whitespace().collect()).collect();
    assert_eq!(rows[0][..4], ["one", "clear", "text", "FAILED"]);
    assert_eq!(rows[1][..4], ["one", "TLS", "ok", "-"]);
}

use super::{Endpoint, Expected, SERVERS};

fn lines(outcome: &str) -> String {
    format!("tokio: {outcome}\nasync-std: {outcome}\nsmol: {outcome}\n")
}

#[test]
fn a_response_must_be_told_with_status_length_and_version() {
    let expected = Expected::Response(200, 17);
    assert!(expected.is_told(&lines("200, 17 octets, TLS 1.3, 2 certificates"), Endpoint::Tls13));
    assert!(expected.is_told(&lines("200, 17 octets, no TLS, 0 certificates"), Endpoint::Plain));
    for other in [
        "200, 170 octets, TLS 1.3, 2 certificates",
        "204, 17 octets, TLS 1.3, 2 certificates",
        "200, 17 octets, TLS 1.2, 2 certificates",
        "200, 17 octets, no TLS, 0 certificates",
        "Connect, 0 certificates, not sent: no connection",
        "",
    ] {
        assert!(!expected.is_told(&lines(other), Endpoint::Tls13), "{other}");
    }
}

#[test]
fn any_content_will_do_where_only_a_status_is_expected() {
    let expected = Expected::Status(400);
    assert!(expected.is_told(&lines("400, 230 octets, TLS 1.2, 2 certificates"), Endpoint::Tls12));
    assert!(!expected.is_told(&lines("400, 230 octets, TLS 1.2, 2 certificates"), Endpoint::Tls13));
    assert!(!expected.is_told(&lines("200, 400 octets, TLS 1.2, 2 certificates"), Endpoint::Tls12));
}

#[test]
fn a_failure_must_be_told_with_its_kind_and_certificates() {
    let expected = Expected::Failure("Tls(Verify(Expired))", 1);
    assert!(
        expected.is_told(&lines("Tls(Verify(Expired)), 1 certificates, not sent: it has"), Endpoint::Tls12)
    );
    for other in [
        "Tls(Verify(Expired)), 0 certificates, not sent: it has",
        "Tls(Verify(Expired)), 10 certificates, not sent: it has",
        "Tls(Verify(WrongName)), 1 certificates, not sent: Tls(Verify(Expired)), 1 certificates, ",
        "200, 17 octets, TLS 1.2, 1 certificates",
    ] {
        assert!(!expected.is_told(&lines(other), Endpoint::Tls12), "{other}");
    }
}

#[test]
fn every_runtime_must_say_the_same_and_nothing_else() {
    let expected = Expected::Response(204, 0);
    let right = lines("204, 0 octets, no TLS, 0 certificates");
    assert!(expected.is_told(&right, Endpoint::Plain));
    assert!(!expected.is_told(&right.replacen("204", "200", 1), Endpoint::Plain));
    assert!(!expected.is_told(right.trim_end().rsplit_once('\n').unwrap().0, Endpoint::Plain));
    assert!(!expected.is_told(&format!("{right}more\n"), Endpoint::Plain));
}

#[test]
fn every_server_has_cases_that_it_has_an_endpoint_for() {
    for server in &SERVERS {
        assert!(!server.cases.is_empty(), "{}", server.program);
        for case in server.cases {
            assert!(case.target.starts_with('/') && !case.about.is_empty() && !case.at.is_empty());
            for endpoint in case.at {
                let listens = server.processes.iter().any(|process| process.contains(endpoint));
                assert!(listens, "{}: nobody listens for: {}", server.program, case.about);
            }
        }
    }
}

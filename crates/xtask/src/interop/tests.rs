use super::{SERVERS, tells};

#[test]
fn the_output_must_name_status_and_length_each_as_a_word() {
    assert!(tells("200 OK, 17 bytes\n", 200, 17));
    assert!(tells("HTTP/1.1 204 No Content\nlength: 0\n", 204, 0));
    assert!(!tells("200 OK, 170 bytes", 200, 17));
    assert!(!tells("200 OK, 16 bytes", 200, 17));
    assert!(!tells("404 Not Found, 17 bytes", 200, 17));
    assert!(!tells("", 200, 0));
}

#[test]
fn one_number_does_not_count_as_both_status_and_length() {
    assert!(!tells("200 OK", 200, 200));
    assert!(tells("200 OK, 200 bytes", 200, 200));
}

#[test]
fn every_server_has_cases_and_every_case_says_what_it_is_about() {
    for server in &SERVERS {
        assert!(!server.cases.is_empty(), "{}", server.program);
        for case in server.cases {
            assert!(
                case.target.starts_with('/') && !case.about.is_empty(),
                "{}: {}",
                server.program,
                case.target
            );
        }
    }
}

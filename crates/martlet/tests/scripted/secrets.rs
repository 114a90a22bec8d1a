//! Nothing that is printed holds credentials.

use std::error::Error as StdError;

use martlet::http::HeaderMap;
use martlet::{Client, Error};

use crate::common::mock::Mock;
use crate::common::poll::run;
use crate::common::wire::{Read, Wires, octets, wire};

const URL: &str = "http://ursula:hunter2@example.test/path?token=hunter3";

#[track_caller]
fn assert_discreet(text: &str) {
    for secret in ["ursula", "hunter2", "hunter3", "hunter4", "hunter5", "hunter6"] {
        assert!(!text.contains(secret), "{secret} is in: {text}");
    }
}

#[track_caller]
fn assert_error_is_discreet(e: &Error) {
    assert_discreet(&format!("{e:?} {e:#?} {e}"));
    let mut source = e.source();
    while let Some(e) = source {
        assert_discreet(&format!("{e:?} {e}"));
        source = e.source();
    }
    // The address itself is there for those who ask, without credentials.
    assert!(e.url().is_none_or(|url| !url.to_string().contains("hunter2")));
}

fn client(reads: Vec<Read>) -> Client {
    let builder = Client::builder()
        .runtime(Mock::default())
        .connector(Wires::new([wire(reads, []).0]))
        .default_header("authorization", "Bearer hunter4");
    assert_discreet(&format!("{builder:?} {builder:#?}"));
    builder.build().unwrap()
}

#[test]
fn not_a_client_nor_a_request_nor_a_response() {
    let client =
        client(vec![octets("HTTP/1.1 200 OK\r\nSet-Cookie: s=hunter6\r\nContent-Length: 0\r\n\r\n")]);
    let builder = || client.get(URL).header("cookie", "s=hunter5").body("hunter6");
    let request = builder().build().unwrap();
    assert_discreet(&format!("{client:?} {client:#?} {:?} {request:?} {request:#?}", builder()));
    assert!(request.uri().unwrap().to_string().starts_with("http://example.test/path"));
    let response = run(client.execute(request)).unwrap();
    assert_discreet(&format!("{response:?} {response:#?}"));
    assert!(format!("{response:?}").contains("example.test"));
    assert!(!response.url().to_string().contains("ursula"));
}

#[test]
fn not_an_error_of_any_kind() {
    let e = run(client(vec![Read::Fin]).get(URL).header("cookie", "hunter5").send()).unwrap_err();
    assert_error_is_discreet(&e);
    assert!(e.to_string().contains("example.test/path"), "{e}");
    assert_error_is_discreet(&run(client(vec![octets("hunter6")]).get(URL).send()).unwrap_err());
    let response = octets("HTTP/1.1 200 OK\r\nContent-Length: 9\r\nX-Key: hunter6\r\n\r\nhunter6");
    let response = run(client(vec![response, Read::Fin]).get(URL).send()).unwrap();
    assert_error_is_discreet(&run(response.bytes()).unwrap_err());
    let mistakes = [
        client(vec![]).get(URL).header("cookie", "hunter5\n"),
        client(vec![]).get(URL).header("hunter5\n", "x"),
        client(vec![]).get(URL).header("content-length", "hunter5"),
        client(vec![]).get("http://ursula:hunter2@/"),
        client(vec![]).get("http://ursula:hunter2@a:99999/"),
        client(vec![]).get("http://ursula:hunter2@a b/"),
        client(vec![]).get("http://ursula:hunter2@b@a/"),
        client(vec![Read::Fin]).get("https://ursula:hunter2@a/"),
        client(vec![]).get("http://a/\r\nhunter5"),
    ];
    for request in mistakes {
        assert_discreet(&format!("{request:?}"));
        assert_error_is_discreet(&run(request.send()).unwrap_err());
    }
    let mut fields = HeaderMap::new();
    fields.insert("te", "hunter5".parse().unwrap());
    assert_error_is_discreet(&Client::builder().default_headers(fields).build().unwrap_err());
    let e = Client::builder().default_header("authorization", "hunter5\n").build().unwrap_err();
    assert_error_is_discreet(&e);
}

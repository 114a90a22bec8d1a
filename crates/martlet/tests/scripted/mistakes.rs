//! Requests that cannot be made: an error that says why, and nobody is called.

use std::error::Error as StdError;

use futures_lite::stream;
use martlet::http::{HeaderMap, HeaderValue, Method, Version};
use martlet::{Body, Client, Delivery, Error, Kind, RequestBuilder};

use crate::common::mock::Mock;
use crate::common::poll::run;
use crate::common::wire::Wires;

fn story(e: &Error) -> String {
    let mut story = e.to_string();
    let mut source = e.source();
    while let Some(e) = source {
        story = format!("{story}: {e}");
        source = e.source();
    }
    story
}

/// It fails when it is built or sent, without a call, and the story holds these words.
#[track_caller]
fn assert_refused(request: impl Fn(&Client) -> RequestBuilder, words: &[&str]) {
    let wires = Wires::new([]);
    let client = Client::builder().runtime(Mock::default()).connector(wires.clone()).build().unwrap();
    let e = run(request(&client).send()).unwrap_err();
    assert_eq!((e.kind(), e.delivery()), (Kind::Builder, Delivery::NotSent), "{e:?}");
    let story = story(&e);
    for word in words {
        assert!(story.contains(word), "`{word}` is not in: {story}");
    }
    assert_eq!(wires.targets(), [], "somebody was called");
}

#[test]
fn addresses_that_are_none() {
    let bad: &[(&str, &[&str])] = &[
        ("", &["empty"]),
        ("   ", &["empty"]),
        ("/path", &["http://"]),
        ("path?x=http://a/", &["http://"]),
        ("//host/path", &["http://"]),
        ("example.test", &["http://"]),
        ("localhost:8080/x", &["localhost"]),
        ("ftp://a/", &["ftp", "http"]),
        ("file:///etc/passwd", &["file"]),
        ("mailto:a@b", &["http://"]),
        ("http://", &["host"]),
        ("http:///path", &["host"]),
        ("http://:80/", &["host"]),
        ("http://user@/", &["host"]),
        ("http:a", &["host"]),
        ("http://a:99999/", &["port", "65535"]),
        ("http://a:0/", &["port"]),
        ("http://a:x/", &["port"]),
        ("http://a:-1/", &["port"]),
        ("http://a b/", &["host"]),
        ("http://a\r\nX: y/", &["character"]),
        ("http://a/\r\nX: y", &["character"]),
        ("http://a/\0", &["character"]),
        ("http://[::1/", &["host"]),
        ("http://[zz]/", &["host"]),
        ("http://a\\b/", &["character"]),
        ("http://u@v@a/", &["userinfo"]),
    ];
    for (url, words) in bad {
        assert_refused(|client| client.get(*url), words);
    }
}

#[test]
#[cfg(not(feature = "tls"))]
fn https_is_said_to_be_missing() {
    assert_refused(|client| client.get("https://a/"), &["https", "feature `tls`"]);
}

#[test]
fn methods_that_are_none_or_not_served() {
    assert!(Method::from_bytes(b"GE T").is_err() && Method::from_bytes(b"").is_err());
    assert_refused(|client| client.request(Method::CONNECT, "http://a/"), &["CONNECT", "not supported"]);
}

#[test]
fn field_names_and_values_that_are_none() {
    for name in ["a b", "a\r\nb", "a:", "", "ä"] {
        assert_refused(|client| client.get("http://a/").header(name, "v"), &["header name"]);
    }
    for value in ["a\r\nInjected: x", "a\nb", "a\0b", "\u{7f}"] {
        assert_refused(
            |client| client.get("http://a/").header("x-field", value),
            &["header value", "x-field"],
        );
    }
}

#[test]
fn the_first_mistake_is_the_one_that_is_told() {
    assert_refused(|client| client.get("").header("a b", "v"), &["empty"]);
    assert_refused(|client| client.get("http://a/").header("a b", "v").header("x", "\0"), &["header name"]);
}

#[test]
fn fields_that_contradict_the_request() {
    let contradict = |name: &'static str, value: &'static str| {
        assert_refused(|client| client.post("http://a/").header(name, value).body("hello"), &["contradicts"]);
    };
    contradict("content-length", "4");
    contradict("content-length", "+5");
    contradict("content-length", "5, 5");
    contradict("transfer-encoding", "gzip");
    assert_refused(
        |client| {
            let twice = client.post("http://a/").header("content-length", "5").header("content-length", "5");
            twice.body("hello")
        },
        &["contradicts"],
    );
    assert_refused(|client| client.get("http://a/").header("content-length", "5"), &["contradicts"]);
    assert_refused(|client| client.get("http://a/").header("expect", "100-continue"), &["expect"]);
    assert_refused(|client| client.get("http://a/").header("host", "a").header("host", "b"), &["fields"]);
    assert_refused(|client| client.get("http://a/").header("host", "a b"), &["host"]);
    assert_refused(|client| client.request(Method::TRACE, "http://a/").body("hello"), &["content"]);
}

#[test]
fn a_content_length_beside_a_stream_is_believed_and_checked() {
    let (wire, peer) = crate::common::wire::answering("HTTP/1.1 204 X\r\n\r\n");
    let body = Body::stream(stream::iter(["abc"].map(std::io::Result::Ok)));
    run(crate::client(wire).post("http://a/").header("content-length", "3").body(body).send()).unwrap();
    assert!(peer.written().ends_with("content-length: 3\r\n\r\nabc"));
}

#[test]
fn versions_that_are_not_spoken() {
    for version in [Version::HTTP_09, Version::HTTP_3] {
        assert_refused(|client| client.get("http://a/").version(version), &["version"]);
    }
}

#[test]
fn defaults_that_belong_to_one_message_are_refused_when_the_client_is_built() {
    let names =
        ["Host", "Connection", "Content-Length", "Transfer-Encoding", "TE", "Trailer", "Expect", "Upgrade"];
    for name in names {
        let e = Client::builder().default_header(name, "1").build().unwrap_err();
        assert_eq!(e.kind(), Kind::Builder);
        assert!(story(&e).contains(&name.to_ascii_lowercase()), "{}", story(&e));
        let mut fields = HeaderMap::new();
        fields.insert("x-good", HeaderValue::from_static("1"));
        fields.insert(martlet::http::HeaderName::try_from(name).unwrap(), HeaderValue::from_static("1"));
        let e = Client::builder().default_headers(fields).build().unwrap_err();
        assert!(story(&e).contains(&name.to_ascii_lowercase()), "{}", story(&e));
    }
    for (name, value) in [("a b", "v"), ("x", "a\r\nb")] {
        let e =
            Client::builder().default_header(name, value).default_header("good", "v").build().unwrap_err();
        assert_eq!(e.kind(), Kind::Builder);
    }
    assert_eq!(Client::builder().user_agent("a\nb").build().unwrap_err().kind(), Kind::Builder);
}

#[test]
fn more_fields_than_a_map_holds_are_an_error_and_no_panic() {
    let many = |prefix: &str| -> HeaderMap {
        let name = |n: usize| format!("{prefix}-{n}").parse().unwrap();
        (0..20_000).map(|n| (name(n), HeaderValue::from_static("v"))).collect()
    };
    let (one, two): (HeaderMap, HeaderMap) = (many("a"), many("b"));
    assert_refused(|client| client.get("http://a/").headers(one.clone()).headers(two.clone()), &["fields"]);
    let mut builder = Client::builder().default_headers(one);
    for n in 0..20_000 {
        builder = builder.default_header(format!("c-{n}"), "v");
    }
    assert_eq!(builder.build().unwrap_err().kind(), Kind::Builder);
}

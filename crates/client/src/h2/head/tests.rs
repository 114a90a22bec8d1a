use http::Method;
use martlet_core::h1::{FieldBlock, RequestHead, Target};

use super::*;

/// What a request of these fields becomes.
fn request(
    method: Method,
    fields: &[(&'static str, &'static str)],
    content: RequestContent,
) -> Result<Request<()>, Misuse> {
    let url = Url::parse("https://user:secret@a.test:8443/path?q=1#fragment").unwrap();
    let mut own = HeaderMap::new();
    for (name, value) in fields {
        own.append(*name, HeaderValue::from_static(value));
    }
    let mut defaults = HeaderMap::new();
    defaults.insert(header::ACCEPT, HeaderValue::from_static("*/*"));
    defaults.insert(header::USER_AGENT, HeaderValue::from_static("test"));
    let head = RequestHead {
        method: &method,
        target: Target::Origin(url.path_and_query().as_bytes()),
        version: Version::HTTP_11,
        host: url.authority().as_bytes(),
        fields: &own,
        block: &FieldBlock::empty(),
    };
    let protocol = (method == Method::CONNECT).then_some("websocket");
    let outgoing = Outgoing { head, url: &url, defaults: &defaults, protocol };
    outgoing.request(content, &Server::of(&url).unwrap()).map(|(request, _)| request)
}

fn get(fields: &[(&'static str, &'static str)]) -> Request<()> {
    request(Method::GET, fields, RequestContent::None).unwrap()
}

fn lines(request: &Request<()>) -> Vec<(&str, &str)> {
    let mut lines: Vec<_> =
        request.headers().iter().map(|(name, value)| (name.as_str(), value.to_str().unwrap())).collect();
    lines.sort_unstable();
    lines
}

#[test]
fn the_target_has_neither_credentials_nor_fragment() {
    let request = get(&[]);
    assert_eq!(request.uri(), "https://a.test:8443/path?q=1");
    assert_eq!(request.version(), Version::HTTP_2);
    assert_eq!(lines(&request), [("accept", "*/*"), ("user-agent", "test")]);
}

#[test]
fn a_host_of_its_own_becomes_the_authority() {
    let request = get(&[("host", "b.test")]);
    assert_eq!(request.uri(), "https://b.test/path?q=1");
    assert!(!request.headers().contains_key("host"));
}

#[test]
fn fields_of_a_connection_are_left_out_and_those_that_it_names() {
    let request = get(&[
        ("connection", "keep-alive, X-Hop, TE"),
        ("keep-alive", "timeout=5"),
        ("proxy-connection", "keep-alive"),
        ("upgrade", "h2c"),
        ("x-hop", "1"),
        ("te", "gzip, Trailers"),
        ("x-end", "1"),
    ]);
    assert_eq!(
        lines(&request),
        [("accept", "*/*"), ("te", "trailers"), ("user-agent", "test"), ("x-end", "1")]
    );
    assert!(!get(&[("te", "gzip")]).headers().contains_key("te"));
}

#[test]
fn defaults_that_the_request_names_as_fields_of_its_connection_are_left_out_too() {
    assert_eq!(lines(&get(&[("connection", "User-Agent")])), [("accept", "*/*")]);
}

#[test]
fn a_field_of_the_request_takes_the_place_of_a_default() {
    let request = get(&[("accept", "text/plain"), ("accept", "text/html")]);
    assert_eq!(lines(&request), [("accept", "text/html"), ("accept", "text/plain"), ("user-agent", "test")]);
}

#[test]
fn the_length_of_content_is_said_where_it_is_known() {
    let of = |method, fields: &[_], content| {
        let request = request(method, fields, content).unwrap();
        request.headers().get("content-length").map(|value| value.to_str().unwrap().to_owned())
    };
    let said = |length: &str| Some(length.to_owned());
    assert_eq!(of(Method::GET, &[], RequestContent::None), None);
    assert_eq!(of(Method::POST, &[], RequestContent::None), said("0"));
    assert_eq!(of(Method::POST, &[], RequestContent::Sized(7)), said("7"));
    assert_eq!(of(Method::POST, &[], RequestContent::Chunked), None);
    assert_eq!(of(Method::POST, &[("content-length", "7")], RequestContent::Chunked), said("7"));
    // There are no transfer codings (RFC 9113 §8.1).
    assert_eq!(of(Method::POST, &[("transfer-encoding", "chunked")], RequestContent::Sized(7)), said("7"));
    let contradiction = request(Method::POST, &[("content-length", "8")], RequestContent::Sized(7));
    assert_eq!(contradiction.unwrap_err(), Misuse::ConflictingFraming);
}

#[test]
fn an_extended_connect_has_a_target_and_a_protocol() {
    let request = request(Method::CONNECT, &[], RequestContent::Chunked).unwrap();
    assert_eq!(request.uri(), "https://a.test:8443/path?q=1");
    let protocol = request.extensions().get::<h2::ext::Protocol>().unwrap();
    assert_eq!(protocol.as_str(), "websocket");
}

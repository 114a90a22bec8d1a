use super::*;

#[test]
fn host_and_port_are_normalised() {
    let table = [
        ("h.test:443", "h.test:443", "h.test", 443),
        ("H.Test:80", "h.test:80", "h.test", 80),
        ("h.test:0080", "h.test:80", "h.test", 80),
        ("127.0.0.1:1", "127.0.0.1:1", "127.0.0.1", 1),
        ("[::1]:443", "[::1]:443", "[::1]", 443),
        ("[2001:DB8:0::1]:65535", "[2001:db8::1]:65535", "[2001:db8::1]", 65535),
        ("xn--bcher-kva.test:443", "xn--bcher-kva.test:443", "xn--bcher-kva.test", 443),
    ];
    for (given, text, host, port) in table {
        let authority = Authority::parse(given).unwrap_or_else(|error| panic!("{given}: {error}"));
        assert_eq!((authority.as_str(), authority.host(), authority.port()), (text, host, port), "{given}");
        assert_eq!(authority.to_string(), text);
    }
}

#[test]
fn an_address_is_dialled_without_resolving() {
    let host = |text| Authority::parse(text).unwrap();
    assert_eq!(host("[::1]:1").host_for_dns(), Host::Ip("::1".parse().unwrap()));
    assert_eq!(host("10.0.0.1:1").host_for_dns(), Host::Ip("10.0.0.1".parse().unwrap()));
    assert_eq!(host("h.test:1").host_for_dns(), Host::Name("h.test"));
}

#[test]
fn anything_but_host_and_port_is_refused() {
    use UrlError::*;
    let table = [
        ("", Empty),
        ("h.test", NoPort),
        ("h.test:", NoPort),
        ("[::1]", NoPort),
        (":443", EmptyHost),
        (":", EmptyHost),
        ("h.test:99999", InvalidPort),
        ("h.test:65536", InvalidPort),
        ("h.test:0", InvalidPort),
        ("h.test:x", InvalidPort),
        ("h.test:80 ", InvalidPort),
        ("h.test:80:80", InvalidPort),
        ("::1:443", EmptyHost),
        ("u:p@h.test:443", InvalidUserinfo),
        ("@h.test:443", InvalidUserinfo),
        ("http://h.test:443", InvalidHost),
        ("h.test:443/", InvalidHost),
        ("h.test:443?q", InvalidHost),
        ("h.test:443#f", InvalidHost),
        (" h.test:443", InvalidHost),
        ("h test:443", InvalidHost),
        ("bücher.test:443", InvalidHost),
        ("h%2e:443", InvalidHost),
        ("127.1:443", InvalidHost),
        ("256.1.1.1:443", InvalidHost),
        ("[::1:443", InvalidHost),
        ("[::1]x:443", InvalidHost),
        ("[fe80::1%25e]:443", InvalidHost),
        ("h.test:443\r\n", InvalidCharacter('\r')),
        ("h\0:443", InvalidCharacter('\0')),
        ("h\\:443", InvalidCharacter('\\')),
    ];
    for (text, error) in table {
        assert_eq!(Authority::parse(text), Err(error), "{text:?}");
    }
}

#[test]
fn the_length_is_limited() {
    assert_eq!(Authority::parse(&format!("{}:1", "h".repeat(65_533))), Err(UrlError::TooLong));
    assert!(Authority::parse(&format!("{}:1", "h".repeat(65_532))).is_ok());
}

use std::collections::HashSet;

use super::*;

fn key(url: &str, home: u64) -> Key {
    Key::new(&Url::parse(url).expect("a URL"), None, home, Protocols::Negotiated, false)
}

#[test]
#[cfg_attr(
    feature = "tls",
    expect(
        clippy::mutable_key_type,
        reason = "a configuration of TLS is equal to itself only, whatever is in it"
    )
)]
fn keys_are_equal_for_the_same_scheme_host_port_and_home() {
    let long = "a".repeat(63);
    let long = format!("http://{long}.{long}/");
    let keys = ["http://a/", "http://b/", "http://a:81/", "https://a/", &long];
    let distinct: HashSet<Key> = keys.iter().flat_map(|url| [key(url, 1), key(url, 2)]).collect();
    assert_eq!(distinct.len(), 2 * keys.len());
    assert_eq!(key("http://user:pass@A:80/x?y", 1), key("http://a/", 1));
    assert_eq!(key(&long, 1), key(&format!("{long}path"), 1));
}

#[test]
fn names_of_every_length_are_kept_whole() {
    for len in 1..200 {
        let name = "x".repeat(len);
        assert_eq!(HostName::new(&name).as_str(), name);
    }
}

#[test]
fn a_key_prints_no_secret() {
    let text = format!("{:?}", key("http://user:pass@h.test:8080/path?token=1", 3));
    assert_eq!(text, "http://h.test:8080 (home 3)");
}

#[test]
fn requests_of_different_wishes_share_no_connection() {
    let url = Url::parse("https://a/").expect("a URL");
    let key = |change: fn(&mut Route)| {
        let mut route = Route::default();
        change(&mut route);
        Key::new(&url, Some(Arc::new(route)), 1, Protocols::Negotiated, false)
    };
    let at = |route: &mut Route| route.connect_to = Some(([127, 0, 0, 1], 80).into());
    assert!(key(at) == key(at));
    assert!(key(at) != key(|route| route.connect_to = Some(([127, 0, 0, 1], 81).into())));
    assert!(key(at) != Key::new(&url, None, 1, Protocols::Negotiated, false));
    assert_eq!(format!("{:?}", key(at)), "https://a:443 (home 1) at 127.0.0.1:80");
}

#[test]
#[cfg(any(feature = "ring", feature = "aws-lc-rs"))]
fn requests_with_different_settings_of_tls_share_no_connection() {
    use crate::route::OwnConfig;
    use crate::tls::TlsConfig;

    let url = Url::parse("https://a/").expect("a URL");
    let config = || TlsConfig::new().trust_environment(false).load(&[]).expect("sound");
    let key = |tls: Option<&Arc<rustls::ClientConfig>>, name: Option<&str>| {
        let route = Route {
            tls: tls.map(|config| OwnConfig(Arc::clone(config))),
            server_name: name.map(Into::into),
            ..Route::default()
        };
        Key::new(&url, Some(Arc::new(route)), 1, Protocols::Negotiated, false)
    };
    let (one, other) = (config(), config());
    assert!(key(Some(&one), None) == key(Some(&one), None));
    assert!(key(Some(&one), None) != key(Some(&other), None), "equal is not the same");
    assert!(key(Some(&one), None) != key(None, None));
    assert!(key(None, Some("b")) == key(None, Some("b")));
    assert!(key(None, Some("b")) != key(None, None));
    assert_eq!(
        format!("{:?}", key(Some(&one), Some("b"))),
        "https://a:443 (home 1) as b with TLS settings of its own"
    );
}

#[test]
fn connections_of_one_protocol_are_not_those_of_another() {
    let url = Url::parse("https://a.test/").expect("a URL");
    let of = |protocols| Key::new(&url, None, 1, protocols, true);
    let all = [Protocols::Negotiated, Protocols::Http1, Protocols::Http2].map(of);
    assert!(all[0] != all[1] && all[1] != all[2] && all[0] != all[2]);
    assert_eq!(format!("{:?}", all[1]), "https://a.test:443 by HTTP/1.1 (home 1)");
}

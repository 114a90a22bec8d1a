use std::collections::HashSet;

use super::*;

fn key(url: &str, home: u64) -> Key {
    Key::new(&Url::parse(url).expect("a URL"), home)
}

#[test]
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

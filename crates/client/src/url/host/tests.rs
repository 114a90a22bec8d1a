use super::*;

#[test]
fn a_name_is_numeric_only_by_its_last_label() {
    for name in [
        "h.test",
        "1.test",
        "1.2.3.4.test",
        "0x7f.h",
        "h",
        "3com.com",
        "h.0xg",
        "h.1a",
        "a.0x1g.",
        ".",
        "..",
        "",
    ] {
        assert_eq!(numeric(name), Numeric::No, "{name}");
    }
}

#[test]
fn only_four_decimal_octets_are_a_canonical_address() {
    for address in ["0.0.0.0", "127.0.0.1", "255.255.255.255", "1.20.3.40"] {
        assert_eq!(numeric(address), Numeric::Canonical, "{address}");
    }
    let unusual = [
        "127.1",
        "0",
        "2130706433",
        "0x7f.0.0.1",
        "0X7F.1",
        "127.0.0.01",
        "1.2.3.4.",
        "0x",
        "1.2.65535",
        "4294967295",
    ];
    for address in unusual {
        assert_eq!(numeric(address), Numeric::Unusual, "{address}");
    }
}

#[test]
fn what_ends_in_a_number_but_is_no_address_is_invalid() {
    let invalid = [
        "256.0.0.1",
        "1.2.3.256",
        "1.2.3.4.5",
        "1.2.65536",
        "4294967296",
        "08",
        "1.09",
        "h.1",
        "h.0x",
        "1..2",
        ".1",
        "1.+2.3.4",
        "99999999999999999999999999",
        "0x10000000000000000",
        "1.2.3.4.5.",
        "a.0x1.",
    ];
    for host in invalid {
        assert_eq!(numeric(host), Numeric::Invalid, "{host}");
    }
}

#[test]
fn punycode_is_recognised_at_the_beginning_of_any_label_in_any_case() {
    for name in ["xn--a", "XN--a", "h.xN--a.test", "xn--"] {
        assert!(has_punycode(name), "{name}");
    }
    for name in ["axn--a", "xn-a", "xn", "a--b", "h.test", "é.x"] {
        assert!(!has_punycode(name), "{name}");
    }
}

#[test]
fn an_ipv6_address_has_one_spelling() {
    let table = [
        ("[::1]", "[::1]"),
        ("[0:0:0:0:0:0:0:1]", "[::1]"),
        ("[2001:DB8::0001]", "[2001:db8::1]"),
        ("[2001:db8:0:0:1:0:0:1]", "[2001:db8::1:0:0:1]"),
        ("[1:0:2:3:4:5:6:7]", "[1:0:2:3:4:5:6:7]"),
        ("[::ffff:1.2.3.4]", "[::ffff:102:304]"),
        ("[::ffff:0:0]", "[::ffff:0:0]"),
        ("[::1.2.3.4]", "[::102:304]"),
        ("[64:ff9b::192.0.2.1]", "[64:ff9b::c000:201]"),
        ("[::]", "[::]"),
    ];
    for (given, canonical) in table {
        assert_eq!(canonical_ipv6(given).as_deref(), Some(canonical), "{given}");
    }
    let none = [
        "[]",
        "[:]",
        "[1]",
        "[::1",
        "::1]",
        "[::1%25eth0]",
        "[::1%eth0]",
        "[v1.a]",
        "[1.2.3.4]",
        "[::1]]",
        "[::g]",
        "[ ::1]",
    ];
    for text in none {
        assert_eq!(canonical_ipv6(text), None, "{text}");
    }
}

#[test]
fn an_address_needs_no_resolving() {
    assert_eq!(Host::from_normalized("[::1]"), Host::Ip("::1".parse().unwrap()));
    assert_eq!(Host::from_normalized("127.0.0.1"), Host::Ip("127.0.0.1".parse().unwrap()));
    assert_eq!(Host::from_normalized("h.test"), Host::Name("h.test"));
}

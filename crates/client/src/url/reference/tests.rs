use super::*;

const BASE: &str = "http://a/b/c/d;p?q";

fn join(base: &str, reference: &str) -> Result<String, UrlError> {
    Url::parse(base).unwrap().join(reference).map(|url| url.as_str().to_owned())
}

#[test]
fn the_normal_examples_of_rfc_3986_resolve() {
    // RFC 3986 §5.4.1, the fragments dropped.
    let table = [
        ("g", "http://a/b/c/g"),
        ("./g", "http://a/b/c/g"),
        ("g/", "http://a/b/c/g/"),
        ("/g", "http://a/g"),
        ("//g", "http://g/"),
        ("?y", "http://a/b/c/d;p?y"),
        ("g?y", "http://a/b/c/g?y"),
        ("#s", "http://a/b/c/d;p?q"),
        ("g#s", "http://a/b/c/g"),
        ("g?y#s", "http://a/b/c/g?y"),
        (";x", "http://a/b/c/;x"),
        ("g;x", "http://a/b/c/g;x"),
        ("g;x?y#s", "http://a/b/c/g;x?y"),
        ("", "http://a/b/c/d;p?q"),
        (".", "http://a/b/c/"),
        ("./", "http://a/b/c/"),
        ("..", "http://a/b/"),
        ("../", "http://a/b/"),
        ("../g", "http://a/b/g"),
        ("../..", "http://a/"),
        ("../../", "http://a/"),
        ("../../g", "http://a/g"),
    ];
    for (reference, target) in table {
        assert_eq!(join(BASE, reference).as_deref(), Ok(target), "{reference}");
    }
    assert_eq!(join(BASE, "g:h"), Err(UrlError::UnsupportedScheme("g".to_owned())));
}

#[test]
fn the_abnormal_examples_of_rfc_3986_resolve() {
    // RFC 3986 §5.4.2, the fragments dropped.
    let table = [
        ("../../../g", "http://a/g"),
        ("../../../../g", "http://a/g"),
        ("/./g", "http://a/g"),
        ("/../g", "http://a/g"),
        ("g.", "http://a/b/c/g."),
        (".g", "http://a/b/c/.g"),
        ("g..", "http://a/b/c/g.."),
        ("..g", "http://a/b/c/..g"),
        ("./../g", "http://a/b/g"),
        ("./g/.", "http://a/b/c/g/"),
        ("g/./h", "http://a/b/c/g/h"),
        ("g/../h", "http://a/b/c/h"),
        ("g;x=1/./y", "http://a/b/c/g;x=1/y"),
        ("g;x=1/../y", "http://a/b/c/y"),
        ("g?y/./x", "http://a/b/c/g?y/./x"),
        ("g?y/../x", "http://a/b/c/g?y/../x"),
        ("g#s/./x", "http://a/b/c/g"),
        ("g#s/../x", "http://a/b/c/g"),
    ];
    for (reference, target) in table {
        assert_eq!(join(BASE, reference).as_deref(), Ok(target), "{reference}");
    }
    // Strict: it would be "http:g", which names no host.
    assert_eq!(join(BASE, "http:g"), Err(UrlError::NoAuthority));
}

#[test]
fn a_reference_with_an_authority_takes_over_at_most_the_scheme() {
    let base = "https://u:p@a:444/b?q";
    let table = [
        ("//g", "https://g/"),
        ("//g:444/x?y", "https://g:444/x?y"),
        ("//a:444/x", "https://a:444/x"),
        ("//v:w@g/", "https://v:w@g/"),
        ("http://g", "http://g/"),
        ("HTTP://G:80/../x/./y", "http://g/x/y"),
        ("https://a:444/x", "https://a:444/x"),
        ("//g?y/../x", "https://g/?y/../x"),
        ("//g#/..", "https://g/"),
        ("//G", "https://g/"),
    ];
    for (reference, target) in table {
        assert_eq!(join(base, reference).as_deref(), Ok(target), "{reference}");
    }
}

#[test]
fn a_relative_reference_stays_with_the_authority_and_its_userinfo() {
    let base = "https://u:p@a:444/b/c?q";
    let table = [
        ("d", "https://u:p@a:444/b/d"),
        ("/d", "https://u:p@a:444/d"),
        ("?r", "https://u:p@a:444/b/c?r"),
        ("?", "https://u:p@a:444/b/c?"),
        ("", base),
        ("#f", base),
        ("../../../d", "https://u:p@a:444/d"),
        ("@g", "https://u:p@a:444/b/@g"),
        ("1:2", "https://u:p@a:444/b/1:2"),
        ("./g:h", "https://u:p@a:444/b/g:h"),
        ("d/e:f", "https://u:p@a:444/b/d/e:f"),
        ("/.//g", "https://u:p@a:444//g"),
        ("/..//g", "https://u:p@a:444//g"),
        (".//g", "https://u:p@a:444/b//g"),
    ];
    for (reference, target) in table {
        assert_eq!(join(base, reference).as_deref(), Ok(target), "{reference}");
    }
}

#[test]
fn encoded_dots_are_dots() {
    let table = [
        ("%2e%2E/g", "http://a/b/g"),
        ("g/%2e", "http://a/b/c/g/"),
        ("x/%2e%2e/../y", "http://a/b/y"),
        ("/%2e%2e", "http://a/"),
        ("%2e%2e%2e", "http://a/b/c/%2e%2e%2e"),
    ];
    for (reference, target) in table {
        assert_eq!(join(BASE, reference).as_deref(), Ok(target), "{reference}");
    }
}

#[test]
fn empty_segments_are_kept_and_counted() {
    let table = [
        ("//g//..", "http://g/"),
        ("/a//../b", "http://a/a/b"),
        ("/a/..//b", "http://a//b"),
        ("g//", "http://a/b/c/g//"),
        ("/a//..", "http://a/a/"),
    ];
    for (reference, target) in table {
        assert_eq!(join(BASE, reference).as_deref(), Ok(target), "{reference}");
    }
}

#[test]
fn a_reference_that_names_no_good_target_is_refused() {
    use UrlError::*;
    let table = [
        ("ftp://h/", UnsupportedScheme("ftp".to_owned())),
        ("mailto:x@y", UnsupportedScheme("mailto".to_owned())),
        ("javascript:alert(1)", UnsupportedScheme("javascript".to_owned())),
        ("http:/g", NoAuthority),
        ("https:", NoAuthority),
        ("//", EmptyHost),
        ("///g", EmptyHost),
        ("http:///g", EmptyHost),
        ("//g:x/", InvalidPort),
        ("//g h/", InvalidHost),
        ("//a@b@c/", InvalidUserinfo),
        ("\\\\g", InvalidCharacter('\\')),
        ("/\\g", InvalidCharacter('\\')),
        ("//g\\@h", InvalidCharacter('\\')),
        ("g\r\nX: 1", InvalidCharacter('\r')),
        ("g\t", InvalidCharacter('\t')),
        ("g#\n", InvalidCharacter('\n')),
        ("\0", InvalidCharacter('\0')),
    ];
    for (reference, error) in table {
        assert_eq!(join(BASE, reference), Err(error), "{reference:?}");
    }
}

#[test]
fn the_length_of_reference_and_target_is_limited() {
    assert_eq!(join(BASE, &"a".repeat(65_535)), Err(UrlError::TooLong));
    assert_eq!(join(BASE, &"a".repeat(65_530)), Err(UrlError::TooLong));
    assert!(join(BASE, &"a".repeat(65_534 - "http://a/b/c/".len())).is_ok());
    assert_eq!(join(BASE, &"../".repeat(21_000)).as_deref(), Ok("http://a/"));
}

#[test]
fn what_needs_tables_in_a_reference_is_treated_as_in_a_url() {
    for (reference, target) in [
        ("a b", "http://a/b/c/a%20b"),
        ("é", "http://a/b/c/%C3%A9"),
        (" g ", "http://a/b/c/g"),
        ("g #s", "http://a/b/c/g%20"),
        (" ", "http://a/b/c/d;p?q"),
    ] {
        let expected =
            if cfg!(feature = "url") { Ok(target.to_owned()) } else { Err(UrlError::NeedsUrlFeature) };
        assert_eq!(join(BASE, reference), expected, "{reference:?}");
    }
    assert_eq!(join(BASE, " ftp:x"), Err(UrlError::UnsupportedScheme("ftp".to_owned())));
}

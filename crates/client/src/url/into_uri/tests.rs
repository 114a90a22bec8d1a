use super::*;

fn text(url: impl IntoUri) -> Result<String, UrlError> {
    url.into_url().map(|url| url.as_str().to_owned())
}

#[test]
fn text_of_any_ownership_names_a_target() {
    let owned = String::from("HTTP://H/a#f");
    assert_eq!(text("HTTP://H/a#f").as_deref(), Ok("http://h/a"));
    assert_eq!(text(&owned).as_deref(), Ok("http://h/a"));
    assert_eq!(text(owned).as_deref(), Ok("http://h/a"));
}

#[test]
fn a_url_names_itself() {
    let url = Url::parse("http://h/a").unwrap();
    assert_eq!((&url).into_url().as_ref(), Ok(&url));
    assert_eq!(url.clone().into_url(), Ok(url));
}

#[test]
fn a_uri_is_checked_and_normalised_like_text() {
    let uri = |text: &'static str| Uri::from_static(text);
    assert_eq!(text(uri("HTTP://u:p@H:80")).as_deref(), Ok("http://u:p@h/"));
    let borrowed = uri("https://[::1]:444/a?b");
    assert_eq!(text(&borrowed).as_deref(), Ok("https://[::1]:444/a?b"));
    assert_eq!(text(borrowed).as_deref(), Ok("https://[::1]:444/a?b"));
    assert_eq!(text(uri("ftp://h/")), Err(UrlError::UnsupportedScheme("ftp".to_owned())));
    assert_eq!(text(uri("http://256.1.1.1/")), Err(UrlError::InvalidHost));
    assert_eq!(text(uri("http://h:99999/")), Err(UrlError::InvalidPort));
}

#[test]
fn a_uri_that_is_not_absolute_has_no_scheme() {
    for text in ["/a?b", "*", "h.test:80", "h.test"] {
        assert_eq!(Uri::from_static(text).into_url(), Err(UrlError::NoScheme), "{text}");
    }
}

//! What a request can be sent to.

use http::Uri;

use super::address::Url;
use super::error::UrlError;

/// What names the target of a request: text or an [`http::Uri`].
///
/// It is implemented for `&str`, `String`, `&String`, `Uri` and `&Uri`, and cannot be implemented elsewhere. The URL
/// must be absolute, with the scheme `http` or `https`; its fragment is dropped, since it is never sent
/// (RFC 9110 §7.1). A value that is none is an error of the request, not a panic.
pub trait IntoUri: sealed::Sealed {
    /// Reads and normalises the URL.
    #[doc(hidden)]
    fn into_url(self) -> Result<Url, UrlError>;
}

impl IntoUri for &str {
    fn into_url(self) -> Result<Url, UrlError> {
        Url::parse(self)
    }
}

impl IntoUri for String {
    fn into_url(self) -> Result<Url, UrlError> {
        Url::parse(&self)
    }
}

impl IntoUri for &String {
    fn into_url(self) -> Result<Url, UrlError> {
        Url::parse(self)
    }
}

impl IntoUri for Uri {
    fn into_url(self) -> Result<Url, UrlError> {
        (&self).into_url()
    }
}

impl IntoUri for &Uri {
    fn into_url(self) -> Result<Url, UrlError> {
        // Without a scheme it is a path, `*` or an authority, whose host would be taken for a scheme.
        if self.scheme().is_none() {
            return Err(UrlError::NoScheme);
        }
        Url::parse(&self.to_string())
    }
}

impl IntoUri for Url {
    fn into_url(self) -> Result<Url, UrlError> {
        Ok(self)
    }
}

impl IntoUri for &Url {
    fn into_url(self) -> Result<Url, UrlError> {
        Ok(self.clone())
    }
}

mod sealed {
    use http::Uri;

    use super::Url;

    pub trait Sealed {}
    impl Sealed for &str {}
    impl Sealed for String {}
    impl Sealed for &String {}
    impl Sealed for Uri {}
    impl Sealed for &Uri {}
    impl Sealed for Url {}
    impl Sealed for &Url {}
}

#[cfg(test)]
mod tests;

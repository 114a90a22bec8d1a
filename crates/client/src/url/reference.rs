//! References and how they resolve against a base (RFC 3986 §5.2): redirects, base URLs.

use super::address::{Scheme, Url};
use super::error::UrlError;
use super::scan::{MAX_LEN, refuse_controls, split_scheme};

impl Url {
    /// Resolves a reference against this URL, as RFC 3986 §5.2.2 says for strict parsers; its fragment is dropped.
    ///
    /// A relative reference keeps the authority of this URL, userinfo included. One with an authority of its own
    /// (`//host/…` or absolute) takes over nothing but, if it has none, the scheme. The outcome is judged and
    /// normalised like a text given to [`Url::parse`], where dot segments go (§5.2.4); that needs no feature.
    ///
    /// # Errors
    ///
    /// As [`Url::parse`]. [`UrlError::UnsupportedScheme`] for any other scheme, [`UrlError::NoAuthority`] for
    /// `http:g`, which is no relative reference to a strict parser (RFC 3986 §5.4.2).
    pub fn join(&self, reference: &str) -> Result<Self, UrlError> {
        if reference.len() > MAX_LEN {
            return Err(UrlError::TooLong);
        }
        refuse_controls(reference.as_bytes())?;
        let mut reference = reference;
        if reference.starts_with(' ') || reference.ends_with(' ') {
            reference = self.trim_reference(reference)?;
        }
        let reference = reference.split_once('#').map_or(reference, |(before, _fragment)| before);
        if let Some((scheme, _)) = split_scheme(reference) {
            Scheme::from_name(scheme)?;
            return Self::parse_trimmed(reference);
        }
        if reference.is_empty() {
            return Ok(self.clone());
        }
        let mut target = String::with_capacity(self.as_str().len() + reference.len());
        if reference.starts_with("//") {
            target.push_str(self.scheme().as_str());
            target.push(':');
        } else {
            let path = self.path_and_query();
            let path = path.split_once('?').map_or(path, |(path, _query)| path);
            target.push_str(self.before_path());
            match reference.as_bytes() {
                [b'/', ..] => {}
                [b'?', ..] => target.push_str(path),
                // RFC 3986 §5.2.3: in the place of all behind the last slash.
                _ => target.push_str(path.rfind('/').map_or("/", |slash| &path[..=slash])),
            }
        }
        target.push_str(reference);
        Self::parse_trimmed(&target)
    }

    /// Spaces around a reference are as good or bad as around a URL.
    fn trim_reference<'a>(&self, reference: &'a str) -> Result<&'a str, UrlError> {
        let trimmed = reference.trim_matches(' ');
        if cfg!(feature = "url") {
            return Ok(trimmed);
        }
        self.join(trimmed).and(Err(UrlError::NeedsUrlFeature))
    }
}

#[cfg(test)]
mod tests;

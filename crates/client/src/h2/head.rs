//! Request heads as HTTP/2 has them (RFC 9113 §8.3).

use http::header::{self, HeaderName};
use http::uri::{Authority, Parts, PathAndQuery, Scheme, Uri};
use http::{HeaderMap, HeaderValue, Request, Version};
use martlet_core::Misuse;
use martlet_core::h1::{Announcement, RequestContent};

use crate::outgoing::Outgoing;
use crate::url::Url;

/// Whose connection it is, in the terms of `http`: the same for nearly all of its requests.
#[derive(Debug)]
pub(super) struct Server {
    scheme: Scheme,
    authority: Authority,
}

impl Server {
    /// `None` for a host that the types of `http` refuse.
    pub(super) fn of(url: &Url) -> Option<Self> {
        let scheme = if url.is_https() { Scheme::HTTPS } else { Scheme::HTTP };
        Some(Self { scheme, authority: Authority::try_from(url.authority()).ok()? })
    }
}

/// Fields that speak of a connection of HTTP/1.1 (RFC 9113 §8.2.2). TE is seen to apart.
const OF_CONNECTIONS: [HeaderName; 5] = [
    header::CONNECTION,
    HeaderName::from_static("keep-alive"),
    HeaderName::from_static("proxy-connection"),
    header::TRANSFER_ENCODING,
    header::UPGRADE,
];

impl<'a> Outgoing<'a> {
    /// The head for the `h2` crate, and what it announces.
    pub(super) fn request(
        &self,
        content: RequestContent,
        server: &Server,
    ) -> Result<(Request<()>, Announcement<'a>), Misuse> {
        let announced = self.check_content(content)?;
        let mut request = Request::new(());
        *request.method_mut() = self.head.method.clone();
        *request.version_mut() = Version::HTTP_2;
        *request.uri_mut() = self.uri(announced.host, server)?;
        *request.headers_mut() = self.fields(announced.length)?;
        if let Some(protocol) = self.protocol {
            request.extensions_mut().insert(h2::ext::Protocol::from(protocol));
        }
        Ok((request, announced))
    }

    /// The authority takes the place of Host (RFC 9113 §8.3.1).
    fn uri(&self, host: &[u8], server: &Server) -> Result<Uri, Misuse> {
        let mut parts = Parts::default();
        parts.scheme = Some(server.scheme.clone());
        parts.authority = Some(match &server.authority {
            authority if authority.as_str().as_bytes() == host => authority.clone(),
            _ => Authority::try_from(host).map_err(|_| Misuse::InvalidHost)?,
        });
        let path = PathAndQuery::try_from(self.url.path_and_query()).map_err(|_| Misuse::InvalidTarget)?;
        parts.path_and_query = Some(path);
        Uri::from_parts(parts).map_err(|_| Misuse::InvalidTarget)
    }

    fn fields(&self, length: Option<u64>) -> Result<HeaderMap, Misuse> {
        let own = self.head.fields;
        let mut fields;
        if own.is_empty() {
            fields = self.defaults.clone();
        } else {
            fields = own.clone();
            for (name, value) in self.defaults {
                if !own.contains_key(name) {
                    fields.try_append(name, value.clone()).map_err(|_| Misuse::ConflictingFields)?;
                }
            }
            remove_of_connections(&mut fields);
        }
        if let Some(length) = length {
            if !fields.contains_key(header::CONTENT_LENGTH) {
                let value = HeaderValue::from(length);
                fields.try_insert(header::CONTENT_LENGTH, value).map_err(|_| Misuse::ConflictingFields)?;
            }
        }
        Ok(fields)
    }
}

/// "An endpoint MUST NOT generate an HTTP/2 message containing connection-specific header fields" (RFC 9113 §8.2.2): they
/// speak of a connection that there is none of, and nothing is lost with them.
pub(crate) fn remove_of_connections(fields: &mut HeaderMap) {
    let named: Vec<HeaderName> = fields
        .get_all(header::CONNECTION)
        .iter()
        .flat_map(|value| value.as_bytes().split(|&octet| octet == b','))
        .filter_map(|option| HeaderName::from_bytes(option.trim_ascii()).ok())
        // TE stands in Connection because HTTP/1.1 demands it.
        .filter(|name| *name != header::TE)
        .collect();
    for name in named.iter().chain(&OF_CONNECTIONS) {
        fields.remove(name);
    }
    fields.remove(header::HOST);
    let wants_trailers = |value: &HeaderValue| {
        let mut members = value.as_bytes().split(|&octet| octet == b',');
        members.any(|member| member.trim_ascii().eq_ignore_ascii_case(b"trailers"))
    };
    match fields.get_all(header::TE).iter().any(wants_trailers) {
        true => _ = fields.insert(header::TE, HeaderValue::from_static("trailers")),
        false => _ = fields.remove(header::TE),
    }
}

#[cfg(test)]
mod tests;

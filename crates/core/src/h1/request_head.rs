//! Request heads to be sent.

use http::{HeaderMap, Method, Request, Version, header};

use crate::error::Misuse;
use crate::framing::announce::{Announced, Extra, Sending, announce};
use crate::h1::continue_;
use crate::h1::persistence::ConnectionOptions;
use crate::h1::switch::Offer;
use crate::syntax::target::is_host;
use crate::syntax::write::{write_content_length, write_field, write_request_line};
use crate::syntax::{FieldBlock, Target, TargetForm};

/// A request head to be sent; it borrows everything.
#[derive(Clone, Copy, Debug)]
pub struct RequestHead<'a> {
    /// The method.
    pub method: &'a Method,
    /// The request target in the form that the next hop expects.
    pub target: Target<'a>,
    /// HTTP/1.1, or HTTP/1.0 for a peer that knows no better.
    pub version: Version,
    /// The value of Host, written first. A Host among `fields` takes its place.
    pub host: &'a [u8],
    /// The fields of this request.
    pub fields: &'a HeaderMap,
    /// Default field lines. A line whose name is in `fields` is left out.
    pub block: &'a FieldBlock,
}

/// The content of a request, as it is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RequestContent {
    /// None. POST, PUT and PATCH say so with `Content-Length: 0` (RFC 9110 §8.6).
    None,
    /// So many octets, sent with a Content-Length.
    Sized(u64),
    /// As many as will come, sent in chunks; or under the Content-Length among the fields, if there is one.
    Chunked,
}

static NO_BLOCK: FieldBlock = FieldBlock::empty();

impl<'a> RequestHead<'a> {
    /// A head out of `http`'s types, without default fields. Userinfo of the URI is not sent (RFC 9110 §4.2.4).
    ///
    /// # Errors
    ///
    /// [`Misuse::InvalidTarget`] if the URI lacks what the form needs.
    pub fn from_http(request: &'a Request<()>, form: TargetForm) -> Result<Self, Misuse> {
        let uri = request.uri();
        let scheme = uri.scheme_str().unwrap_or_default();
        let authority = uri.authority().map_or("", |a| a.as_str());
        let authority = authority.rsplit_once('@').map_or(authority, |(_, host)| host);
        let default_port = match scheme {
            "http" => ":80",
            "https" => ":443",
            _ => ":",
        };
        let host = authority.strip_suffix(default_port).or_else(|| authority.strip_suffix(':'));
        let host = host.unwrap_or(authority);
        let path = match uri.path_and_query().map_or("", |p| p.as_str()) {
            "" => "/",
            path => path,
        };
        let (target, host) = match form {
            TargetForm::Origin => (Target::Origin(path.as_bytes()), host),
            TargetForm::Absolute if scheme.is_empty() || host.is_empty() => {
                return Err(Misuse::InvalidTarget);
            }
            TargetForm::Absolute => {
                let (scheme, path_and_query) = (scheme.as_bytes(), path.as_bytes());
                (Target::Absolute { scheme, authority: host.as_bytes(), path_and_query }, host)
            }
            TargetForm::Authority => (Target::Authority(authority.as_bytes()), authority),
            TargetForm::Asterisk => (Target::Asterisk, host),
        };
        Ok(Self {
            method: request.method(),
            target,
            version: request.version(),
            host: host.as_bytes(),
            fields: request.headers(),
            block: &NO_BLOCK,
        })
    }

    /// Checks the head without writing it, and says what it announces: for a driver that sends the same request by another
    /// version of HTTP, in which fields that frame an HTTP/1.1 message have no place.
    ///
    /// # Errors
    ///
    /// As [`ClientConn::send_request`](super::ClientConn::send_request).
    pub fn check(&self, content: RequestContent) -> Result<Announcement<'a>, Misuse> {
        self.target.check(self.method)?;
        let host = host_of(self)?;
        Ok(Announcement { host, ..self.check_content(content)? })
    }

    /// The same without a look at target and host, for a caller who has them from a URL that was checked and no Host among
    /// the fields.
    ///
    /// # Errors
    ///
    /// As [`check`](Self::check), but for those.
    pub fn check_content(&self, content: RequestContent) -> Result<Announcement<'a>, Misuse> {
        let Checked { sending, expects_continue, .. } = self.checked(content)?;
        // Where there is no content, no other length passes.
        let says_zero = self.fields.contains_key(header::CONTENT_LENGTH);
        let length = match sending {
            Sending::Length(bound) | Sending::Chunked(Some(bound)) => Some(bound.declared),
            Sending::Ended if says_zero || announces_emptiness(self.method, content) => Some(0),
            _ => None,
        };
        Ok(Announcement { host: self.host, length, expects_continue })
    }

    fn checked(&self, content: RequestContent) -> Result<Checked, Misuse> {
        let http10 = match self.version {
            Version::HTTP_11 => false,
            Version::HTTP_10 => true,
            _ => return Err(Misuse::UnsupportedVersion),
        };
        let announced = announced(self.method, content)?;
        let (sending, extra) = announce(self.fields, announced, !http10)?;
        let expects_continue = !self.fields.is_empty() && continue_::is_expected(self.fields);
        if expects_continue && sending == Sending::Ended {
            // "A client MUST NOT generate a 100-continue expectation in a request that does not include content."
            return Err(Misuse::ExpectWithoutContent);
        }
        Ok(Checked { http10, sending, extra, expects_continue })
    }

    /// Checks the head, then writes it behind what is in `out`.
    pub(crate) fn write(&self, content: RequestContent, out: &mut Vec<u8>) -> Result<Written, Misuse> {
        self.target.check(self.method)?;
        let host = host_of(self)?;
        let Checked { http10, sending, extra, expects_continue } = self.checked(content)?;

        out.reserve(128 + host.len() + self.block.len() + 48 * self.fields.len());
        write_request_line(out, self.method, &self.target, self.version);
        // "A user agent that sends Host SHOULD send it as the first field" (RFC 9110 §7.2).
        write_field(out, b"host", host);
        let mut connection = ConnectionOptions::default();
        for (name, value) in self.fields {
            if *name != header::HOST {
                write_field(out, name.as_str().as_bytes(), value.as_bytes());
            }
            if *name == header::CONNECTION {
                connection.note(value.as_bytes());
            }
        }
        self.block.write(out, self.fields);
        match extra {
            Extra::ChunkedCoding => write_field(out, b"transfer-encoding", b"chunked"),
            Extra::ContentLength(length) if length > 0 => write_content_length(out, length),
            Extra::ContentLength(_) | Extra::Nothing => {
                if announces_emptiness(self.method, content)
                    && !self.fields.contains_key(header::CONTENT_LENGTH)
                    && sending == Sending::Ended
                {
                    write_content_length(out, 0);
                }
            }
        }
        let offer = if http10 || self.fields.is_empty() { Offer::default() } else { Offer::of(self.fields) };
        let lacks_upgrade = offer.is_made() && !connection.upgrade;
        let lacks_te = !connection.te && self.fields.contains_key(header::TE);
        match (lacks_upgrade, lacks_te) {
            (true, true) => write_field(out, b"connection", b"upgrade, TE"),
            (true, false) => write_field(out, b"connection", b"upgrade"),
            (false, true) => write_field(out, b"connection", b"TE"),
            (false, false) => {}
        }
        out.extend_from_slice(b"\r\n");
        // "A server that receives a 100-continue expectation in an HTTP/1.0 request MUST ignore that expectation."
        Ok(Written { sending, holds_content_back: expects_continue && !http10, connection, offer })
    }
}

/// What a head announces, whatever version of HTTP it is sent by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Announcement<'a> {
    /// The host that it is for: a Host among its fields, or its own.
    pub host: &'a [u8],
    /// The length of the content in octets, where it is known.
    pub length: Option<u64>,
    /// Content is to be held back until the server asks for it (RFC 9110 §10.1.1).
    pub expects_continue: bool,
}

/// A head that may be sent.
struct Checked {
    http10: bool,
    sending: Sending,
    extra: Extra,
    expects_continue: bool,
}

/// What was decided while the head was written.
#[derive(Debug)]
pub(crate) struct Written {
    pub(crate) sending: Sending,
    /// Content waits for 100 (Continue).
    pub(crate) holds_content_back: bool,
    pub(crate) connection: ConnectionOptions,
    pub(crate) offer: Offer,
}

/// The value of Host: the one among the fields, or the head's own.
fn host_of<'a>(head: &RequestHead<'a>) -> Result<&'a [u8], Misuse> {
    let mut given = head.fields.get_all(header::HOST).iter();
    let host = match (given.next(), given.next()) {
        (_, Some(_)) => return Err(Misuse::ConflictingFields),
        (Some(value), None) => value.as_bytes(),
        (None, None) => head.host,
    };
    // "If the authority component is missing or undefined for the target URI, then a client MUST send a Host header
    // field with an empty field value" (RFC 9112 §3.2), and only then.
    let emptied = host.is_empty() && !head.host.is_empty();
    if is_host(host) && !emptied { Ok(host) } else { Err(Misuse::InvalidHost) }
}

fn announced(method: &Method, content: RequestContent) -> Result<Announced, Misuse> {
    let has_none = *method == Method::CONNECT || *method == Method::TRACE;
    match content {
        RequestContent::None => Ok(Announced::None),
        RequestContent::Sized(length) if length > 0 && has_none => Err(Misuse::ContentNotAllowed),
        RequestContent::Chunked if has_none => Err(Misuse::ContentNotAllowed),
        RequestContent::Sized(length) => Ok(Announced::Sized(length)),
        RequestContent::Chunked => Ok(Announced::Unsized),
    }
}

/// "A user agent SHOULD send Content-Length in a request when the method defines a meaning for enclosed content and
/// it is not sending Transfer-Encoding"; it "SHOULD NOT" where the method anticipates none (RFC 9110 §8.6).
fn announces_emptiness(method: &Method, content: RequestContent) -> bool {
    const WITHOUT: [Method; 6] =
        [Method::GET, Method::HEAD, Method::DELETE, Method::OPTIONS, Method::TRACE, Method::CONNECT];
    match content {
        RequestContent::None => [Method::POST, Method::PUT, Method::PATCH].contains(method),
        RequestContent::Sized(_) | RequestContent::Chunked => !WITHOUT.contains(method),
    }
}

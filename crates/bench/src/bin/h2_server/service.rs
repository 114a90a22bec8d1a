//! What is answered to a request, by its path.

use std::collections::VecDeque;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};

use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, Empty, Full};
use hyper::body::{Body, Bytes, Frame, Incoming, SizeHint};
use hyper::header::{CONTENT_LENGTH, HeaderMap, HeaderValue};
use hyper::{Method, Request, Response, StatusCode};
use martlet_bench::{Digest, SMALL};

type Content = UnsyncBoxBody<Bytes, hyper::Error>;

static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];

/// - `/small.txt` and every other path that is not below: a line of text;
/// - `/download/<MiB>`: so much content;
/// - `/trailers.txt`: the line, and a trailer section;
/// - `POST /echo`: the content that was sent;
/// - `POST /digest`: its length and hash, once all of it is there.
pub(crate) async fn answer(request: Request<Incoming>) -> hyper::Result<Response<Content>> {
    let is_post = *request.method() == Method::POST;
    let path = request.uri().path().to_owned();
    let is_head = *request.method() == Method::HEAD;
    Ok(match path.as_str() {
        "/echo" if is_post => Response::new(request.into_body().boxed_unsync()),
        "/digest" if is_post => Response::new(whole(digest(request.into_body()).await?)),
        "/echo" | "/digest" => with_status(StatusCode::METHOD_NOT_ALLOWED),
        "/trailers.txt" if !is_head => Response::new(Pieces::with_trailers().boxed()),
        path => match path.strip_prefix("/download/").map(str::parse::<usize>) {
            Some(Ok(mib)) => Response::new(Pieces::of(mib << 20).boxed()),
            Some(Err(_)) => with_status(StatusCode::BAD_REQUEST),
            None if is_head => without_content(SMALL.len()),
            None => Response::new(whole(SMALL)),
        },
    })
}

fn whole(content: impl Into<Bytes>) -> Content {
    Full::new(content.into()).map_err(never).boxed_unsync()
}

fn with_status(status: StatusCode) -> Response<Content> {
    let mut response = Response::new(Empty::new().map_err(never).boxed_unsync());
    *response.status_mut() = status;
    response
}

/// To a HEAD, after which hyper would send content as well.
fn without_content(length: usize) -> Response<Content> {
    let mut response = with_status(StatusCode::OK);
    response.headers_mut().insert(CONTENT_LENGTH, length.into());
    response
}

fn never(e: Infallible) -> hyper::Error {
    match e {}
}

async fn digest(mut content: Incoming) -> hyper::Result<String> {
    let mut digest = Digest::new();
    while let Some(frame) = content.frame().await {
        if let Some(piece) = frame?.data_ref() {
            digest.update(piece);
        }
    }
    Ok(digest.to_string())
}

/// Frames that are made as they are sent.
struct Pieces {
    data: usize,
    rest: VecDeque<Frame<Bytes>>,
}

impl Pieces {
    fn of(length: usize) -> Self {
        Self { data: length, rest: VecDeque::new() }
    }

    fn with_trailers() -> Self {
        let mut trailers = HeaderMap::new();
        trailers.insert("x-trailer", HeaderValue::from_static("sent"));
        Self {
            data: 0,
            rest: [Frame::data(Bytes::from_static(SMALL.as_bytes())), Frame::trailers(trailers)].into(),
        }
    }

    fn boxed(self) -> Content {
        self.map_err(never).boxed_unsync()
    }
}

impl Body for Pieces {
    type Data = Bytes;
    type Error = Infallible;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        _: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, Infallible>>> {
        if self.data == 0 {
            return Poll::Ready(self.rest.pop_front().map(Ok));
        }
        let n = self.data.min(PIECE.len());
        self.data -= n;
        Poll::Ready(Some(Ok(Frame::data(Bytes::from_static(&PIECE[..n])))))
    }

    fn is_end_stream(&self) -> bool {
        self.data == 0 && self.rest.is_empty()
    }

    fn size_hint(&self) -> SizeHint {
        if self.rest.is_empty() { SizeHint::with_exact(self.data as u64) } else { SizeHint::default() }
    }
}

//! The content of a request.

use std::error::Error as StdError;
use std::fmt;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll, ready};

use bytes::{Bytes, BytesMut};
use futures_core::Stream;
use futures_io::AsyncRead;
use http::HeaderMap;
use martlet_core::h1::RequestContent;

use crate::runtime::BoxFuture;

/// An error of a content source.
pub(crate) type SourceError = Box<dyn StdError + Send + Sync>;

/// Octets that are read from an [`AsyncRead`] at a time.
const READ_SIZE: usize = 64 * 1024;

/// The content of a request: octets at hand, or a source of them.
pub struct Body {
    source: Source,
    length: Option<u64>,
    /// Some of it was asked for: what a stream yields cannot be had again.
    is_begun: bool,
    /// Rarely anything.
    extra: Option<Box<Extra>>,
}

#[derive(Default)]
struct Extra {
    /// What comes behind the content. It can be had once.
    trailers: Option<BoxFuture<'static, Result<HeaderMap, SourceError>>>,
    /// What makes the content anew.
    maker: Option<Maker>,
}

/// Makes the same content as often as it is needed.
type Maker = Arc<dyn Fn() -> Body + Send + Sync>;

/// What the same content can be had from once more.
pub(crate) enum Spare {
    None,
    Bytes(Bytes),
    Maker(Maker),
}

impl Spare {
    pub(crate) fn revive(self) -> Body {
        match self {
            Self::None => Body::empty(),
            Self::Bytes(bytes) => bytes.into(),
            Self::Maker(maker) => Body::made_by(maker),
        }
    }
}

enum Source {
    None,
    Bytes(Bytes),
    Stream(Pin<Box<dyn Stream<Item = Result<Bytes, SourceError>> + Send>>),
}

impl Body {
    /// No content. POST, PUT and PATCH say so with `Content-Length: 0`.
    pub const fn empty() -> Self {
        Self::of(Source::None)
    }

    const fn of(source: Source) -> Self {
        Self { source, length: None, is_begun: false, extra: None }
    }

    /// Content of unknown length, piece by piece. In HTTP/1.1 it goes out in chunks.
    ///
    /// The stream is polled when the transport can take a piece, and not before. An error of its own ends the request
    /// with the kind `Body`, and the server sees a truncated message; a response that is under way then is read as far
    /// as it has come.
    pub fn stream<S, B, E>(stream: S) -> Self
    where
        S: Stream<Item = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        Self::of(Source::Stream(Box::pin(Pieces(Box::pin(stream)))))
    }

    /// Content of a known length in octets, piece by piece. It goes out with a Content-Length.
    ///
    /// A stream that yields more or less ends the request with the kind `Body`; no octet beyond the length is sent.
    pub fn sized_stream<S, B, E>(length: u64, stream: S) -> Self
    where
        S: Stream<Item = Result<B, E>> + Send + 'static,
        B: Into<Bytes>,
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        Self { length: Some(length), ..Self::stream(stream) }
    }

    /// Content of unknown length out of a reader, up to its end.
    pub fn reader(reader: impl AsyncRead + Send + 'static) -> Self {
        Self::stream(Reader { reader: Box::pin(reader), spare: Bytes::new() })
    }

    /// Content of a known length in octets out of a reader.
    pub fn sized_reader(length: u64, reader: impl AsyncRead + Send + 'static) -> Self {
        Self { length: Some(length), ..Self::reader(reader) }
    }

    /// Content that can be sent again: `make` is called for the first attempt, and for each further one.
    ///
    /// A request is [replayed](crate::ClientBuilder::replay) only if its content can be had once more. That is so anyway for
    /// content at hand (octets, text, none) without trailers, and for a stream that was not asked for anything yet; with
    /// this it is for every source that can be opened again, a file for instance. Each time it must yield the same.
    ///
    /// ```
    /// # use martlet_client::Body;
    /// let numbers = || futures_lite::stream::iter((0..3).map(|n| Ok::<_, std::io::Error>(format!("{n}\n"))));
    /// let body = Body::replayable(move || Body::stream(numbers()));
    /// ```
    pub fn replayable(make: impl Fn() -> Self + Send + Sync + 'static) -> Self {
        Self::made_by(Arc::new(make))
    }

    fn made_by(maker: Maker) -> Self {
        let mut made = maker();
        made.extra.get_or_insert_default().maker = Some(maker);
        made
    }

    /// A trailer section behind the content (RFC 9110 §6.5): a digest of it, for instance. The future is awaited when the
    /// content has come to its end.
    ///
    /// In HTTP/1.1 the content goes out in chunks then, whether its length is known or not. Fields that frame, route or
    /// modify a message are refused as trailers (RFC 9110 §6.5.1); the request fails with the kind `Body`, as it does with
    /// the future's own error. Recipients may ignore trailers; some merge or drop them.
    ///
    /// The future is awaited once: content that is to be [replayable](Self::replayable) gets its trailers where it is made.
    pub fn with_trailers<E>(
        mut self,
        trailers: impl Future<Output = Result<HeaderMap, E>> + Send + 'static,
    ) -> Self
    where
        E: Into<Box<dyn StdError + Send + Sync>>,
    {
        let trailers: BoxFuture<'static, _> = Box::pin(async { trailers.await.map_err(Into::into) });
        // They can be had once, whatever the content can.
        self.extra = Some(Box::new(Extra { trailers: Some(trailers), maker: None }));
        self
    }

    fn has_trailers(&self) -> bool {
        self.extra.as_ref().is_some_and(|extra| extra.trailers.is_some())
    }

    /// How it is announced.
    pub(crate) fn content(&self) -> RequestContent {
        if self.has_trailers() {
            return RequestContent::Chunked;
        }
        match (&self.source, self.length) {
            (Source::None, _) => RequestContent::None,
            (Source::Bytes(bytes), _) => RequestContent::Sized(bytes.len() as u64),
            (Source::Stream(_), Some(length)) => RequestContent::Sized(length),
            (Source::Stream(_), None) => RequestContent::Chunked,
        }
    }

    /// Whether there is nothing, and no need to look.
    pub(crate) fn is_at_end(&self) -> bool {
        if self.has_trailers() {
            return false;
        }
        match &self.source {
            Source::None => true,
            Source::Bytes(bytes) => bytes.is_empty(),
            Source::Stream(_) => false,
        }
    }

    /// Whether a source says that it has nothing, which is to be seen.
    pub(crate) fn is_declared_empty(&self) -> bool {
        matches!(self.source, Source::Stream(_)) && self.length == Some(0) && !self.has_trailers()
    }

    /// What the same content can be had from once more, if it can be.
    pub(crate) fn spare(&self) -> Option<Spare> {
        if let Some(maker) = self.extra.as_ref().and_then(|extra| extra.maker.as_ref()) {
            return Some(Spare::Maker(Arc::clone(maker)));
        }
        match &self.source {
            _ if self.has_trailers() || self.is_begun => None,
            Source::None => Some(Spare::None),
            Source::Bytes(bytes) => Some(Spare::Bytes(bytes.clone())),
            Source::Stream(_) => None,
        }
    }

    /// Whether nothing of it was asked for: it can be sent as if for the first time.
    pub(crate) fn is_untouched(&self) -> bool {
        !self.is_begun
    }

    /// The next piece; `Last` may be empty.
    pub(crate) fn poll_piece(&mut self, cx: &mut Context<'_>) -> Poll<Result<Piece, SourceError>> {
        self.is_begun = true;
        let piece = match &mut self.source {
            Source::None => Piece::Last(Bytes::new()),
            Source::Bytes(bytes) => {
                let piece = Piece::Last(std::mem::take(bytes));
                self.source = Source::None;
                piece
            }
            Source::Stream(stream) => match ready!(stream.as_mut().poll_next(cx)) {
                Some(Ok(piece)) => Piece::More(piece),
                Some(Err(e)) => {
                    self.source = Source::None;
                    return Poll::Ready(Err(e));
                }
                None => {
                    self.source = Source::None;
                    Piece::Last(Bytes::new())
                }
            },
        };
        match (piece, self.extra.as_mut().and_then(|extra| extra.trailers.as_mut())) {
            (Piece::Last(last), Some(_)) if !last.is_empty() => Poll::Ready(Ok(Piece::More(last))),
            (Piece::Last(_), Some(trailers)) => {
                let result = ready!(trailers.as_mut().poll(cx));
                self.extra = None;
                Poll::Ready(result.map(Piece::Trailers))
            }
            (piece, _) => Poll::Ready(Ok(piece)),
        }
    }
}

/// A piece of content.
pub(crate) enum Piece {
    More(Bytes),
    Last(Bytes),
    /// Behind all content.
    Trailers(HeaderMap),
}

impl Default for Body {
    fn default() -> Self {
        Self::empty()
    }
}

impl fmt::Debug for Body {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let length = match &self.source {
            Source::None => Some(0),
            Source::Bytes(bytes) => Some(bytes.len() as u64),
            Source::Stream(_) => self.length,
        };
        f.debug_struct("Body").field("length", &length).finish_non_exhaustive()
    }
}

impl From<Bytes> for Body {
    fn from(bytes: Bytes) -> Self {
        Self::of(Source::Bytes(bytes))
    }
}

impl From<Vec<u8>> for Body {
    fn from(octets: Vec<u8>) -> Self {
        Bytes::from(octets).into()
    }
}

impl From<String> for Body {
    fn from(text: String) -> Self {
        Bytes::from(text).into()
    }
}

impl From<&'static [u8]> for Body {
    fn from(octets: &'static [u8]) -> Self {
        Bytes::from_static(octets).into()
    }
}

impl From<&'static str> for Body {
    fn from(text: &'static str) -> Self {
        Bytes::from_static(text.as_bytes()).into()
    }
}

impl From<()> for Body {
    fn from((): ()) -> Self {
        Self::empty()
    }
}

/// A stream whose pieces and errors are made ours.
struct Pieces<S>(Pin<Box<S>>);

impl<S, B, E> Stream for Pieces<S>
where
    S: Stream<Item = Result<B, E>>,
    B: Into<Bytes>,
    E: Into<SourceError>,
{
    type Item = Result<Bytes, SourceError>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let item = ready!(self.0.as_mut().poll_next(cx));
        Poll::Ready(item.map(|item| item.map(Into::into).map_err(Into::into)))
    }
}

/// A reader as a stream. Its buffer is used again once the last piece of it was let go of.
struct Reader<R> {
    reader: Pin<Box<R>>,
    spare: Bytes,
}

impl<R: AsyncRead> Stream for Reader<R> {
    type Item = Result<Bytes, std::io::Error>;

    fn poll_next(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let mut buffer = match std::mem::take(&mut self.spare).try_into_mut() {
            Ok(buffer) if buffer.len() == READ_SIZE => buffer,
            _ => BytesMut::zeroed(READ_SIZE),
        };
        let read = self.reader.as_mut().poll_read(cx, &mut buffer);
        self.spare = buffer.freeze();
        match ready!(read) {
            Ok(0) => Poll::Ready(None),
            Ok(n) => Poll::Ready(Some(Ok(self.spare.slice(..n.min(READ_SIZE))))),
            Err(e) => Poll::Ready(Some(Err(e))),
        }
    }
}

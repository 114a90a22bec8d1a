//! The content of a request on its way.

use std::task::{Context, Poll};

use bytes::Bytes;
use h2::SendStream;
use http::HeaderMap;
use martlet_core::Misuse;
use martlet_core::h1::check_trailers;

use crate::body::{Body, Piece, SourceError};

/// So much at once is handed over without asking whether it may go: it waits in the connection's queue instead of ours.
const SHORT: usize = 16 * 1024;

/// The most that is asked for at once.
const LARGE: usize = 1024 * 1024;

/// What is left of the content, and where it goes.
pub(super) struct Upload {
    out: SendStream<Bytes>,
    body: Body,
    /// What the source has given and the stream has not taken.
    piece: Bytes,
    /// What ends the request, once it is known.
    end: Option<End>,
    /// The length that was announced, and what is due of it.
    declared: Option<u64>,
    left: u64,
    /// Content is held back until the server asks for it.
    pub(super) is_withheld: bool,
}

enum End {
    Content,
    Trailers(HeaderMap),
}

/// What sending waits for.
#[derive(Debug)]
pub(super) enum Progress {
    /// All is handed over.
    Done,
    /// The peer takes no more: it has ended the stream, or the connection is gone. The response tells.
    Stopped,
    /// The peer, or others whose content goes out on the same connection.
    Peer,
    /// The source of the content, or the server's word.
    Source,
    /// The content could not be had, or had another length.
    Failed(SourceError),
}

impl Upload {
    pub(super) fn new(out: SendStream<Bytes>, body: Body, declared: Option<u64>, is_withheld: bool) -> Self {
        let left = declared.unwrap_or(u64::MAX);
        Self { out, body, piece: Bytes::new(), end: None, declared, left, is_withheld }
    }

    /// The content, if none of it was asked for yet.
    pub(super) fn into_untouched(self: Box<Self>) -> Option<Body> {
        Some(self.body).filter(Body::is_untouched)
    }

    /// Sends what can be sent without waiting. `moved` is set if anything was.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>, moved: &mut bool) -> Progress {
        if self.is_withheld {
            return Progress::Source;
        }
        loop {
            if !self.piece.is_empty() {
                match self.poll_send(cx) {
                    Ok(Sent::Something) => *moved = true,
                    Ok(Sent::Everything) => {
                        *moved = true;
                        return Progress::Done;
                    }
                    Ok(Sent::Nothing) => return Progress::Peer,
                    Err(Stop) => return Progress::Stopped,
                }
                continue;
            }
            let ended = match self.end.take() {
                Some(End::Content) => self.out.send_data(Bytes::new(), true),
                Some(End::Trailers(fields)) if fields.is_empty() => self.out.send_data(Bytes::new(), true),
                Some(End::Trailers(fields)) => match check_trailers(&fields) {
                    Ok(()) => self.out.send_trailers(fields),
                    Err(e) => return Progress::Failed(e.into()),
                },
                None => match self.poll_source(cx) {
                    Ok(()) => continue,
                    Err(progress) => return progress,
                },
            };
            *moved = true;
            return if ended.is_ok() { Progress::Done } else { Progress::Stopped };
        }
    }

    /// Hands over as much of the piece as the peer allows.
    fn poll_send(&mut self, cx: &mut Context<'_>) -> Result<Sent, Stop> {
        let whole = self.piece.len();
        let ends = matches!(self.end, Some(End::Content));
        let mut allowed = self.out.capacity();
        if allowed == 0 && whole <= SHORT && ends {
            allowed = whole;
        }
        if allowed == 0 {
            self.out.reserve_capacity(whole.min(LARGE));
            allowed = match (self.out.capacity(), self.out.poll_capacity(cx)) {
                (0, Poll::Ready(Some(Ok(allowed)))) => allowed,
                (0, Poll::Ready(_)) => return Err(Stop),
                (0, Poll::Pending) => return Ok(Sent::Nothing),
                (allowed, _) => allowed,
            };
        }
        let part = self.piece.split_to(allowed.min(whole));
        let is_last = self.piece.is_empty() && ends;
        self.out.send_data(part, is_last).map_err(|_| Stop)?;
        Ok(if is_last { Sent::Everything } else { Sent::Something })
    }

    /// Asks the source for the next piece.
    fn poll_source(&mut self, cx: &mut Context<'_>) -> Result<(), Progress> {
        let (piece, end) = match self.body.poll_piece(cx) {
            Poll::Pending => return Err(Progress::Source),
            Poll::Ready(Ok(Piece::More(piece))) if piece.is_empty() => {
                // A source that yields nothing over and over must not keep everybody else waiting.
                cx.waker().wake_by_ref();
                return Err(Progress::Source);
            }
            Poll::Ready(Ok(Piece::More(piece))) => (piece, None),
            Poll::Ready(Ok(Piece::Last(piece))) => (piece, Some(End::Content)),
            Poll::Ready(Ok(Piece::Trailers(fields))) => (Bytes::new(), Some(End::Trailers(fields))),
            Poll::Ready(Err(e)) => return Err(Progress::Failed(e)),
        };
        let declared = self.declared.unwrap_or_default();
        let Some(left) = self.left.checked_sub(piece.len() as u64) else {
            return Err(Progress::Failed(Misuse::ContentTooLong { declared }.into()));
        };
        if end.is_some() && self.declared.is_some() && left > 0 {
            return Err(Progress::Failed(Misuse::ContentTooShort { declared, sent: declared - left }.into()));
        }
        (self.left, self.piece, self.end) = (left, piece, end);
        Ok(())
    }
}

/// How much of a piece went out.
enum Sent {
    Nothing,
    Something,
    /// With the end of the request.
    Everything,
}

/// The stream takes no more.
struct Stop;

//! One exchange on a stream, driven by the future that asks for the response.

use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::task::{Context, Poll, ready};
use std::time::Duration;

use bytes::Bytes;
use h2::RecvStream;
use h2::client::ResponseFuture;
use http::{HeaderMap, StatusCode};
use martlet_core::h1::Fields;
use martlet_core::pool::Capacity;
use martlet_core::time::{Expired, Phase};
use martlet_core::{Delivery, Misuse, PeerError};

use super::failure::{Received, broken, ended, failure, refusal};
use super::handle::{Aftermath, Shared};
use super::orders::Order;
use super::sections::{length, size};
use super::upload::{Progress, Upload};
use crate::body::{Body, SourceError};
use crate::error::ErrorCode;
use crate::failure::Failure;
use crate::info::ConnectionInfo;
use crate::outgoing::Outgoing;
use crate::timer::Timer;

/// A stream that is open, and the exchange on it. Dropped before its end it is reset, and what it held of the connection's
/// window is given back.
pub(crate) struct Stream {
    shared: Arc<Shared>,
    id: u32,
    state: State,
    upload: Option<Box<Upload>>,
    /// Why the content of the request cannot be sent to its end. What of the response is here already is read first.
    source_failed: Option<SourceError>,
    /// Content that can be sent again as if for the first time.
    untouched: Option<Body>,
    received: Received,
    trailers: Option<Fields>,
    timer: Timer,
    /// Its place among those who wait for the peer's first SETTINGS.
    waits: Option<usize>,
    /// What the peer said to have not processed it.
    refused: Option<ErrorCode>,
    /// Something came that is no response.
    is_malformed: bool,
    /// It was given up after a silence of the whole connection.
    in_silence: bool,
    /// Counts it. The last field: what is dropped before belongs to a stream that is counted.
    _active: Active,
}

/// After so much silence a request that is given up makes its connection suspect. Less may be the way to the peer and back.
const SILENCE: Duration = Duration::from_millis(500);

/// A request on a connection.
struct Active(Arc<Shared>);

impl Active {
    fn new(shared: &Arc<Shared>) -> Self {
        shared.active.fetch_add(1, Ordering::AcqRel);
        Self(Arc::clone(shared))
    }
}

impl Drop for Active {
    fn drop(&mut self) {
        let is_last = self.0.active.fetch_sub(1, Ordering::AcqRel) == 1;
        if is_last && self.0.orders.has(Order::Close) {
            // The task was woken by the end of the stream, and may have looked while this still counted: how long it may take to
            // leave is counted from now on.
            self.0.orders.wake();
        }
    }
}

enum State {
    Waiting(ResponseFuture),
    Reading(RecvStream),
    Complete,
    Failed,
}

/// Why a request was not begun on a connection.
pub(crate) enum NotBegun {
    /// It must not be sent.
    Misuse(Misuse),
    /// The connection takes no more requests, for this reason. The content is as it was.
    Gone(Body, Box<Failure>),
}

impl Stream {
    /// Begins an exchange.
    ///
    /// # Errors
    ///
    /// See [`NotBegun`]. Nothing was sent.
    pub(crate) fn begin(
        shared: &Arc<Shared>,
        outgoing: &Outgoing<'_>,
        body: Body,
        mut timer: Timer,
    ) -> Result<Box<Self>, NotBegun> {
        let (request, announced) =
            outgoing.request(body.content(), &shared.server).map_err(NotBegun::Misuse)?;
        let is_whole = body.is_at_end();
        let declared = announced.length.filter(|_| !is_whole);
        let (response, out) = match shared.send(request, is_whole) {
            Ok(stream) => stream,
            Err(e) => {
                // Whatever it is, the next request would meet the same.
                shared.is_retiring.store(true, Ordering::Release);
                let received = Received::default();
                let why = e.map_or_else(|| ended(shared, &received), |e| failure(e, shared, &received));
                return Err(NotBegun::Gone(body, Box::new(why)));
            }
        };
        let (upload, untouched) = if is_whole {
            (None, Some(body))
        } else {
            (Some(Box::new(Upload::new(out, body, declared, announced.expects_continue))), None)
        };
        shared.lend_sleep(&mut timer);
        Ok(Box::new(Self {
            _active: Active::new(shared),
            id: response.stream_id().as_u32(),
            shared: Arc::clone(shared),
            state: State::Waiting(response),
            upload,
            source_failed: None,
            untouched,
            received: Received::default(),
            trailers: None,
            timer,
            waits: None,
            refused: None,
            is_malformed: false,
            in_silence: false,
        }))
    }

    pub(crate) fn info(&self) -> &ConnectionInfo {
        &self.shared.info
    }

    pub(crate) fn shared(&self) -> &Arc<Shared> {
        &self.shared
    }

    /// What the server can have seen of the request.
    pub(crate) fn delivery(&self) -> Delivery {
        if self.received.is_any() || self.is_malformed {
            Delivery::Answered
        } else if self.refused.is_some() {
            Delivery::Refused
        } else if self.shared.is_over() && !self.is_sent() {
            Delivery::NotSent
        } else {
            // While the connection lives, what is queued goes out, whatever becomes of the request.
            Delivery::Unknown
        }
    }

    /// The trailer section, once the content was read to its end.
    pub(crate) fn take_trailers(&mut self) -> Option<Fields> {
        self.trailers.take()
    }

    /// Content of the request of which nothing was asked for.
    pub(crate) fn take_untouched(&mut self) -> Option<Body> {
        self.untouched.take()
    }

    /// Whether the peer has ended the connection because this client is too much for it.
    pub(crate) fn is_to_calm_down(&self) -> bool {
        self.shared.farewell.get().is_some_and(|farewell| farewell.code == ErrorCode::ENHANCE_YOUR_CALM)
    }

    /// Whether the connection has answered a request, this one not counted.
    pub(crate) fn is_proven(&self) -> bool {
        self.shared.has_served.load(Ordering::Acquire)
    }

    /// Whether the response is complete without any content being read.
    pub(crate) fn is_complete(&mut self) -> bool {
        let is_complete = matches!(&self.state, State::Reading(content) if content.is_end_stream());
        if is_complete {
            self.complete(None);
        }
        is_complete
    }

    /// Sends the request, and waits for the head of the final response.
    pub(crate) fn poll_head(
        &mut self,
        cx: &mut Context<'_>,
    ) -> Poll<Result<(StatusCode, HeaderMap), Failure>> {
        let result = ready!(self.poll_head_inner(cx));
        if result.is_err() {
            self.fail();
        }
        Poll::Ready(result)
    }

    fn poll_head_inner(&mut self, cx: &mut Context<'_>) -> Poll<Result<(StatusCode, HeaderMap), Failure>> {
        loop {
            let waits_for_peer = self.poll_upload(cx);
            let withheld = self.is_withheld();
            if let Poll::Ready(result) = self.poll_response(cx) {
                return Poll::Ready(result);
            }
            if withheld && !self.is_withheld() {
                // Content was waiting for this.
                continue;
            }
            if let Some(e) = self.source_failed.take() {
                return Poll::Ready(Err(Failure::Source(e)));
            }
            self.note_phases(Phase::ReceiveHead, waits_for_peer);
            match ready!(self.timer.poll_expired(cx)) {
                Expired { phase: Phase::Continue, .. } if !self.timer.is_total_over() => {
                    // "A client that will wait for a 100 … is not required to wait for any specific length of time".
                    self.release_content();
                }
                // Only nobody had told that the head is out.
                Expired { phase: Phase::Send, .. }
                    if self.is_sent() && !waits_for_peer && !self.timer.is_total_over() =>
                {
                    self.timer.leave(Phase::Send);
                }
                // No phase is running while the source of the content has nothing.
                Expired { phase: Phase::ReceiveContent, elapsed } => {
                    let expired = Expired { phase: Phase::Send, elapsed };
                    return Poll::Ready(Err(self.timed_out(expired)));
                }
                expired => return Poll::Ready(Err(self.timed_out(expired))),
            }
        }
    }

    fn poll_response(&mut self, cx: &mut Context<'_>) -> Poll<Result<(StatusCode, HeaderMap), Failure>> {
        // An answer may come with the peer's first SETTINGS. Whoever has it may ask for another stream at once, and the pool
        // is to know by then how many there are.
        let _ = ready!(self.shared.poll_settled(&mut self.waits, cx));
        loop {
            let State::Waiting(response) = &mut self.state else {
                return Poll::Ready(Err(Failure::Core(Misuse::OutOfTurn.into(), None)));
            };
            match ready!(response.poll_informational(cx)) {
                Some(Ok(interim)) => self.take_interim(interim.status())?,
                Some(Err(e)) => return Poll::Ready(Err(self.failed(e))),
                None => match ready!(Pin::new(response).poll(cx)) {
                    Ok(response) => return Poll::Ready(self.take_head(response)),
                    Err(e) => return Poll::Ready(Err(self.failed(e))),
                },
            }
        }
    }

    /// The next piece of content, or `None` at its end. Sending goes on beside it.
    pub(crate) fn poll_data(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        let result = ready!(self.poll_data_inner(cx));
        self.timer.leave(Phase::ReceiveContent);
        if result.is_err() {
            self.fail();
        }
        Poll::Ready(result)
    }

    fn poll_data_inner(&mut self, cx: &mut Context<'_>) -> Poll<Result<Option<Bytes>, Failure>> {
        loop {
            let waits_for_peer = self.poll_upload(cx);
            let State::Reading(content) = &mut self.state else {
                return Poll::Ready(Ok(None));
            };
            match content.poll_data(cx) {
                Poll::Ready(Some(Ok(piece))) => {
                    // It is the application's from now on: the peer may send as much again. Refused only for more than came.
                    let _ = content.flow_control().release_capacity(piece.len());
                    self.received.content += piece.len() as u64;
                    self.progress(Phase::ReceiveContent);
                    if !piece.is_empty() {
                        return Poll::Ready(Ok(Some(piece)));
                    }
                    continue;
                }
                Poll::Ready(Some(Err(e))) => return Poll::Ready(self.ended(e)),
                Poll::Ready(None) => {
                    return match ready!(content.poll_trailers(cx)) {
                        Ok(fields) => Poll::Ready(self.take_trailer_section(fields)),
                        Err(e) => Poll::Ready(self.ended(e)),
                    };
                }
                Poll::Pending => {}
            }
            if let Some(e) = self.source_failed.take() {
                // The server may wait for content that will never come: neither side would go on.
                return Poll::Ready(Err(Failure::Source(e)));
            }
            self.note_phases(Phase::ReceiveContent, waits_for_peer);
            match ready!(self.timer.poll_expired(cx)) {
                // The response is here: what of the request cannot be sent any more is given up for it.
                Expired { phase: Phase::Send | Phase::Continue, .. } if !self.timer.is_total_over() => {
                    self.upload = None;
                    self.timer.leave(Phase::Send);
                    self.timer.leave(Phase::Continue);
                }
                expired => return Poll::Ready(Err(self.timed_out(expired))),
            }
        }
    }

    /// Sends what can be sent without waiting. Whether the peer has to take some before more can go out.
    fn poll_upload(&mut self, cx: &mut Context<'_>) -> bool {
        let Some(upload) = &mut self.upload else {
            return false;
        };
        let mut moved = false;
        let progress = upload.poll(cx, &mut moved);
        if moved {
            self.timer.progress(Phase::Send);
        }
        match progress {
            Progress::Peer => return true,
            Progress::Source => {}
            Progress::Done | Progress::Stopped => self.upload = None,
            Progress::Failed(e) => {
                self.upload = None;
                self.source_failed = Some(e);
            }
        }
        false
    }

    fn take_interim(&mut self, status: StatusCode) -> Result<(), Failure> {
        self.received.interim += 1;
        self.progress(Phase::ReceiveHead);
        let limit = self.shared.limits.max_interim;
        if self.received.interim > limit {
            return Err(broken(PeerError::TooManyInterim { limit }));
        }
        match status {
            // "HTTP/2 removes support for the 101 (Switching Protocols) informational status code" (RFC 9113 §8.6).
            StatusCode::SWITCHING_PROTOCOLS => return Err(broken(PeerError::UnexpectedUpgrade)),
            StatusCode::CONTINUE => self.release_content(),
            _ => {}
        }
        Ok(())
    }

    fn take_head(
        &mut self,
        response: http::Response<RecvStream>,
    ) -> Result<(StatusCode, HeaderMap), Failure> {
        let (head, content) = response.into_parts();
        self.timer.leave(Phase::ReceiveHead);
        self.timer.leave(Phase::Continue);
        self.received.has_head = true;
        self.received.expected = length(&head.headers);
        self.state = State::Reading(content);
        let limits = &self.shared.limits;
        if head.headers.len() > limits.max_fields {
            return Err(broken(PeerError::TooManyFields { limit: limits.max_fields }));
        }
        // As SETTINGS_MAX_HEADER_LIST_SIZE counts it (RFC 9113 §6.5.2).
        if size(&head.headers, 32) > limits.max_head_size {
            return Err(broken(PeerError::HeadTooLarge { limit: limits.max_head_size }));
        }
        if let Some(upload) = &mut self.upload {
            // A final response is the server's word, too: with it the wait for 100 is over, and whoever refuses says so by
            // resetting the stream.
            if upload.is_withheld && !head.status.is_success() {
                self.untouched = self.upload.take().and_then(|upload| upload.into_untouched());
            } else {
                upload.is_withheld = false;
            }
        }
        self.shared.has_served.store(true, Ordering::Release);
        Ok((head.status, head.headers))
    }

    fn take_trailer_section(&mut self, fields: Option<HeaderMap>) -> Result<Option<Bytes>, Failure> {
        let limits = &self.shared.limits;
        if let Some(fields) = &fields {
            if fields.len() > limits.max_trailers {
                return Err(broken(PeerError::TooManyTrailers { limit: limits.max_trailers }));
            }
            if size(fields, 4) > limits.max_trailer_size {
                return Err(broken(PeerError::TrailersTooLarge { limit: limits.max_trailer_size }));
            }
        }
        let fields = fields.filter(|fields| !fields.is_empty());
        self.complete(fields.as_ref().map(Fields::from_header_map));
        Ok(None)
    }

    /// The stream has ended otherwise than by the end of the response. One that has all of its declared length is complete
    /// all the same.
    fn ended(&mut self, e: h2::Error) -> Result<Option<Bytes>, Failure> {
        if self.received.expected == Some(self.received.content) {
            self.complete(None);
            return Ok(None);
        }
        Err(self.failed(e))
    }

    fn complete(&mut self, trailers: Option<Fields>) {
        self.trailers = trailers;
        self.upload = None;
        self.state = State::Complete;
    }

    fn fail(&mut self) {
        if let Some(upload) = self.upload.take() {
            self.untouched = upload.into_untouched();
        }
        self.state = State::Failed;
    }

    fn failed(&mut self, e: h2::Error) -> Failure {
        if !self.received.is_any() {
            self.refused = refusal(&e);
            self.is_malformed = e.is_reset() && e.is_library();
        }
        failure(e, &self.shared, &self.received)
    }

    fn timed_out(&mut self, expired: Expired) -> Failure {
        self.in_silence = self.is_in_silence();
        Failure::Timeout(expired, None)
    }

    /// Whether the peer was waited for in vain for a while, and nothing came on the whole connection.
    fn is_in_silence(&self) -> bool {
        let waits = &[Phase::Send, Phase::ReceiveHead, Phase::ReceiveContent];
        let of_peer = self.timer.silence(waits).is_some_and(|silence| silence >= SILENCE);
        of_peer && self.shared.silence(self.timer.now()) >= SILENCE
    }

    /// Whether content waits for the server's word.
    fn is_withheld(&self) -> bool {
        self.upload.as_ref().is_some_and(|upload| upload.is_withheld)
    }

    fn release_content(&mut self) {
        self.timer.leave(Phase::Continue);
        if let Some(upload) = &mut self.upload {
            upload.is_withheld = false;
        }
    }

    /// Something came for this stream.
    fn progress(&mut self, phase: Phase) {
        self.timer.progress(phase);
    }

    /// Whether the transport has taken the head.
    fn is_sent(&self) -> bool {
        self.shared.watch.has_sent(self.id)
    }

    /// Says what is being waited for. `receiving` is the phase of the reading side.
    ///
    /// Nobody tells when the transport takes the head. Both phases run until it is looked for: what expires first is judged
    /// by what is true then.
    fn note_phases(&mut self, receiving: Phase, waits_for_peer: bool) {
        let is_withheld = self.is_withheld();
        let sends = waits_for_peer || !self.is_sent();
        let receives = receiving == Phase::ReceiveContent || self.upload.is_none();
        for (phase, on) in [(Phase::Send, sends), (Phase::Continue, is_withheld), (receiving, receives)] {
            if on { self.timer.enter(phase) } else { self.timer.leave(phase) }
        }
    }

    /// Leaves the connection.
    pub(crate) fn end(self: Box<Self>) -> Aftermath {
        let mut this = self;
        let shared = Arc::clone(&this.shared);
        // Whoever has deadlines of his own drops a request instead of letting it time out.
        let is_given_up = matches!(this.state, State::Waiting(_) | State::Reading(_));
        if this.in_silence || is_given_up && this.is_in_silence() {
            shared.suspect();
        }
        shared.forget_waiter(this.waits.take());
        if let State::Complete = this.state {
            // Nothing else ends in the poll of a request that needs its timer no more.
            shared.keep_sleep(&mut this.timer);
        }
        drop(this);
        match shared.capacity() {
            Capacity::Streams(_) => Aftermath::Unchanged,
            _ => Aftermath::Changed,
        }
    }
}

//! One stream: a request, and what the service makes of it.

use std::future::{pending, poll_fn};
use std::sync::{Arc, Mutex};

use bytes::{Bytes, BytesMut};
use h2::server::SendResponse;
use h2::{RecvStream, SendStream};
use http::header::{CONNECTION, CONTENT_LENGTH};
use http::{Method, Response, StatusCode};

use super::control::H2Link;
use super::gate::Cut;
use super::host::{Host, lock};
use crate::server::{Part, Service, SimRequest, SimResponse};

/// INTERNAL_ERROR (RFC 9113 §7).
const INTERNAL_ERROR: u32 = 0x2;

/// A stream that was opened.
pub(super) struct Exchange {
    pub(super) link: H2Link,
    pub(super) host: Arc<dyn Host>,
    pub(super) service: Arc<Mutex<dyn Service>>,
    pub(super) stream: u32,
    pub(super) request: SimRequest,
    pub(super) content: RecvStream,
    pub(super) respond: SendResponse<Bytes>,
    /// Field sections that were sent.
    pub(super) heads: usize,
}

/// The stream is over, or the connection.
struct Over;

impl Exchange {
    /// Up to the end of the stream.
    pub(super) async fn run(mut self) {
        // There is nothing to do about a stream that is over.
        let _ = self.exchange().await;
    }

    async fn exchange(&mut self) -> Result<(), Over> {
        let head = self.request.clone();
        if let Some(early) = self.ask(|service| service.respond_early(&head))? {
            self.answer(early).await?;
            while self.chunk().await?.is_some() {}
            return Ok(());
        }
        if is_expectant(&self.request) {
            self.interim(StatusCode::CONTINUE)?;
        }
        let mut content = BytesMut::new();
        while let Some(octets) = self.chunk().await? {
            content.extend_from_slice(&octets);
        }
        let trailers = self.content.trailers().await.map_err(|_| Over)?;
        let mut request = self.request.clone();
        request.content = content.freeze();
        request.trailers = trailers.unwrap_or_default();
        match self.ask(|service| Some(service.respond(request)))? {
            Some(response) => self.answer(response).await,
            None => Ok(()),
        }
    }

    /// Asks the service, unless the stream is none of its business any more.
    fn ask(
        &self,
        question: impl FnOnce(&mut dyn Service) -> Option<SimResponse>,
    ) -> Result<Option<SimResponse>, Over> {
        let may = self.link.with(|state| {
            let may = state.gate.ledger.claim(self.stream);
            state.asking += usize::from(may);
            may
        });
        if !may {
            return Err(Over);
        }
        let response = question(&mut *lock(&self.service));
        let is_processing = response.as_ref().is_some_and(SimResponse::is_processing);
        if is_processing {
            self.host.processed(self.stream);
        }
        self.link.with(|state| {
            state.asking -= 1;
            if is_processing {
                state.gate.processed();
            } else {
                state.gate.ledger.unclaim(self.stream);
            }
        });
        Ok(response)
    }

    /// Content of the request.
    async fn chunk(&mut self) -> Result<Option<Bytes>, Over> {
        let octets = self.content.data().await.transpose().map_err(|_| Over)?;
        if let Some(octets) = &octets {
            self.content.flow_control().release_capacity(octets.len()).map_err(|_| Over)?;
        }
        Ok(octets)
    }

    async fn answer(&mut self, mut response: SimResponse) -> Result<(), Over> {
        if let Some(mistake) = response.mistake.take() {
            return self.complain(&mistake);
        }
        if response.is_for_http1() {
            return self.complain("HTTP/2 does not end its connections by responses");
        }
        if response.is_silent {
            pending::<()>().await;
        }
        if !response.delay.is_zero() {
            self.host.sleep(response.delay).await;
        }
        for status in std::mem::take(&mut response.interim) {
            self.interim(status)?;
        }
        if let Some((None, code)) = response.reset {
            self.link.with(|state| state.gate.reset_stream(self.stream, code));
            return Err(Over);
        }
        self.respond(response).await
    }

    fn interim(&mut self, status: StatusCode) -> Result<(), Over> {
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return self.complain(&format!("{status} is no interim response of HTTP/2"));
        }
        let mut interim = Response::new(());
        *interim.status_mut() = status;
        let sent = self.respond.send_informational(interim);
        self.heads += 1;
        self.check(sent)
    }

    async fn respond(&mut self, response: SimResponse) -> Result<(), Over> {
        let len = response.len();
        let status = response.status;
        let is_empty = status == StatusCode::NO_CONTENT || status == StatusCode::NOT_MODIFIED;
        if is_empty && len > 0 {
            return self.complain(&format!("{status} has no content"));
        }
        let has_content = self.request.method != "HEAD" && !is_empty;
        let mut head = Response::new(());
        *head.status_mut() = status;
        *head.headers_mut() = response.headers;
        let closes = head.headers_mut().remove(CONNECTION).is_some_and(|value| value == "close");
        if !response.chunked && !is_empty && self.request.method != Method::CONNECT.as_str() {
            head.headers_mut().entry(CONTENT_LENGTH).or_insert_with(|| len.into());
        }
        let cut_at = response.reset.and_then(|(octets, _)| octets).filter(|at| *at < len);
        if let Some((Some(_), code)) = response.reset {
            let cut = Cut { heads: self.heads + 1, octets: cut_at, code };
            self.link.with(|state| state.gate.cut(self.stream, cut));
        }
        // Nothing but a break may stand between the head and the end.
        let at_once = response.trailers.is_empty() && cut_at.is_none();
        let ends = at_once && (!has_content || response.parts.is_empty());
        let sent = self.respond.send_response(head, ends);
        let sent = self.check(sent)?;
        if closes {
            self.link.with(|state| state.gate.go_away(state.gate.ledger.highest_claimed(), 0));
        }
        if ends {
            return Ok(());
        }
        let parts = if has_content { response.parts } else { Vec::new() };
        let mut body = Content { stream: sent, left: cut_at.unwrap_or(u64::MAX), ended: false };
        let last = parts.len();
        for (nth, part) in parts.into_iter().enumerate() {
            match part {
                Part::Piece(octets) => body.send(octets, at_once && nth + 1 == last).await?,
                Part::Pause(span) if !span.is_zero() && body.left > 0 => self.host.sleep(span).await,
                Part::Pause(_) => {}
                Part::Stall if body.left > 0 => pending().await,
                Part::Stall => {}
            }
        }
        if cut_at.is_some() {
            // The gate ends the stream when all of this has gone out.
            pending::<()>().await;
        }
        if !response.trailers.is_empty() {
            let sent = body.stream.send_trailers(response.trailers);
            return self.check(sent);
        }
        if body.ended { Ok(()) } else { body.end() }
    }

    /// What the machine does not send is the fault of the service, unless the stream is gone.
    fn check<T>(&self, sent: Result<T, h2::Error>) -> Result<T, Over> {
        sent.or_else(|e| {
            let is_open = self.link.with(|state| state.gate.ledger.is_open(self.stream));
            if is_open && !(e.is_io() || e.is_go_away() || e.is_reset()) {
                return self.complain(&e.to_string());
            }
            Err(Over)
        })
    }

    fn complain<T>(&self, what: &str) -> Result<T, Over> {
        self.host.complain(what);
        self.link.with(|state| state.gate.reset_stream(self.stream, INTERNAL_ERROR));
        Err(Over)
    }
}

/// The content of a response on its way.
struct Content {
    stream: SendStream<Bytes>,
    /// Octets before it is cut off.
    left: u64,
    ended: bool,
}

impl Content {
    /// Sends octets as the client's windows allow.
    async fn send(&mut self, octets: Bytes, is_last: bool) -> Result<(), Over> {
        let most = usize::try_from(self.left).unwrap_or(usize::MAX);
        let mut octets = octets.slice(..octets.len().min(most));
        self.left -= octets.len() as u64;
        while !octets.is_empty() {
            self.stream.reserve_capacity(octets.len());
            let granted = poll_fn(|cx| self.stream.poll_capacity(cx)).await;
            let n = granted.and_then(Result::ok).ok_or(Over)?.min(octets.len());
            let piece = octets.split_to(n);
            if n > 0 {
                self.ended = is_last && octets.is_empty();
                self.stream.send_data(piece, self.ended).map_err(|_| Over)?;
            }
        }
        Ok(())
    }

    fn end(&mut self) -> Result<(), Over> {
        self.stream.send_data(Bytes::new(), true).map_err(|_| Over)
    }
}

fn is_expectant(request: &SimRequest) -> bool {
    let expected = request.headers.get("expect");
    expected.is_some_and(|value| value.as_bytes().eq_ignore_ascii_case(b"100-continue"))
}

//! The client's end of a connection.

use bytes::Bytes;
use http::{HeaderMap, Method};

use crate::close_reason::CloseReason;
use crate::delivery::Delivery;
use crate::error::{Closed, Ending, Error, Misuse, PeerError};
use crate::framing::body::BodyStep;
use crate::framing::trailers::TrailerLines;
use crate::h1::asked::{Asked, Meaning};
use crate::h1::cycle::{Cycle, Disposition, Half};
use crate::h1::event::{ClientEvent, Item, Received, Recv, WaitingOn};
use crate::h1::reader::{HeadNotes, Reader};
use crate::h1::request_head::{RequestContent, RequestHead};
use crate::h1::transmit::Transmit;
use crate::h1::writer::Writer;
use crate::limits::Limits;
use crate::syntax::start_line;
use crate::syntax::{Fields, HeadSpans, ResponseHead};

/// The client's end of one HTTP/1.1 connection: a pure machine, without IO, clock or wakers.
///
/// # Inputs
///
/// Commands (`send_*`, [`abandon_content`](Self::abandon_content),
/// [`stop_awaiting_continue`](Self::stop_awaiting_continue), [`start_next_exchange`](Self::start_next_exchange));
/// octets of the peer ([`recv`](Self::recv)); and what happened to the transport (`handle_*`).
///
/// # Outputs
///
/// Octets to write ([`transmit`](Self::transmit)), what the peer sent (the answers of `recv`), and what may be done
/// now ([`disposition`](Self::disposition), [`waiting_on`](Self::waiting_on), [`delivery`](Self::delivery)).
///
/// # Time
///
/// None. The driver decides how long it waits; for 100 (Continue) it says so with `stop_awaiting_continue`.
///
/// # Errors
///
/// [`Error::Closed`] and [`Error::Peer`] are sticky: `recv` repeats them and commands answer
/// [`Misuse::Finished`]. [`Misuse`] of a command changes nothing, and nothing of it reaches the wire.
///
/// # Invariants
///
/// The answers do not depend on how the input is cut. `Reusable` is given at a message boundary on both sides only.
/// No order of calls panics. Memory held for the peer's octets does not grow with them: they stay with the caller.
#[derive(Clone, Debug)]
pub struct ClientConn {
    limits: Limits,
    cycle: Cycle,
    reader: Reader,
    writer: Writer,
    asked: Asked,
    interim: usize,
    answered: bool,
    error: Option<Error>,
}

impl ClientConn {
    /// A machine for a new connection.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            cycle: Cycle::new(),
            reader: Reader::new(),
            writer: Writer::new(),
            asked: Asked::default(),
            interim: 0,
            answered: false,
            error: None,
        }
    }

    /// Begins an exchange. The head is in [`transmit`](Self::transmit) afterwards, and content is to follow unless
    /// it was announced as none.
    ///
    /// Host comes first, then `fields`, then `block`, then what the framing needs. `Connection: upgrade` and
    /// `Connection: TE` are added where Upgrade or TE stand without them (RFC 9110 §7.8, §10.1.4).
    ///
    /// # Errors
    ///
    /// [`Misuse`] for a head that must not be sent, or while another exchange is under way. Not one octet of a
    /// refused head reaches the wire.
    pub fn send_request(&mut self, head: RequestHead<'_>, content: RequestContent) -> Result<(), Misuse> {
        if self.error.is_some() || (self.cycle.request() == Half::Idle && self.cycle.close_reason().is_some())
        {
            return Err(Misuse::Finished);
        }
        if self.cycle.request() != Half::Idle {
            return Err(Misuse::OutOfTurn);
        }
        let written = head.write(content, self.writer.head_buffer())?;
        self.writer.begin_content(written.sending, written.holds_content_back);
        self.asked = Asked {
            head: *head.method == Method::HEAD,
            connect: *head.method == Method::CONNECT,
            offer: written.offer,
        };
        self.interim = 0;
        self.answered = false;
        self.cycle.begin_request();
        if let Some(why) = written.connection.ends(head.version, CloseReason::WeSaidClose) {
            self.cycle.will_close(why);
        }
        Ok(())
    }

    /// Hands over a piece of content. It goes out as one chunk, or as it is where a length was declared. An empty
    /// piece is nothing.
    ///
    /// # Errors
    ///
    /// [`Misuse::Backpressure`] before the last piece is transmitted; [`Misuse::ContentTooLong`] for more than was
    /// declared; [`Misuse::OutOfTurn`] when no content is due; [`Misuse::Finished`] when it can no longer be sent.
    pub fn send_data(&mut self, data: Bytes) -> Result<(), Misuse> {
        self.check_content()?;
        self.writer.send_data(data)
    }

    /// Hands over the last piece of content, which may be empty, and ends it: data and terminator leave in one
    /// write. Where nothing is owed any more, an empty piece is taken and means nothing.
    ///
    /// # Errors
    ///
    /// As [`send_data`](Self::send_data), and [`Misuse::ContentTooShort`] for less than was declared.
    pub fn send_last_data(&mut self, data: Bytes) -> Result<(), Misuse> {
        if self.owes_nothing() && data.is_empty() {
            return Ok(());
        }
        self.check_content()?;
        self.writer.send_last_data(data)?;
        if self.writer.is_complete() {
            // The declared length was out before the end was told: nothing is left for the transport to take.
            self.cycle.end_request();
        }
        Ok(())
    }

    /// Ends chunked content with a trailer section (RFC 9112 §7.1.2).
    ///
    /// # Errors
    ///
    /// [`Misuse::TrailersNotAllowed`] if the content is not chunked, or for a field that must not be a trailer
    /// (RFC 9110 §6.5.1).
    pub fn send_trailers(&mut self, fields: &HeaderMap) -> Result<(), Misuse> {
        if self.owes_nothing() {
            return Err(Misuse::TrailersNotAllowed);
        }
        self.check_content()?;
        self.writer.send_trailers(fields)
    }

    /// The time to wait for 100 (Continue) is over: content goes out without it. A 100 that comes later is reported
    /// like any other.
    pub fn stop_awaiting_continue(&mut self) {
        self.writer.release();
    }

    /// Gives up sending content, for instance after an early final response (RFC 9112 §9.5). The response can still
    /// be read; the connection must be closed afterwards. Without content under way it does nothing.
    pub fn abandon_content(&mut self) {
        if self.cycle.request() == Half::Content && self.writer.has_content() {
            self.writer.abandon_content();
            self.cycle.break_request(CloseReason::ContentAbandoned);
        }
    }

    /// Makes a `Reusable` connection ready for the next request.
    ///
    /// # Errors
    ///
    /// [`Misuse::OutOfTurn`] while an exchange is under way; [`Misuse::Finished`] if the connection must be closed
    /// or was switched.
    pub fn start_next_exchange(&mut self) -> Result<(), Misuse> {
        match self.disposition() {
            Disposition::Reusable => {
                self.cycle.start_next();
                self.writer.rest();
                self.asked = Asked::default();
                self.answered = false;
                Ok(())
            }
            Disposition::InProgress | Disposition::Drain { .. } => Err(Misuse::OutOfTurn),
            Disposition::Switched | Disposition::Close(_) => Err(Misuse::Finished),
        }
    }

    /// Reads on in the peer's octets.
    ///
    /// Show all octets that came and are not consumed yet, in order; an empty input is fine and asks what is left
    /// to say. Call it again with the rest until it answers [`Item::NeedInput`] or [`Item::Paused`]. Nothing is
    /// copied: items speak in ranges of what was shown.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] once the octets before the end of the stream are used up and more were due;
    /// [`Error::Peer`] where the peer broke the protocol or a limit. Both stay.
    pub fn recv(&mut self, input: &[u8]) -> Result<Received, Error> {
        if let Some(e) = &self.error {
            return Err(e.clone());
        }
        let received = match self.cycle.response() {
            Half::Head => self.recv_head(input),
            Half::Content => self.recv_body(input),
            Half::Idle | Half::Done | Half::Broken => self.recv_nothing(input),
        };
        received.map_err(|e| self.fail(e))
    }

    /// The same with owned octets: a thin layer over [`recv`](Self::recv) for those who hold `Bytes`.
    ///
    /// What is consumed is split off `input`. After [`Recv::NeedInput`] the next octets must be put behind what is
    /// left in it.
    ///
    /// # Errors
    ///
    /// As `recv`.
    pub fn recv_bytes(&mut self, input: &mut Bytes) -> Result<Recv<ClientEvent>, Error> {
        let Received { consumed, item } = self.recv(input)?;
        let octets = input.split_to(consumed.min(input.len()));
        Ok(Recv::Event(match item {
            Item::NeedInput => return Ok(Recv::NeedInput),
            Item::Paused => return Ok(Recv::Paused),
            Item::Continue => ClientEvent::Continue,
            Item::Interim(spans) => ClientEvent::Interim(ResponseHead::from_shared(octets, spans)),
            Item::Response(spans) => ClientEvent::Response(ResponseHead::from_shared(octets, spans)),
            Item::Data(range) => ClientEvent::Data(octets.slice(range)),
            Item::Trailers(spans) => ClientEvent::Trailers(Fields::from_shared(octets, spans)),
            Item::End => ClientEvent::End,
            Item::Closed => ClientEvent::Closed,
        }))
    }

    /// After [`Item::NeedInput`] with nothing left unconsumed: so many octets that come next are content and
    /// nothing else, so they may be read straight into the application's buffer. `u64::MAX` means up to the end of
    /// the connection.
    pub fn recv_passthrough(&self) -> Option<u64> {
        let open = self.cycle.response() == Half::Content;
        Some(self.reader.passthrough()).filter(|&n| open && n > 0)
    }

    /// So many octets of content were read past the machine.
    ///
    /// # Errors
    ///
    /// [`Misuse::PassthroughTooLong`] for more than [`recv_passthrough`](Self::recv_passthrough) allows.
    pub fn handle_passthrough(&mut self, n: u64) -> Result<(), Misuse> {
        if n == 0 {
            return Ok(());
        }
        match self.recv_passthrough() {
            Some(most) if n <= most => {
                self.reader.handle_passthrough(n);
                Ok(())
            }
            _ => Err(Misuse::PassthroughTooLong),
        }
    }

    /// The peer's side of the stream ended in order, behind the octets that were or will now be shown.
    pub fn handle_eof(&mut self) {
        self.reader.handle_end(Ending::Fin);
        self.cycle.will_close(CloseReason::PeerClosed);
    }

    /// The stream broke: a reset, or an end that TLS does not vouch for. Octets that came before may still be shown.
    pub fn handle_reset(&mut self) {
        self.reader.handle_end(Ending::Reset);
        self.writer.fail();
        self.cycle.break_request(CloseReason::Reset);
    }

    /// The transport takes no more octets. A response may still come, so go on reading: it wins.
    pub fn handle_write_error(&mut self) {
        if !self.writer.is_complete() {
            self.writer.fail();
        }
        self.cycle.break_request(CloseReason::WriteFailed);
    }

    /// The octets to write now.
    pub fn transmit(&mut self) -> Transmit<'_> {
        Transmit::new(&mut self.writer, &mut self.cycle, Cycle::end_request)
    }

    /// What may be done with the connection now.
    pub fn disposition(&self) -> Disposition {
        match &self.error {
            Some(Error::Closed(closed)) if closed.by() == Ending::Fin => {
                return Disposition::Close(CloseReason::PeerClosed);
            }
            Some(Error::Closed(_)) => return Disposition::Close(CloseReason::Reset),
            Some(_) => return Disposition::Close(CloseReason::PeerError),
            None => {}
        }
        let only_content_left = self.cycle.request() == Half::Done
            && self.cycle.response() == Half::Content
            && self.cycle.close_reason().is_none();
        match self.cycle.disposition() {
            Disposition::InProgress if only_content_left => {
                Disposition::Drain { at_most: self.reader.content_left() }
            }
            disposition => disposition,
        }
    }

    /// Whose move it is.
    pub fn waiting_on(&self) -> WaitingOn {
        if self.error.is_some() {
            WaitingOn::Nothing
        } else if self.writer.remaining() > 0 {
            WaitingOn::PeerToRead
        } else if self.writer.is_withheld() {
            WaitingOn::PeerToContinue
        } else if self.writer.wants_content() {
            WaitingOn::Application
        } else {
            match (self.cycle.response(), self.disposition()) {
                (Half::Head | Half::Content, _) => WaitingOn::PeerToSend,
                (_, Disposition::Reusable) => WaitingOn::Application,
                _ => WaitingOn::Nothing,
            }
        }
    }

    /// What the peer can have seen of the present request, or of the last one.
    pub fn delivery(&self) -> Delivery {
        if self.answered {
            Delivery::Answered
        } else if self.cycle.request() != Half::Idle && self.writer.was_head_sent() {
            Delivery::Unknown
        } else {
            Delivery::NotSent
        }
    }

    /// Whether content is due and a piece of it would be taken now.
    pub fn wants_data(&self) -> bool {
        self.writer.takes_content()
    }

    /// Whether content is held back until 100 (Continue) comes or
    /// [`stop_awaiting_continue`](Self::stop_awaiting_continue) is called.
    pub fn is_awaiting_continue(&self) -> bool {
        self.writer.is_withheld()
    }

    /// Whether the present request is handed over and transmitted to its last octet.
    pub fn is_request_sent(&self) -> bool {
        self.cycle.request() == Half::Done
    }

    /// Why the connection will not serve another exchange, as soon as that is known. While an exchange is under way
    /// it can still be finished.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.cycle.close_reason()
    }

    fn recv_head(&mut self, input: &[u8]) -> Result<Received, Error> {
        self.answered |= !input.is_empty();
        let limits = &self.limits;
        let parse = |input: &[u8], notes: &mut HeadNotes| start_line::response(input, limits, notes);
        let check = start_line::check_response_start;
        let parsed = if input.is_empty() { None } else { self.reader.head(input, limits, check, parse)? };
        let Some((head, notes)) = parsed else {
            return match self.reader.ended() {
                None => Ok(Received { consumed: 0, item: Item::NeedInput }),
                Some(by) if input.is_empty() => {
                    Err(Closed::BeforeResponse { interim: self.interim > 0, by }.into())
                }
                Some(by) => Err(Closed::InHead { received: input.len() as u64, by }.into()),
            };
        };
        let meaning = self.asked.meaning_of(input, &head, &notes)?;
        let consumed = head.len;
        let item = match meaning {
            Meaning::Interim => self.interim(head)?,
            Meaning::Switch => {
                // An upgrade is agreed on without the content, which still has to go out before it takes effect.
                self.writer.release();
                self.cycle.agree_to_switch();
                Item::Response(head)
            }
            Meaning::Final { framing, close } => {
                if let Some(why) = close {
                    self.cycle.will_close(why);
                }
                if self.writer.is_withheld() {
                    // The server has decided without the content: it is not sent, so the connection cannot go on.
                    self.abandon_content();
                }
                self.reader.begin_body(framing, TrailerLines::Lenient);
                self.cycle.begin_response();
                Item::Response(head)
            }
        };
        Ok(Received { consumed, item })
    }

    fn interim(&mut self, head: HeadSpans) -> Result<Item, PeerError> {
        self.interim += 1;
        if self.interim > self.limits.max_interim {
            return Err(PeerError::TooManyInterim { limit: self.limits.max_interim });
        }
        if head.status == 100 {
            self.writer.release();
            return Ok(Item::Continue);
        }
        Ok(Item::Interim(head))
    }

    #[inline]
    fn recv_body(&mut self, input: &[u8]) -> Result<Received, Error> {
        let (consumed, step) = self.reader.body(input, &self.limits)?;
        let item = match step {
            BodyStep::NeedInput => Item::NeedInput,
            BodyStep::Data(range) => Item::Data(range),
            BodyStep::Trailers(fields) => Item::Trailers(fields),
            BodyStep::End => {
                self.cycle.end_response();
                Item::End
            }
        };
        Ok(Received { consumed, item })
    }

    /// No response is due.
    fn recv_nothing(&mut self, input: &[u8]) -> Result<Received, Error> {
        let between_exchanges = self.cycle.response() == Half::Idle;
        let item = match self.reader.ended() {
            _ if self.cycle.is_switching() => Item::Paused,
            _ if !input.is_empty() && between_exchanges => return Err(PeerError::UnexpectedData.into()),
            _ if !input.is_empty() => {
                self.cycle.will_close(CloseReason::SurplusData);
                Item::Paused
            }
            Some(_) => Item::Closed,
            None if between_exchanges => Item::NeedInput,
            None => Item::Paused,
        };
        Ok(Received { consumed: 0, item })
    }

    fn fail(&mut self, e: Error) -> Error {
        self.cycle.break_response(CloseReason::PeerError);
        self.cycle.break_request(CloseReason::PeerError);
        self.writer.fail();
        self.error = Some(e.clone());
        e
    }

    /// Whether a request is begun and its content, if it has any, is handed over.
    fn owes_nothing(&self) -> bool {
        self.error.is_none()
            && matches!(self.cycle.request(), Half::Content | Half::Done)
            && !self.writer.wants_content()
    }

    fn check_content(&self) -> Result<(), Misuse> {
        if self.error.is_some() || self.cycle.request() == Half::Broken {
            return Err(Misuse::Finished);
        }
        if self.writer.wants_content() { Ok(()) } else { Err(Misuse::OutOfTurn) }
    }
}

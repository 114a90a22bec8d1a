//! The server's end of a connection.

use bytes::Bytes;
use http::{HeaderMap, StatusCode, Version, header};

use crate::close_reason::CloseReason;
use crate::error::{Closed, Ending, Error, Misuse, PeerError};
use crate::framing::announce::{Announced, Extra, Sending, announce};
use crate::framing::body::BodyStep;
use crate::framing::decide::Framing;
use crate::framing::trailers::TrailerLines;
use crate::h1::cycle::{Cycle, Disposition, Half};
use crate::h1::event::{Recv, ServerEvent, ServerItem, ServerReceived, WaitingOn};
use crate::h1::persistence::ConnectionOptions;
use crate::h1::reader::{HeadNotes, Reader};
use crate::h1::transmit::Transmit;
use crate::h1::writer::Writer;
use crate::limits::Limits;
use crate::syntax::target::check_received;
use crate::syntax::token::is_all_text;
use crate::syntax::write::{write_content_length, write_field, write_status_line};
use crate::syntax::{Fields, ReceivedRequest, RequestSpans, start_line};

/// The server's end of one HTTP/1.1 connection: the machine of [`ClientConn`](super::ClientConn) with the roles
/// turned round. It is the peer in simulations, and of use to those who embed the core.
///
/// # Inputs
///
/// Commands (`send_*`, [`start_next_exchange`](Self::start_next_exchange)), octets of the client
/// ([`recv`](Self::recv)), and what happened to the transport (`handle_*`).
///
/// # Outputs
///
/// Octets to write ([`transmit`](Self::transmit)), what the client sent (the answers of `recv`), and what may be done
/// now ([`disposition`](Self::disposition), [`waiting_on`](Self::waiting_on)).
///
/// # Time
///
/// None.
///
/// # Errors
///
/// As with the client's machine. After [`Error::Peer`] no response can be sent through the machine: an embedder that
/// wants to answer 400 writes it by hand and closes.
///
/// # Invariants
///
/// As with the client's machine.
#[derive(Clone, Debug)]
pub struct ServerConn {
    limits: Limits,
    cycle: Cycle,
    reader: Reader,
    writer: Writer,
    asked: Asked,
    error: Option<Error>,
}

/// What of the request decides how it may be answered.
#[derive(Clone, Copy, Debug)]
struct Asked {
    head: bool,
    connect: bool,
    upgrade: bool,
    version: Version,
    keep_alive: bool,
    expects_continue: bool,
}

impl Default for Asked {
    fn default() -> Self {
        Self {
            head: false,
            connect: false,
            upgrade: false,
            version: Version::HTTP_11,
            keep_alive: false,
            expects_continue: false,
        }
    }
}

/// The content of a response, as it is announced.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ResponseContent {
    /// None: `Content-Length: 0`, unless the method or status says as much.
    None,
    /// So many octets. For HEAD the length is announced and nothing is to follow.
    Sized(u64),
    /// As many as will come: in chunks, and to an HTTP/1.0 client up to the end of the connection.
    Chunked,
}

impl ServerConn {
    /// A machine for a new connection.
    pub fn new(limits: Limits) -> Self {
        Self {
            limits,
            cycle: Cycle::new(),
            reader: Reader::new(),
            writer: Writer::new(),
            asked: Asked::default(),
            error: None,
        }
    }

    /// Reads on in the client's octets, as [`ClientConn::recv`](super::ClientConn::recv) does in the server's.
    ///
    /// # Errors
    ///
    /// [`Error::Closed`] for an end of the stream inside a request; [`Error::Peer`] where the client broke the
    /// protocol or a limit. Both stay.
    pub fn recv(&mut self, input: &[u8]) -> Result<ServerReceived, Error> {
        if let Some(e) = &self.error {
            return Err(e.clone());
        }
        let received = match self.cycle.request() {
            Half::Idle => self.recv_head(input),
            Half::Content => self.recv_body(input),
            Half::Head | Half::Done | Half::Broken => {
                let closed = self.reader.ended().is_some() && input.is_empty() && !self.cycle.is_switching();
                let item = if closed { ServerItem::Closed } else { ServerItem::Paused };
                Ok(ServerReceived { consumed: 0, item })
            }
        };
        received.map_err(|e| self.fail(e))
    }

    /// The same with owned octets. What is consumed is split off `input`; after [`Recv::NeedInput`] the next octets
    /// must be put behind what is left in it.
    ///
    /// # Errors
    ///
    /// As `recv`.
    pub fn recv_bytes(&mut self, input: &mut Bytes) -> Result<Recv<ServerEvent>, Error> {
        let ServerReceived { consumed, item } = self.recv(input)?;
        let octets = input.split_to(consumed.min(input.len()));
        Ok(Recv::Event(match item {
            ServerItem::NeedInput => return Ok(Recv::NeedInput),
            ServerItem::Paused => return Ok(Recv::Paused),
            ServerItem::Request(spans) => ServerEvent::Request(ReceivedRequest::from_shared(octets, spans)),
            ServerItem::Data(range) => ServerEvent::Data(octets.slice(range)),
            ServerItem::Trailers(spans) => ServerEvent::Trailers(Fields::from_shared(octets, spans)),
            ServerItem::End => ServerEvent::End,
            ServerItem::Closed => ServerEvent::Closed,
        }))
    }

    /// Whether the client waits for 100 (Continue) before it sends content (RFC 9110 §10.1.1). Answer with
    /// [`send_interim`](Self::send_interim), or with a final response.
    pub fn expects_continue(&self) -> bool {
        self.asked.expects_continue && self.cycle.response() == Half::Head
    }

    /// Sends an interim response: 100 (Continue), 103 (Early Hints) and so on, but not 101.
    ///
    /// # Errors
    ///
    /// [`Misuse::InvalidStatus`] for another status, [`Misuse::UnsupportedVersion`] to an HTTP/1.0 client (RFC 9110
    /// §15.2), [`Misuse::OutOfTurn`] while no response is due.
    pub fn send_interim(&mut self, status: StatusCode, fields: &HeaderMap) -> Result<(), Misuse> {
        self.check_head()?;
        if !status.is_informational() || status == StatusCode::SWITCHING_PROTOCOLS {
            return Err(Misuse::InvalidStatus);
        }
        if self.asked.version == Version::HTTP_10 {
            return Err(Misuse::UnsupportedVersion);
        }
        check_unframed(fields)?;
        if status == StatusCode::CONTINUE {
            self.asked.expects_continue = false;
        }
        let out = self.writer.head_buffer();
        write_status_line(out, status, reason_of(status));
        for (name, value) in fields {
            write_field(out, name.as_str().as_bytes(), value.as_bytes());
        }
        out.extend_from_slice(b"\r\n");
        Ok(())
    }

    /// Begins the final response. `Connection: close` or `keep-alive` is added where it is due.
    ///
    /// A 101, or a 2xx to CONNECT, hands the connection over: `content` must be none, and
    /// [`disposition`](Self::disposition) is `Switched` once the request was read to its end.
    ///
    /// # Errors
    ///
    /// [`Misuse`] for a head that must not be sent, or while no response is due. Nothing of it reaches the wire.
    pub fn send_response(
        &mut self,
        status: StatusCode,
        reason: Option<&[u8]>,
        fields: &HeaderMap,
        content: ResponseContent,
    ) -> Result<(), Misuse> {
        self.check_head()?;
        let reason = reason.unwrap_or_else(|| reason_of(status));
        if !is_all_text(reason) {
            return Err(Misuse::InvalidReason);
        }
        let switches =
            status == StatusCode::SWITCHING_PROTOCOLS || (self.asked.connect && status.is_success());
        if switches {
            if status == StatusCode::SWITCHING_PROTOCOLS && !self.asked.upgrade {
                return Err(Misuse::InvalidStatus);
            }
        } else if status.is_informational() {
            return Err(Misuse::InvalidStatus);
        }
        if switches || status == StatusCode::NO_CONTENT {
            check_unframed(fields)?;
        }
        let bodiless = switches || matches!(status.as_u16(), 204 | 304);
        if bodiless && content != ResponseContent::None {
            return Err(Misuse::ContentNotAllowed);
        }
        let http10 = self.asked.version == Version::HTTP_10;
        let (sending, extra) =
            if bodiless { (Sending::Ended, Extra::Nothing) } else { self.announce(fields, content, http10)? };

        let mut connection = ConnectionOptions::default();
        for value in fields.get_all(header::CONNECTION) {
            connection.note(value.as_bytes());
        }
        if connection.close {
            self.cycle.will_close(CloseReason::WeSaidClose);
        }
        if sending == Sending::UntilClose {
            self.cycle.will_close(CloseReason::CloseDelimited);
        }
        let closes = self.cycle.close_reason().is_some();
        let out = self.writer.head_buffer();
        write_status_line(out, status, reason);
        for (name, value) in fields {
            write_field(out, name.as_str().as_bytes(), value.as_bytes());
        }
        match extra {
            Extra::Nothing => {}
            Extra::ContentLength(length) => write_content_length(out, length),
            Extra::ChunkedCoding => write_field(out, b"transfer-encoding", b"chunked"),
        }
        if closes && !connection.close && !switches {
            write_field(out, b"connection", b"close");
        } else if http10 && self.asked.keep_alive && !closes && !connection.keep_alive {
            write_field(out, b"connection", b"keep-alive");
        }
        out.extend_from_slice(b"\r\n");
        self.writer.begin_content(if self.asked.head { Sending::Ended } else { sending }, false);
        if switches {
            self.cycle.agree_to_switch();
        } else {
            self.cycle.begin_response();
        }
        Ok(())
    }

    /// Hands over a piece of content; as [`ClientConn::send_data`](super::ClientConn::send_data).
    ///
    /// # Errors
    ///
    /// As there.
    pub fn send_data(&mut self, data: Bytes) -> Result<(), Misuse> {
        self.check_content()?;
        self.writer.send_data(data)
    }

    /// Hands over the last piece of content, which may be empty, and ends it.
    ///
    /// # Errors
    ///
    /// As [`ClientConn::send_last_data`](super::ClientConn::send_last_data).
    pub fn send_last_data(&mut self, data: Bytes) -> Result<(), Misuse> {
        let begun = matches!(self.cycle.response(), Half::Content | Half::Done);
        if begun && self.error.is_none() && !self.writer.wants_content() && data.is_empty() {
            return Ok(());
        }
        self.check_content()?;
        self.writer.send_last_data(data)?;
        if self.writer.is_complete() {
            // All of the content was out before the end was told: nothing is left for the transport to take.
            self.cycle.end_response();
        }
        Ok(())
    }

    /// Ends chunked content with a trailer section.
    ///
    /// # Errors
    ///
    /// As [`ClientConn::send_trailers`](super::ClientConn::send_trailers).
    pub fn send_trailers(&mut self, fields: &HeaderMap) -> Result<(), Misuse> {
        self.check_content()?;
        self.writer.send_trailers(fields)
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
                Ok(())
            }
            Disposition::InProgress | Disposition::Drain { .. } => Err(Misuse::OutOfTurn),
            Disposition::Switched | Disposition::Close(_) => Err(Misuse::Finished),
        }
    }

    /// The client's side of the stream ended in order. A request that came whole can still be answered.
    pub fn handle_eof(&mut self) {
        self.reader.handle_end(Ending::Fin);
        self.cycle.will_close(CloseReason::PeerClosed);
    }

    /// The stream broke. Octets that came before may still be shown.
    pub fn handle_reset(&mut self) {
        self.reader.handle_end(Ending::Reset);
        self.writer.fail();
        self.cycle.break_response(CloseReason::Reset);
    }

    /// The transport takes no more octets.
    pub fn handle_write_error(&mut self) {
        if !self.writer.is_complete() {
            self.writer.fail();
        }
        self.cycle.break_response(CloseReason::WriteFailed);
    }

    /// The octets to write now.
    pub fn transmit(&mut self) -> Transmit<'_> {
        Transmit::new(&mut self.writer, &mut self.cycle, Cycle::end_response)
    }

    /// What may be done with the connection now. `Drain` is not given: a server decides by itself how much of a
    /// request it reads on.
    pub fn disposition(&self) -> Disposition {
        match &self.error {
            Some(Error::Closed(closed)) if closed.by() == Ending::Fin => {
                Disposition::Close(CloseReason::PeerClosed)
            }
            Some(Error::Closed(_)) => Disposition::Close(CloseReason::Reset),
            Some(_) => Disposition::Close(CloseReason::PeerError),
            None if self.cycle.is_switching() && self.writer.remaining() > 0 => Disposition::InProgress,
            None => self.cycle.disposition(),
        }
    }

    /// Whose move it is.
    pub fn waiting_on(&self) -> WaitingOn {
        if self.error.is_some() {
            return WaitingOn::Nothing;
        }
        if self.writer.remaining() > 0 {
            return WaitingOn::PeerToRead;
        }
        match (self.cycle.request(), self.cycle.response()) {
            (_, Half::Content) => WaitingOn::Application,
            (Half::Done, Half::Head) => WaitingOn::Application,
            (Half::Content, Half::Head) if self.asked.expects_continue => WaitingOn::Application,
            (Half::Content, _) => WaitingOn::PeerToSend,
            _ => match self.cycle.disposition() {
                Disposition::Reusable if self.cycle.request() == Half::Idle => WaitingOn::PeerToSend,
                Disposition::Reusable => WaitingOn::Application,
                _ => WaitingOn::Nothing,
            },
        }
    }

    /// Why the connection will not serve another exchange, as soon as that is known.
    pub fn close_reason(&self) -> Option<CloseReason> {
        self.cycle.close_reason()
    }

    fn announce(
        &self,
        fields: &HeaderMap,
        content: ResponseContent,
        http10: bool,
    ) -> Result<(Sending, Extra), Misuse> {
        let announced = match content {
            ResponseContent::None if fields.contains_key(header::CONTENT_LENGTH) && self.asked.head => {
                Announced::Unsized
            }
            ResponseContent::None => Announced::Sized(0),
            ResponseContent::Sized(length) => Announced::Sized(length),
            ResponseContent::Chunked => Announced::Unsized,
        };
        match announce(fields, announced, !http10) {
            Err(Misuse::ContentLengthUnknown) => Ok((Sending::UntilClose, Extra::Nothing)),
            decided => decided,
        }
    }

    fn recv_head(&mut self, input: &[u8]) -> Result<ServerReceived, Error> {
        let limits = &self.limits;
        let parse = |input: &[u8], notes: &mut HeadNotes| start_line::request(input, limits, notes);
        let parsed = self.reader.head(input, limits, start_line::check_request_start, parse)?;
        let Some((head, notes)) = parsed else {
            return match self.reader.ended() {
                None => Ok(ServerReceived { consumed: 0, item: ServerItem::NeedInput }),
                Some(_) if input.is_empty() => Ok(ServerReceived { consumed: 0, item: ServerItem::Closed }),
                Some(by) => Err(Closed::InHead { received: input.len() as u64, by }.into()),
            };
        };
        let framing = self.accept(input, &head, &notes)?;
        self.reader.begin_body(framing, TrailerLines::Strict);
        self.cycle.begin_request();
        Ok(ServerReceived { consumed: head.len, item: ServerItem::Request(head) })
    }

    /// Checks what a server must check before it takes a request, and notes what decides about the answer.
    fn accept(&mut self, input: &[u8], head: &RequestSpans, notes: &HeadNotes) -> Result<Framing, PeerError> {
        let method = head.method(input);
        check_received(method, head.target(input))?;
        let hosts = head.fields.iter(input).filter(|(name, _)| name.eq_ignore_ascii_case(b"host"));
        let required = usize::from(head.version == Version::HTTP_11);
        if notes.hosts > 1
            || notes.hosts < required
            || !hosts.into_iter().all(|(_, host)| crate::syntax::target::is_host(host))
        {
            return Err(PeerError::Host);
        }
        let framing = notes.framing.of_request(head.version)?;
        if let Some(why) = notes.connection.ends(head.version, CloseReason::PeerSaidClose) {
            self.cycle.will_close(why);
        }
        let http11 = head.version == Version::HTTP_11;
        self.asked = Asked {
            head: method == b"HEAD",
            connect: method == b"CONNECT",
            upgrade: http11 && notes.upgrades > 0 && notes.connection.upgrade,
            version: head.version,
            keep_alive: notes.connection.keep_alive,
            expects_continue: http11 && notes.expects_continue && framing != Framing::None,
        };
        Ok(framing)
    }

    fn recv_body(&mut self, input: &[u8]) -> Result<ServerReceived, Error> {
        let (consumed, step) = self.reader.body(input, &self.limits)?;
        if consumed > 0 {
            self.asked.expects_continue = false;
        }
        let item = match step {
            BodyStep::NeedInput => ServerItem::NeedInput,
            BodyStep::Data(range) => ServerItem::Data(range),
            BodyStep::Trailers(fields) => ServerItem::Trailers(fields),
            BodyStep::End => {
                self.cycle.end_request();
                ServerItem::End
            }
        };
        Ok(ServerReceived { consumed, item })
    }

    fn fail(&mut self, e: Error) -> Error {
        self.cycle.break_request(CloseReason::PeerError);
        self.error = Some(e.clone());
        e
    }

    fn check_head(&self) -> Result<(), Misuse> {
        match self.cycle.response() {
            _ if self.error.is_some() => Err(Misuse::Finished),
            Half::Head => Ok(()),
            Half::Broken => Err(Misuse::Finished),
            Half::Idle | Half::Content | Half::Done => Err(Misuse::OutOfTurn),
        }
    }

    fn check_content(&self) -> Result<(), Misuse> {
        match self.cycle.response() {
            _ if self.error.is_some() => Err(Misuse::Finished),
            Half::Content if self.writer.wants_content() => Ok(()),
            Half::Broken => Err(Misuse::Finished),
            Half::Idle | Half::Head | Half::Content | Half::Done => Err(Misuse::OutOfTurn),
        }
    }
}

/// "A server MUST NOT send" Transfer-Encoding or Content-Length with a 1xx, a 204 or a 2xx to CONNECT (RFC 9112 §6.1,
/// RFC 9110 §8.6).
fn check_unframed(fields: &HeaderMap) -> Result<(), Misuse> {
    let framed =
        fields.contains_key(header::CONTENT_LENGTH) || fields.contains_key(header::TRANSFER_ENCODING);
    if framed { Err(Misuse::ContentNotAllowed) } else { Ok(()) }
}

fn reason_of(status: StatusCode) -> &'static [u8] {
    status.canonical_reason().unwrap_or_default().as_bytes()
}

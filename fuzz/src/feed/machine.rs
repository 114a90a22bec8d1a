//! Either end of a connection, as what feeds it sees it.

use bytes::Bytes;
use http::{HeaderMap, Method, StatusCode, Version};
use martlet_core::h1::{
    ClientConn, ClientEvent, Disposition, FieldBlock, Fields, Item, ReceivedRequest, Recv, RequestContent,
    RequestHead, ResponseContent, ResponseHead, ServerConn, ServerEvent, ServerItem, Target, WaitingOn,
};
use martlet_core::{Ending, Error, Misuse};

/// What a machine said; neighbouring pieces of content are one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) enum Seen {
    Continue,
    Interim(ResponseHead),
    Response(ResponseHead),
    Request(ReceivedRequest),
    Data(Vec<u8>),
    Trailers(Vec<(Vec<u8>, Vec<u8>)>),
    End,
    /// Not of the machine's saying: the next exchange was begun here.
    Next,
    Closed,
    Error(Error),
}

/// The answer of one step.
#[derive(Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Said(Seen),
    NeedInput,
    Paused,
}

/// Either end of a connection.
pub(crate) trait Machine: Clone {
    fn step(&mut self, input: &[u8]) -> Result<(usize, Step), Error>;
    fn step_owned(&mut self, input: &mut Bytes) -> Result<Step, Error>;
    fn passthrough(&mut self, most: usize) -> usize;
    fn end(&mut self, by: Ending);
    fn standing(&self) -> (Disposition, WaitingOn, String);
    /// Demands that no command is taken any more.
    fn refuse_all(&mut self);
}

impl Machine for ClientConn {
    fn step(&mut self, input: &[u8]) -> Result<(usize, Step), Error> {
        let received = self.recv(input)?;
        assert!(received.consumed <= input.len(), "consumed more than was shown");
        let shown = &input[..received.consumed];
        let seen = match received.item {
            Item::NeedInput => return Ok((received.consumed, Step::NeedInput)),
            Item::Paused => return Ok((received.consumed, Step::Paused)),
            Item::Continue => Seen::Continue,
            Item::Interim(head) => Seen::Interim(ResponseHead::copy_from(shown, head)),
            Item::Response(head) => Seen::Response(ResponseHead::copy_from(shown, head)),
            Item::Data(range) => Seen::Data(shown[range].to_vec()),
            Item::Trailers(spans) => Seen::Trailers(pairs(&Fields::copy_from(shown, spans))),
            Item::End => Seen::End,
            Item::Closed => Seen::Closed,
        };
        Ok((received.consumed, Step::Said(seen)))
    }

    fn step_owned(&mut self, input: &mut Bytes) -> Result<Step, Error> {
        Ok(Step::Said(match self.recv_bytes(input)? {
            Recv::NeedInput => return Ok(Step::NeedInput),
            Recv::Paused => return Ok(Step::Paused),
            Recv::Event(ClientEvent::Continue) => Seen::Continue,
            Recv::Event(ClientEvent::Interim(head)) => Seen::Interim(head),
            Recv::Event(ClientEvent::Response(head)) => Seen::Response(head),
            Recv::Event(ClientEvent::Data(data)) => Seen::Data(data.to_vec()),
            Recv::Event(ClientEvent::Trailers(fields)) => Seen::Trailers(pairs(&fields)),
            Recv::Event(ClientEvent::End) => Seen::End,
            Recv::Event(ClientEvent::Closed) => Seen::Closed,
        }))
    }

    fn passthrough(&mut self, most: usize) -> usize {
        let allowed = self.recv_passthrough().unwrap_or(0);
        if allowed < u64::MAX {
            assert_eq!(self.clone().handle_passthrough(allowed + 1), Err(Misuse::PassthroughTooLong));
        }
        let n = allowed.min(most as u64);
        assert_eq!(self.handle_passthrough(n), Ok(()));
        n as usize
    }

    fn end(&mut self, by: Ending) {
        match by {
            Ending::Fin => self.handle_eof(),
            Ending::Reset => self.handle_reset(),
        }
    }

    fn standing(&self) -> (Disposition, WaitingOn, String) {
        (self.disposition(), self.waiting_on(), format!("{:?} {:?}", self.delivery(), self.close_reason()))
    }

    fn refuse_all(&mut self) {
        let (fields, block) = (HeaderMap::new(), FieldBlock::empty());
        let head = RequestHead {
            method: &Method::GET,
            target: Target::Origin(b"/"),
            version: Version::HTTP_11,
            host: b"a",
            fields: &fields,
            block: &block,
        };
        let refused = Err(Misuse::Finished);
        assert_eq!(self.send_request(head, RequestContent::None), refused);
        assert_eq!(self.send_data(Bytes::from_static(b"a")), refused);
        assert_eq!(self.send_last_data(Bytes::new()), refused);
        assert_eq!(self.send_trailers(&fields), refused);
        assert_eq!(self.start_next_exchange(), refused);
        assert!(self.transmit().is_empty(), "octets for a connection that has failed");
        assert_eq!(self.recv_passthrough(), None);
        assert!(self.handle_passthrough(1).is_err());
        assert!(!self.wants_data() && !self.is_awaiting_continue());
        self.stop_awaiting_continue();
        self.abandon_content();
        self.handle_write_error();
    }
}

impl Machine for ServerConn {
    fn step(&mut self, input: &[u8]) -> Result<(usize, Step), Error> {
        let received = self.recv(input)?;
        assert!(received.consumed <= input.len(), "consumed more than was shown");
        let shown = &input[..received.consumed];
        let seen = match received.item {
            ServerItem::NeedInput => return Ok((received.consumed, Step::NeedInput)),
            ServerItem::Paused => return Ok((received.consumed, Step::Paused)),
            ServerItem::Request(head) => Seen::Request(ReceivedRequest::copy_from(shown, head)),
            ServerItem::Data(range) => Seen::Data(shown[range].to_vec()),
            ServerItem::Trailers(spans) => Seen::Trailers(pairs(&Fields::copy_from(shown, spans))),
            ServerItem::End => Seen::End,
            ServerItem::Closed => Seen::Closed,
        };
        Ok((received.consumed, Step::Said(seen)))
    }

    fn step_owned(&mut self, input: &mut Bytes) -> Result<Step, Error> {
        Ok(Step::Said(match self.recv_bytes(input)? {
            Recv::NeedInput => return Ok(Step::NeedInput),
            Recv::Paused => return Ok(Step::Paused),
            Recv::Event(ServerEvent::Request(head)) => Seen::Request(head),
            Recv::Event(ServerEvent::Data(data)) => Seen::Data(data.to_vec()),
            Recv::Event(ServerEvent::Trailers(fields)) => Seen::Trailers(pairs(&fields)),
            Recv::Event(ServerEvent::End) => Seen::End,
            Recv::Event(ServerEvent::Closed) => Seen::Closed,
        }))
    }

    fn passthrough(&mut self, _: usize) -> usize {
        0
    }

    fn end(&mut self, by: Ending) {
        match by {
            Ending::Fin => self.handle_eof(),
            Ending::Reset => self.handle_reset(),
        }
    }

    fn standing(&self) -> (Disposition, WaitingOn, String) {
        (self.disposition(), self.waiting_on(), format!("{:?}", self.close_reason()))
    }

    fn refuse_all(&mut self) {
        let (refused, fields) = (Err(Misuse::Finished), HeaderMap::new());
        assert_eq!(self.send_interim(StatusCode::CONTINUE, &fields), refused);
        assert_eq!(self.send_response(StatusCode::OK, None, &fields, ResponseContent::None), refused);
        assert_eq!(self.send_data(Bytes::from_static(b"a")), refused);
        assert_eq!(self.send_last_data(Bytes::new()), refused);
        assert_eq!(self.send_trailers(&fields), refused);
        assert_eq!(self.start_next_exchange(), refused);
        self.handle_write_error();
    }
}

fn pairs(fields: &Fields) -> Vec<(Vec<u8>, Vec<u8>)> {
    fields.iter().map(|(name, value)| (name.to_vec(), value.to_vec())).collect()
}

//! The table that couples the two halves of an exchange. It does not know on which end it stands.

use crate::close_reason::CloseReason;

/// How far one message of the exchange is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Half {
    /// Nothing of it is due.
    Idle,
    /// Its head is awaited.
    Head,
    /// Its head has passed, its content has not.
    Content,
    /// It is complete.
    Done,
    /// It was given up before its end.
    Broken,
}

/// Whether the connection goes over to another protocol.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Switch {
    No,
    /// Agreed. It takes effect when the request is complete: "the client cannot begin using an upgraded protocol
    /// on the connection until it has completely sent the request message" (RFC 9110 §7.8).
    Agreed,
}

/// What may be done with the connection now.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[must_use]
pub enum Disposition {
    /// An exchange is under way. Whoever loses interest in it can only close the connection.
    InProgress,
    /// The same, but only content of the response is left: once it is read, the connection may serve again.
    Drain {
        /// Octets of content still to come, if their number was declared.
        at_most: Option<u64>,
    },
    /// At a message boundary on both sides: the next exchange may begin.
    Reusable,
    /// The connection belongs to another protocol now, with every octet that was not consumed.
    Switched,
    /// The connection must be closed.
    Close(CloseReason),
}

/// Both halves, and what they agreed on for the time after the exchange.
#[derive(Clone, Debug)]
pub(crate) struct Cycle {
    request: Half,
    response: Half,
    close: Option<CloseReason>,
    switch: Switch,
}

impl Cycle {
    pub(crate) fn new() -> Self {
        Self { request: Half::Idle, response: Half::Idle, close: None, switch: Switch::No }
    }

    /// A request begins; its response is due from now on.
    pub(crate) fn begin_request(&mut self) {
        self.request = Half::Content;
        self.response = Half::Head;
    }

    pub(crate) fn end_request(&mut self) {
        if self.request == Half::Content {
            self.request = Half::Done;
        }
    }

    /// The rest of the request will never come.
    pub(crate) fn break_request(&mut self, why: CloseReason) {
        if self.request == Half::Content {
            self.request = Half::Broken;
        }
        self.will_close(why);
    }

    /// The final response begins.
    pub(crate) fn begin_response(&mut self) {
        self.response = Half::Content;
    }

    pub(crate) fn end_response(&mut self) {
        if self.response == Half::Content {
            self.response = Half::Done;
        }
    }

    /// The rest of the response will never come.
    pub(crate) fn break_response(&mut self, why: CloseReason) {
        if matches!(self.response, Half::Head | Half::Content) {
            self.response = Half::Broken;
        }
        self.will_close(why);
    }

    /// The response head agreed to another protocol, and so is the whole response.
    pub(crate) fn agree_to_switch(&mut self) {
        self.response = Half::Done;
        self.switch = Switch::Agreed;
    }

    /// The connection will not serve another exchange. The first reason stays.
    pub(crate) fn will_close(&mut self, why: CloseReason) {
        self.close.get_or_insert(why);
    }

    /// Both halves of the next exchange. Only after `Reusable`.
    pub(crate) fn start_next(&mut self) {
        self.request = Half::Idle;
        self.response = Half::Idle;
    }

    pub(crate) fn request(&self) -> Half {
        self.request
    }

    pub(crate) fn response(&self) -> Half {
        self.response
    }

    pub(crate) fn close_reason(&self) -> Option<CloseReason> {
        self.close
    }

    /// Whether a switch was agreed on, in effect or not.
    pub(crate) fn is_switching(&self) -> bool {
        self.switch == Switch::Agreed
    }

    /// What may be done, as far as the halves tell.
    pub(crate) fn disposition(&self) -> Disposition {
        match (self.request, self.response, self.close) {
            (Half::Done, _, _) if self.is_switching() => Disposition::Switched,
            (Half::Idle, Half::Idle, None) | (Half::Done, Half::Done, None) => Disposition::Reusable,
            (Half::Idle | Half::Done | Half::Broken, Half::Idle | Half::Done | Half::Broken, Some(why)) => {
                Disposition::Close(why)
            }
            _ => Disposition::InProgress,
        }
    }
}

//! What the machines of `martlet-core` see.

use bytes::{Buf, Bytes};
use http::{HeaderMap, Request, StatusCode, Version};
use martlet_core::Limits;
use martlet_core::h1::{
    ClientConn, Disposition, FieldSpans, Item, RequestContent, RequestHead, ResponseContent, ServerConn,
    ServerItem, TargetForm,
};

use super::message::{Message, Role};
use super::outcome::{End, Line, Outcome, Seen};

/// Reads a message as the client or the server of this repository does.
pub fn read(message: &Message) -> Outcome {
    match message.role {
        Role::Client => responses(message),
        Role::Server => requests(&message.octets),
    }
}

fn responses(message: &Message) -> Outcome {
    let mut conn = asked(message);
    let mut outcome = Outcome::nothing();
    let mut seen = Seen::default();
    let (mut at, mut ended) = (0, !message.eof);
    loop {
        let input = &message.octets[at..];
        let received = match conn.recv(input) {
            Ok(received) => received,
            Err(e) => {
                outcome.why = e.to_string();
                let truncated = matches!(e, martlet_core::Error::Closed(_));
                outcome.end = if truncated { End::Waiting } else { End::Refused };
                return outcome;
            }
        };
        match received.item {
            Item::NeedInput if ended => return outcome,
            Item::NeedInput => {
                at += received.consumed;
                ended = true;
                conn.handle_eof();
                continue;
            }
            Item::Paused | Item::Closed => return outcome,
            Item::Continue => outcome.interim.push(100),
            Item::Interim(head) => outcome.interim.push(head.status()),
            Item::Response(head) => {
                seen.start = head.status().to_string().into_bytes();
                seen.version = version_text(head.version());
                seen.fields = lines(input, head.fields());
                if conn.disposition() == Disposition::Switched {
                    seen.ended = Some(at + received.consumed);
                    outcome.end = End::Switched;
                    outcome.messages.push(finished(seen));
                    return outcome;
                }
            }
            Item::Data(range) => seen.content.extend_from_slice(&input[range]),
            Item::Trailers(spans) => seen.trailers = Some(lines(input, &spans)),
            Item::End => {
                at += received.consumed;
                seen.ended = Some(at);
                outcome.messages.push(finished(seen));
                // What is left is shown, so that the machine knows of it; only clients that look here see it.
                let _ = conn.recv(&message.octets[at..]);
                let kept = conn.start_next_exchange().is_ok();
                outcome.end = if kept { End::Kept } else { End::Closed };
                outcome.why = conn.close_reason().map(|why| why.to_string()).unwrap_or_default();
                return outcome;
            }
        }
        at += received.consumed;
    }
}

/// A client that has sent its request.
fn asked(message: &Message) -> ClientConn {
    let connect = message.method == "CONNECT";
    let mut request = Request::builder()
        .method(message.method)
        .uri(if connect { "h.test:443" } else { "http://h.test/" })
        .version(Version::HTTP_11);
    if message.upgrade {
        request = request.header("connection", "upgrade").header("upgrade", "x");
    }
    let request = request.body(()).expect("the parts are sound");
    let form = if connect { TargetForm::Authority } else { TargetForm::Origin };
    let content = if message.method == "POST" { RequestContent::Sized(3) } else { RequestContent::None };
    let mut conn = ClientConn::new(Limits::default());
    conn.send_request(RequestHead::from_http(&request, form).expect("a sound target"), content)
        .expect("a request is due");
    sent(&mut conn);
    if content != RequestContent::None {
        conn.send_last_data(Bytes::from_static(b"abc")).expect("content is due");
        sent(&mut conn);
    }
    conn
}

fn sent(conn: &mut ClientConn) {
    let length = conn.transmit().remaining();
    conn.transmit().advance(length);
}

fn requests(octets: &[u8]) -> Outcome {
    let mut conn = ServerConn::new(Limits::default());
    let mut outcome = Outcome::nothing();
    let mut seen = Seen::default();
    let mut at = 0;
    loop {
        let input = &octets[at..];
        let received = match conn.recv(input) {
            Ok(received) => received,
            Err(e) => {
                outcome.why = e.to_string();
                outcome.end = End::Refused;
                return outcome;
            }
        };
        at += received.consumed;
        match received.item {
            ServerItem::NeedInput | ServerItem::Paused | ServerItem::Closed => return outcome,
            ServerItem::Request(head) => {
                seen = Seen::default();
                seen.start = [head.method(input), head.target(input)].join(&b' ');
                seen.version = version_text(head.version());
                seen.fields = lines(input, head.fields());
            }
            ServerItem::Data(range) => seen.content.extend_from_slice(&input[range]),
            ServerItem::Trailers(spans) => seen.trailers = Some(lines(input, &spans)),
            ServerItem::End => {
                seen.ended = Some(at);
                outcome.messages.push(finished(std::mem::take(&mut seen)));
                conn.send_response(StatusCode::OK, None, &HeaderMap::new(), ResponseContent::None)
                    .expect("a response is due");
                let length = conn.transmit().remaining();
                conn.transmit().advance(length);
                if conn.start_next_exchange().is_err() {
                    outcome.end = End::Closed;
                    outcome.why = conn.close_reason().map(|why| why.to_string()).unwrap_or_default();
                    return outcome;
                }
            }
        }
    }
}

fn finished(mut seen: Seen) -> Seen {
    seen.trailers.get_or_insert_default();
    seen.sort();
    seen
}

fn version_text(version: Version) -> String {
    if version == Version::HTTP_10 { "1.0" } else { "1.1" }.to_owned()
}

fn lines(input: &[u8], spans: &FieldSpans) -> Vec<Line> {
    let fields = martlet_core::h1::Fields::copy_from(input, spans.clone());
    fields.iter().map(|(name, value)| (name.to_ascii_lowercase(), value.to_vec())).collect()
}

//! Every number of a message against slow arithmetic.

use bytes::{Buf, Bytes};
use http::{HeaderMap, Method, Version};
use martlet_core::h1::{
    ClientConn, Disposition, FieldBlock, Item, RequestContent, RequestHead, ServerConn, ServerItem, Target,
};
use martlet_core::{Error, Limits, PeerError};

use crate::ask::asked;
use crate::slow;

/// Reads or writes a number. The first octet chooses which: lengths of responses and requests, sizes of chunks, status
/// codes, ports, or numbers to be written.
pub fn number(data: &[u8]) {
    let [which, text @ ..] = data else { return };
    match which % 6 {
        0 => response_length(text),
        1 => request_length(text),
        2 => chunk_size(text),
        3 => status(text),
        4 => port(text),
        _ => written(text),
    }
}

/// Content-Length lines, one for each line of the text.
fn lengths(text: &[u8]) -> Option<(Vec<u8>, Option<u64>)> {
    let lines: Vec<&[u8]> = text.split(|&b| b == b'\n').collect();
    let sound = lines.len() < 200 && lines.iter().all(|line| line.iter().all(|&b| slow::is_text(b)));
    let written = lines.iter().map(|line| [b"Content-Length:", *line, b"\r\n"].concat());
    sound.then(|| (written.collect::<Vec<_>>().concat(), slow::content_length(&lines)))
}

fn response_length(text: &[u8]) {
    let Some((lines, length)) = lengths(text) else { return };
    let mut conn = asked(&Method::GET);
    let received = conn.recv(&[b"HTTP/1.1 200 OK\r\n", &lines[..], b"\r\n"].concat());
    match (received, length) {
        (Ok(received), Some(length)) => {
            assert!(matches!(received.item, Item::Response(_)));
            assert_eq!(conn.recv_passthrough(), Some(length).filter(|&n| n > 0));
            assert_eq!(conn.disposition(), Disposition::Drain { at_most: Some(length) });
            let (item, ends) = (conn.recv(b"").map(|received| received.item), length == 0);
            assert_eq!(item, Ok(if ends { Item::End } else { Item::NeedInput }));
        }
        (Err(Error::Peer(PeerError::ContentLength | PeerError::ContentLengthConflict)), None) => {}
        other => panic!("{other:?}"),
    }
}

fn request_length(text: &[u8]) {
    let Some((lines, length)) = lengths(text) else { return };
    let mut conn = ServerConn::new(Limits::default());
    let head = [b"POST / HTTP/1.1\r\nHost: a\r\n", &lines[..], b"\r\n"].concat();
    match (conn.recv(&head), length) {
        (Ok(received), Some(length)) => {
            assert_eq!(received.consumed, head.len());
            let content = [b'a'; 300];
            let taken = content.len().min(usize::try_from(length).unwrap_or(usize::MAX));
            if taken > 0 {
                assert_eq!(conn.recv(&content).map(|r| r.item), Ok(ServerItem::Data(0..taken)));
            }
            let ends = taken as u64 == length;
            let item = conn.recv(&content[..usize::from(ends)]).map(|received| received.item);
            assert_eq!(item == Ok(ServerItem::End), ends, "{item:?} behind {taken} of {length}");
        }
        (Err(Error::Peer(PeerError::ContentLength | PeerError::ContentLengthConflict)), None) => {}
        other => panic!("{other:?}"),
    }
}

fn chunk_size(line: &[u8]) {
    if line.iter().any(|b| matches!(b, b'\r' | b'\n')) {
        return;
    }
    let mut conn = asked(&Method::GET);
    let head = b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n";
    assert_eq!(conn.recv(head).map(|received| received.consumed), Ok(head.len()));
    let input = [line, b"\r\n"].concat();
    match (conn.recv(&input), slow::chunk_size(line)) {
        (Ok(received), Some(size)) => {
            assert_eq!((received.consumed, received.item), (input.len(), Item::NeedInput));
            assert_eq!(conn.recv_passthrough(), Some(size).filter(|&size| size > 0));
        }
        (Err(Error::Peer(PeerError::ChunkExtensionsTooLarge { limit })), _) => assert!(line.len() > limit),
        (
            Err(Error::Peer(PeerError::ChunkSize | PeerError::ChunkSizeOverflow | PeerError::ChunkExtension)),
            None,
        ) => {}
        other => panic!("{other:?}"),
    }
}

fn status(text: &[u8]) {
    if text.iter().any(|b| matches!(b, b'\r' | b'\n')) {
        return;
    }
    let received = asked(&Method::GET).recv(&[b"HTTP/1.1 ", text, b"\r\n\r\n"].concat());
    let code = text.get(..3).filter(|code| code.iter().all(u8::is_ascii_digit));
    let code = code.and_then(slow::decimal).filter(|code| *code >= 100);
    let reason = match text.get(3..) {
        None | Some([]) => Some(&b""[..]),
        Some([b' ', reason @ ..]) => Some(reason).filter(|reason| reason.iter().all(|&b| slow::is_text(b))),
        Some(_) => None,
    };
    match (received.map(|received| received.item), code, reason) {
        (Ok(Item::Continue), Some(100), Some(_)) => {}
        (Ok(Item::Interim(head)), Some(code @ (100 | 102..200)), Some(_))
        | (Ok(Item::Response(head)), Some(code @ 200..), Some(_)) => {
            assert_eq!(u64::from(head.status()), code);
        }
        (Err(Error::Peer(PeerError::UnexpectedUpgrade)), Some(101), Some(_)) => {}
        (Err(Error::Peer(PeerError::Status | PeerError::Reason | PeerError::NotHttp)), code, reason) => {
            assert!(code.is_none() || reason.is_none());
        }
        other => panic!("{other:?}"),
    }
}

fn port(text: &[u8]) {
    if !text.iter().all(|b| (b'!'..=b'~').contains(b)) {
        return;
    }
    let head = [b"CONNECT a:", text, b" HTTP/1.1\r\nHost: a\r\n\r\n"].concat();
    let received = ServerConn::new(Limits::default()).recv(&head);
    match slow::decimal(text).filter(|&port| port <= 65_535) {
        Some(_) => assert_eq!(received.map(|received| received.consumed), Ok(head.len())),
        None => assert_eq!(received, Err(PeerError::Target.into())),
    }
}

/// What is written of a length and of the size of a piece is what `std` writes of them.
fn written(octets: &[u8]) {
    let Some((number, rest)) = octets.split_first_chunk::<8>() else { return };
    let length = u64::from_le_bytes(*number);
    let piece = Bytes::from(vec![b'a'; length as u16 as usize]);
    for content in [RequestContent::Sized(length), RequestContent::Chunked] {
        let mut conn = ClientConn::new(Limits::default());
        let (fields, block) = (HeaderMap::new(), FieldBlock::empty());
        let head = RequestHead {
            method: &Method::PUT,
            target: Target::Origin(b"/"),
            version: if rest.is_empty() { Version::HTTP_10 } else { Version::HTTP_11 },
            host: b"a",
            fields: &fields,
            block: &block,
        };
        if conn.send_request(head, content).is_err() {
            assert_eq!((content, head.version), (RequestContent::Chunked, Version::HTTP_10));
            continue;
        }
        let mut head = vec![0; conn.transmit().remaining()];
        conn.transmit().copy_to_slice(&mut head);
        let line = format!("\r\ncontent-length: {length}\r\n");
        let said = head.windows(line.len()).any(|window| window == line.as_bytes());
        assert_eq!(said, content != RequestContent::Chunked, "{}", head.escape_ascii());
        let taken = conn.send_data(piece.clone()).is_ok();
        assert_eq!(taken, content == RequestContent::Chunked || length > 0);
        if content == RequestContent::Chunked && !piece.is_empty() {
            let line = format!("{:x}\r\n", piece.len());
            assert!(conn.transmit().chunk().starts_with(line.as_bytes()));
        }
    }
}

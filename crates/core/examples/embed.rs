//! The core over a blocking socket: no async, no runtime, no martlet but the core.
//!
//! ```text
//! cargo run -p martlet-core --example embed -- http://127.0.0.1:8080/
//! ```
// The core does no IO; here it is ours.
#![allow(clippy::disallowed_methods, clippy::disallowed_types, clippy::disallowed_macros)]

use std::error::Error;
use std::io::{self, IoSlice, Read, Write};
use std::net::TcpStream;

use bytes::Buf;
use http::Request;
use martlet_core::Limits;
use martlet_core::h1::{ClientConn, Item, RequestContent, RequestHead, ResponseHead, TargetForm};

fn main() -> Result<(), Box<dyn Error>> {
    let url = std::env::args().nth(1).ok_or("usage: embed http://HOST:PORT/PATH")?;
    let request = Request::get(url).body(())?;
    let host = request.uri().host().ok_or("no host")?;
    let mut tcp = TcpStream::connect((host, request.uri().port_u16().unwrap_or(80)))?;
    let mut conn = ClientConn::new(Limits::default());
    conn.send_request(RequestHead::from_http(&request, TargetForm::Origin)?, RequestContent::None)?;

    // 1. Write what there is to write.
    let mut out = conn.transmit();
    while out.has_remaining() {
        let mut slices = [IoSlice::new(&[]); 5];
        let count = out.chunks_vectored(&mut slices);
        let n = tcp.write_vectored(&slices[..count])?;
        out.advance(n);
    }
    // 2. Show what came until the response ends; keep what was not consumed and append to it.
    let mut input = Vec::new();
    loop {
        let received = conn.recv(&input)?;
        match received.item {
            Item::Response(spans) => eprintln!("{:#?}", ResponseHead::copy_from(&input, spans)),
            Item::Data(range) => io::stdout().write_all(&input[range])?,
            Item::End => break,
            Item::NeedInput => {
                input.drain(..received.consumed);
                let mut buffer = [0; 16 * 1024];
                match tcp.read(&mut buffer)? {
                    0 => conn.handle_eof(),
                    n => input.extend_from_slice(&buffer[..n]),
                }
                continue;
            }
            Item::Continue | Item::Interim(_) | Item::Trailers(_) | Item::Closed | Item::Paused => {}
        }
        input.drain(..received.consumed);
    }
    // 3. Ask what may be done with the connection now.
    eprintln!("{:?}", conn.disposition());
    Ok(())
}

//! `https_server <certificate file> <MiB>`: answers every request with so much content, over TLS, until it is killed.
//!
//! It writes its certificate (DER) to the file and prints its address.

#![forbid(unsafe_code)]

use std::error::Error;
use std::fs;
use std::io;
use std::sync::Arc;

use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::{TcpListener, TcpStream};
use tokio_rustls::TlsAcceptor;
use tokio_rustls::rustls::ServerConfig;
use tokio_rustls::rustls::crypto::ring;
use tokio_rustls::rustls::pki_types::PrivateKeyDer;

static PIECE: [u8; 64 * 1024] = [b'x'; 64 * 1024];

#[tokio::main(flavor = "current_thread")]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut arguments = std::env::args().skip(1);
    let (Some(file), Some(size)) = (arguments.next(), arguments.next()) else {
        return Err("https_server <certificate file> <MiB>".into());
    };
    let size = size.parse::<usize>()? << 20;
    let made = rcgen::generate_simple_self_signed(vec!["localhost".to_owned()])?;
    let key = PrivateKeyDer::try_from(made.signing_key.serialize_der())?;
    let config = ServerConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()?
        .with_no_client_auth()
        .with_single_cert(vec![made.cert.der().clone()], key)?;
    let acceptor = TlsAcceptor::from(Arc::new(config));
    let listener = TcpListener::bind("127.0.0.1:0").await?;
    fs::write(file, made.cert.der())?;
    println!("{}", listener.local_addr()?);
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve(acceptor.clone(), stream, size));
    }
}

async fn serve(acceptor: TlsAcceptor, stream: TcpStream, size: usize) -> io::Result<()> {
    stream.set_nodelay(true)?;
    let mut stream = acceptor.accept(stream).await?;
    let mut request = Vec::new();
    loop {
        request.clear();
        while !request.ends_with(b"\r\n\r\n") {
            if stream.read_buf(&mut request).await? == 0 {
                return Ok(());
            }
        }
        stream.write_all(format!("HTTP/1.1 200 OK\r\ncontent-length: {size}\r\n\r\n").as_bytes()).await?;
        let mut left = size;
        while left > 0 {
            let n = left.min(PIECE.len());
            stream.write_all(&PIECE[..n]).await?;
            left -= n;
        }
        stream.flush().await?;
    }
}

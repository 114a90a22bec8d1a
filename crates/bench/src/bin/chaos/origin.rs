//! The origin behind the gateway: it notes what reaches it, and answers what the request's number says.

use std::convert::Infallible;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_io::Timer;
use futures_util::stream;
use http_body_util::combinators::UnsyncBoxBody;
use http_body_util::{BodyExt, StreamBody};
use hyper::body::{Bytes, Frame, Incoming};
use hyper::header::CONTENT_LENGTH;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper::{Request, Response, StatusCode};
use hyper_util::rt::TokioIo;
use tokio::net::{TcpListener, TcpStream};

use crate::log::Log;
use crate::plan::{FIELD, Id, Plan};

type Content = UnsyncBoxBody<Bytes, Infallible>;

/// Pieces that a response is written in.
const PIECES: usize = 5;

/// The field that says that a request may be sent twice.
pub(crate) const KEY: &str = "idempotency-key";

/// Serves without end.
pub(crate) async fn serve(address: SocketAddr, log: Arc<Log>) -> std::io::Result<()> {
    let listener = TcpListener::bind(address).await?;
    loop {
        let (stream, _) = listener.accept().await?;
        tokio::spawn(serve_one(stream, Arc::clone(&log)));
    }
}

async fn serve_one(stream: TcpStream, log: Arc<Log>) {
    // Without it only the delays are longer.
    let _ = stream.set_nodelay(true);
    let service = service_fn(move |request| {
        let log = Arc::clone(&log);
        async move { answer(request, &log).await }
    });
    // A gateway that is killed cuts off what it was about.
    let _ = http1::Builder::new().serve_connection(TokioIo::new(stream), service).await;
}

async fn answer(request: Request<Incoming>, log: &Log) -> hyper::Result<Response<Content>> {
    let id = request.uri().path().strip_prefix('/').and_then(Id::parse);
    let Some(id) = id else {
        // Nobody asks for that.
        let mut response = Response::new(pieces(Vec::new(), Duration::ZERO));
        *response.status_mut() = StatusCode::NOT_FOUND;
        return Ok(response);
    };
    let under_way = log.begin(id);
    let plan = id.plan();
    let mistake = mistake_in_head(&request, id, &plan);
    let upload = request.into_body().collect().await?.to_bytes();
    let mistake = mistake.or_else(|| (upload != id.upload()).then(|| "other content".to_owned()));
    under_way.process(mistake);

    Timer::after(plan.delay).await;
    let content = id.content();
    let mut response = Response::builder().header(FIELD, id.0);
    if plan.is_sized {
        response = response.header(CONTENT_LENGTH, content.len());
    }
    Ok(response.body(pieces(content, plan.pause)).expect("two fields with numbers for values are no mistake"))
}

/// What makes the head another than the one that was sent.
fn mistake_in_head(request: &Request<Incoming>, id: Id, plan: &Plan) -> Option<String> {
    let number = id.0.to_string();
    let field = |name| request.headers().get(name).map(|value| value.as_bytes());
    if *request.method() != plan.asked.method() {
        return Some(format!("the method {}", request.method()));
    }
    if field(FIELD) != Some(number.as_bytes()) {
        return Some(format!("the field {FIELD} of another request: {:?}", request.headers().get(FIELD)));
    }
    if field(KEY) != plan.asked.has_key().then_some(number.as_bytes()) {
        return Some(format!("the key {:?}", request.headers().get(KEY)));
    }
    None
}

fn pieces(content: Vec<u8>, pause: Duration) -> Content {
    let size = content.len().div_ceil(PIECES).max(1);
    let pieces = stream::unfold(Bytes::from(content), move |mut rest| async move {
        if rest.is_empty() {
            return None;
        }
        Timer::after(pause).await;
        let piece = rest.split_to(size.min(rest.len()));
        Some((Ok(Frame::data(piece)), rest))
    });
    StreamBody::new(pieces).boxed_unsync()
}

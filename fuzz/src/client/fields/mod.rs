//! Fields of which the client itself makes something, against slow readers: by what it does then.

mod slow;

use std::time::{Duration, SystemTime};

use martlet::{Client, RetryPolicy};
use martlet_sim::{Script, Sim, SimConfig};

use self::slow::{keep_alive, length, retry_after};

/// The longest wait that a server may ask for here: some thirty years.
const PATIENCE: Duration = Duration::from_secs(1_000_000_000);

/// How long an idle connection is kept unless its server says less.
const EXPIRY: Duration = Duration::from_secs(500_000);

/// The wait where a server asks for none.
const BACKOFF: Duration = Duration::from_millis(8);

/// Sends the octets behind the first as values of one field, a line each: of Retry-After, Keep-Alive or Content-Length, as
/// the first says. How long the client waits, keeps the connection, or what length it tells, must be what a slow reader finds
/// in them.
///
/// # Panics
///
/// If it is not.
pub fn client_fields(data: &[u8]) {
    judge(data);
}

/// Whether the values say something.
pub(in crate::client) fn judge(data: &[u8]) -> bool {
    let [which, text @ ..] = data else { return false };
    // Others are of no field, and break the protocol.
    let may_stand = |octet: &u8| matches!(octet, b'\t' | b'\n' | b' '..=b'~' | 0x80..);
    if text.len() > 1_000 || !text.iter().all(may_stand) {
        return false;
    }
    // Whitespace around a value is none of it (RFC 9110 §5.5).
    let trim = |line: &'_ [u8]| line.trim_ascii().to_vec();
    let values: Vec<Vec<u8>> = text.split(|octet| *octet == b'\n').map(trim).collect();
    match which % 3 {
        0 => judge_retry_after(&values),
        1 => judge_keep_alive(&values),
        _ => judge_length(&values),
    }
}

fn judge_retry_after(values: &[Vec<u8>]) -> bool {
    let response = head("503 Service Unavailable", "retry-after", values, "content-length: 0\r\n");
    let script = Script::new().expect_head().send(response.clone()).expect_head().send(response);
    let sim = Sim::with_config(0, SimConfig::calm());
    let server = sim.listen_script("a.test", 80, [script]);
    let policy = RetryPolicy::new(1).backoff(BACKOFF, BACKOFF).retry_after_at_most(PATIENCE).budget(None);
    let client = client(&sim);
    let now = sim.wall_clock().duration_since(SystemTime::UNIX_EPOCH).expect("no time before all time");
    let sent = sim.block_on(client.get("http://a.test/").retry(policy).send());
    assert!(sent.is_ok_and(|sent| sent.is_ok_and(|response| response.status() == 503)));
    let log = server.log();
    let waited = log.get(1).map(|request| request.at - log[0].at);
    let asked = retry_after(values, now);
    match asked {
        Some(asked) if asked > PATIENCE => assert_eq!(waited, None, "it asks for {asked:?}"),
        Some(asked) => assert_eq!(waited, Some(asked)),
        None => assert!(waited.is_some_and(|waited| waited <= BACKOFF), "{waited:?}, asked by nobody"),
    }
    asked.is_some()
}

fn judge_keep_alive(values: &[Vec<u8>]) -> bool {
    let response = head("200 OK", "keep-alive", values, "content-length: 0\r\n");
    let sim = Sim::with_config(0, SimConfig::calm());
    sim.listen_script("a.test", 80, [Script::new().expect_head().send(response).read_to_end()]);
    let client = client(&sim);
    let sent = sim.block_on(async { client.get("http://a.test/").send().await?.bytes().await });
    assert!(sent.is_ok_and(|sent| sent.is_ok()));
    // Nothing else has a time.
    assert!(sim.run().is_ok());
    assert_eq!(sim.open_connections(), 0);
    let said = keep_alive(values);
    let expected = said.map_or(EXPIRY, |said| said.saturating_sub(Duration::from_secs(1)).min(EXPIRY));
    assert_eq!(sim.now(), expected, "the server says {said:?}");
    said.is_some()
}

fn judge_length(values: &[Vec<u8>]) -> bool {
    // To HEAD, so that there is no content to be had.
    let response = head("200 OK", "content-length", values, "");
    let sim = Sim::with_config(0, SimConfig::calm());
    sim.listen_script("a.test", 80, [Script::new().expect_head().send(response).read_to_end()]);
    let client = client(&sim);
    let sent = sim.block_on(client.head("http://a.test/").send()).expect("nobody waits for ever");
    let told = sent.as_ref().ok().and_then(martlet::Response::content_length);
    let length = length(values);
    match &sent {
        Ok(_) => assert_eq!(told, length),
        Err(e) => assert!(length.is_none() && e.kind() == martlet::Kind::Protocol, "{length:?}, but {e}"),
    }
    told.is_some()
}

fn head(status: &str, name: &str, values: &[Vec<u8>], more: &str) -> Vec<u8> {
    let mut head = format!("HTTP/1.1 {status}\r\n{more}").into_bytes();
    for value in values {
        head.extend_from_slice(name.as_bytes());
        head.extend_from_slice(b": ");
        head.extend_from_slice(value);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"\r\n");
    head
}

fn client(sim: &Sim) -> Client {
    let builder = Client::builder().runtime(sim.runtime()).keepalive_expiry(Some(EXPIRY));
    builder.build().expect("the settings are sound")
}

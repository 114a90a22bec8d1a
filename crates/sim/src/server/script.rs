//! A server that does as it is told, octet by octet.

use std::future::pending;
use std::time::Duration;

use bytes::{Buf, Bytes, BytesMut};

use crate::runtime::Sleep;
use crate::tcp::Stream;

/// What a server does with a connection, step by step. It knows no HTTP: octets go out as they are written here.
///
/// ```
/// use martlet_sim::Script;
///
/// // A server that promises ten octets, sends four and goes away.
/// let script = Script::new()
///     .expect_head()
///     .send("HTTP/1.1 200 OK\r\ncontent-length: 10\r\n\r\nfour")
///     .fin();
/// ```
///
/// Behind the last step it ends its sending side and reads up to the client's end.
#[derive(Clone, Debug, Default)]
#[must_use]
pub struct Script {
    steps: Vec<Step>,
}

#[derive(Clone, Debug)]
enum Step {
    Expect(Bytes),
    ExpectHead,
    Read(usize),
    ReadToEnd,
    Send(Bytes),
    Pause(Duration),
    Stall,
    UpdateKeys,
    HalfClose,
    Fin,
    Cut,
    Reset,
}

impl Script {
    /// A script without steps.
    pub fn new() -> Self {
        Self::default()
    }

    fn then(mut self, step: Step) -> Self {
        self.steps.push(step);
        self
    }

    /// Reads exactly these octets. Other ones, or the end, are a [complaint](crate::Listener::complaints), and the
    /// connection is reset.
    pub fn expect(self, octets: impl Into<Bytes>) -> Self {
        self.then(Step::Expect(octets.into()))
    }

    /// Reads up to the empty line that ends a head. The end before it is a complaint.
    pub fn expect_head(self) -> Self {
        self.then(Step::ExpectHead)
    }

    /// Reads so many octets, whatever they are. The end before them is a complaint.
    pub fn read(self, octets: usize) -> Self {
        self.then(Step::Read(octets))
    }

    /// Reads until the client ends its side, or breaks the connection.
    pub fn read_to_end(self) -> Self {
        self.then(Step::ReadToEnd)
    }

    /// Sends these octets. A client that is gone is no complaint.
    pub fn send(self, octets: impl Into<Bytes>) -> Self {
        self.then(Step::Send(octets.into()))
    }

    /// Neither reads nor writes for a while.
    pub fn pause(self, span: Duration) -> Self {
        self.then(Step::Pause(span))
    }

    /// Neither reads nor writes any more, and holds the connection open.
    pub fn stall(self) -> Self {
        self.then(Step::Stall)
    }

    /// Changes the keys of TLS, of which the client is told by a message that is no content. Nothing happens without TLS.
    pub fn update_keys(self) -> Self {
        self.then(Step::UpdateKeys)
    }

    /// Ends the sending side. Steps that read may follow.
    pub fn half_close(self) -> Self {
        self.then(Step::HalfClose)
    }

    /// Closes the connection as a process that ends: a FIN, or a reset if octets had come that no step has
    /// read. Under TLS close_notify goes before the FIN.
    pub fn fin(self) -> Self {
        self.then(Step::Fin)
    }

    /// The same, and under TLS without close_notify.
    pub fn cut(self) -> Self {
        self.then(Step::Cut)
    }

    /// Breaks the connection.
    pub fn reset(self) -> Self {
        self.then(Step::Reset)
    }
}

/// Plays a script on a connection.
pub(super) async fn play(stream: Stream, script: Script) {
    let mut player = Player { stream, input: BytesMut::new() };
    for step in script.steps {
        let done = match step {
            Step::Expect(octets) => player.expect(&octets).await,
            Step::ExpectHead => player.expect_head().await,
            Step::Read(octets) => player.read(octets).await,
            Step::ReadToEnd => {
                player.stream.drain().await;
                Ok(())
            }
            Step::Send(octets) => {
                // Whether the client is still there is its own affair.
                let _ = player.stream.write_all(&octets).await;
                Ok(())
            }
            Step::Pause(span) => {
                let at = player.stream.shared.with(|world| world.clock.now).saturating_add(span);
                Sleep::new(&player.stream.shared, at).await;
                Ok(())
            }
            Step::Stall => pending().await,
            Step::UpdateKeys => {
                player.stream.update_keys();
                Ok(())
            }
            Step::HalfClose => {
                player.stream.shut_down();
                Ok(())
            }
            Step::Fin | Step::Cut => {
                // What no step has asked for was not read, whoever holds it.
                if !player.input.is_empty() {
                    player.stream.reset();
                } else if matches!(step, Step::Cut) {
                    player.stream.cut();
                }
                return;
            }
            Step::Reset => {
                player.stream.reset();
                return;
            }
        };
        if let Err(complaint) = done {
            let id = player.stream.id;
            player.stream.shared.with(|world| world.complain(id, &complaint));
            player.stream.reset();
            return;
        }
    }
    player.stream.shut_down();
    player.stream.drain().await;
}

struct Player {
    stream: Stream,
    /// Octets that were read beyond a step.
    input: BytesMut,
}

impl Player {
    async fn expect(&mut self, octets: &[u8]) -> Result<(), String> {
        loop {
            let n = self.input.len().min(octets.len());
            if self.input[..n] != octets[..n] {
                let got = String::from_utf8_lossy(&self.input).into_owned();
                return Err(format!("expected {:?}, got {got:?}", String::from_utf8_lossy(octets)));
            }
            if n == octets.len() {
                self.input.advance(n);
                return Ok(());
            }
            self.fill("the octets that were expected").await?;
        }
    }

    async fn expect_head(&mut self) -> Result<(), String> {
        // Content that was not read may be long: no octet of it is looked at again with each that comes.
        let mut from = 0;
        loop {
            if let Some(at) = self.input[from..].windows(4).position(|window| window == b"\r\n\r\n") {
                self.input.advance(from + at + 4);
                return Ok(());
            }
            from = self.input.len().saturating_sub(3);
            self.fill("a head").await?;
        }
    }

    async fn read(&mut self, octets: usize) -> Result<(), String> {
        while self.input.len() < octets {
            self.fill("the octets that were to be read").await?;
        }
        self.input.advance(octets);
        Ok(())
    }

    async fn fill(&mut self, awaited: &str) -> Result<(), String> {
        let mut buffer = [0; 4096];
        match self.stream.read(&mut buffer).await {
            Ok(0) => Err(format!("the client ended before {awaited}")),
            Ok(n) => {
                self.input.extend_from_slice(&buffer[..n]);
                Ok(())
            }
            Err(e) => Err(format!("the connection broke before {awaited}: {}", e.kind())),
        }
    }
}

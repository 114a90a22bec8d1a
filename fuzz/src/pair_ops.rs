//! Any sequence of commands and happenings on both ends of one link that may break at any octet.

mod both;
mod exchange;

use arbitrary::{Arbitrary, Unstructured};

use self::both::Both;

/// What is done, or happens.
#[derive(Arbitrary, Clone, Copy, Debug)]
enum Op {
    Request {
        method: u8,
        http10: bool,
        upgrade: bool,
        expect: bool,
        close: bool,
        content: Option<Option<u8>>,
    },
    ClientData(u8),
    ClientLast(u8),
    ClientTrailers,
    ClientWrites(u8),
    ClientNext,
    Abandon,
    StopAwaiting,
    ToServer(u8),
    ToClient(u8),
    Interim(bool),
    Respond {
        status: u8,
        close: bool,
        content: Option<Option<u8>>,
    },
    ServerData(u8),
    ServerLast(u8),
    ServerTrailers,
    ServerWrites(u8),
    ServerNext,
    ClientWriteError,
    ServerWriteError,
    /// The client hears that the server's side has ended; of what is under way, so many octets at the end are lost.
    ServerGone {
        reset: bool,
        lost: u8,
    },
    /// The other way round.
    ClientGone {
        reset: bool,
        lost: u8,
    },
}

impl Op {
    fn ends_the_connection(self) -> bool {
        matches!(
            self,
            Self::Abandon
                | Self::ClientWriteError
                | Self::ServerWriteError
                | Self::ServerGone { .. }
                | Self::ClientGone { .. }
        )
    }
}

/// Drives both ends by a sequence of operations: nobody sees what nobody sent, errors stay, and a connection is used
/// again at the end of a message only, when neither end has said otherwise.
pub fn pair_ops(data: &[u8]) {
    drive(data);
}

/// The same; how many responses were read to their end.
pub(crate) fn drive(data: &[u8]) -> usize {
    let mut from = Unstructured::new(data);
    let mut both = Both::default();
    for _ in 0..400 {
        if from.is_empty() {
            break;
        }
        let Ok((how, op)) = <(u8, Op)>::arbitrary(&mut from) else { break };
        // Left to chance alone, hardly any exchange would come to its end.
        if how & 1 == 0 {
            both.settle();
        }
        if how < 32 || !op.ends_the_connection() {
            both.run(op);
            both.check();
        }
    }
    both.responses_read()
}

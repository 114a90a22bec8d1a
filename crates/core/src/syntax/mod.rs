//! Octets and words: tokens, numbers, lists, start lines, field lines, request targets. Stateless.

pub(crate) mod fields;
pub(crate) mod head;
pub(crate) mod list;
pub(crate) mod number;
pub(crate) mod scan;
pub(crate) mod start_line;
pub(crate) mod target;
pub(crate) mod token;
pub(crate) mod write;

pub use self::fields::{FieldSpans, Fields, HeadSpans, RequestSpans};
pub use self::head::{ReceivedRequest, ResponseHead};
pub use self::target::{Target, TargetForm};
pub use self::write::FieldBlock;

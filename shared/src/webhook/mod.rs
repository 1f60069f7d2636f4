//! The front door: bytes in, a verified callback out; and the reply on its way back.
//!
//! Bytes come first, then authenticity, then meaning. Whoever cannot prove to be the platform
//! learns nothing but that: every failure to do so has one and the same answer, and its
//! [`Cause`] goes to the log alone.

mod door;
mod incoming;
mod refusal;
mod signature;

pub use door::{Admitted, Callback, Caller, Door, DoorConfig, Secrets, SignaturePolicy};
pub use incoming::Incoming;
pub use refusal::{Cause, Refusal};
pub use signature::sign;

use crate::protocol::Reply;

/// The largest body that is taken, after base64 was undone: 1 MiB.
pub const MAX_BODY_BYTES: usize = 1024 * 1024;

/// What goes back to the platform: an HTTP status and the JSON body.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HttpReply {
    /// 200 unless the callback was refused or could not be kept.
    pub status: u16,
    /// The body.
    pub reply: Reply,
}

impl HttpReply {
    /// HTTP 200: the callback reached us and this is the answer.
    pub fn answer(reply: Reply) -> Self {
        Self { status: 200, reply }
    }

    /// HTTP 503: the callback could not be taken care of.
    pub fn unavailable() -> Self {
        Self { status: 503, reply: Reply::fail("temporarily unavailable, send it again") }
    }
}

impl From<Refusal> for HttpReply {
    fn from(refusal: Refusal) -> Self {
        Self { status: refusal.status(), reply: Reply::fail(refusal.info()) }
    }
}

//! The spill queue: what could not be done at once waits there, and is done by the same function.

use std::sync::OnceLock;

use base64::{Engine, engine::general_purpose::STANDARD};
use serde::{Deserialize, Serialize};

use super::{
    Access, StoreError,
    error::Kind,
    events::TOLD_CHARS,
    items::{unzip, zip},
    ports::Spill,
};
use crate::{
    protocol::{AppId, Command},
    webhook::Callback,
};

const SEND: &str = "SendMessage";
/// The largest message that SQS takes, in bytes.
const MESSAGE_BYTES: usize = 1024 * 1024;
/// How long a refold waits: what is late is mostly no later than this.
const REFOLD_DELAY_SECONDS: i32 = 300;

/// What waits in the spill queue.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// A verified callback that could not be kept when it came.
    Callback {
        /// The callback.
        callback: Callback,
        /// When it came, in milliseconds since the epoch.
        received_at_ms: u64,
    },
    /// A session whose summary is to be made anew.
    Refold {
        /// The app.
        app: AppId,
        /// The session.
        session_id: String,
    },
}

/// A message of the queue that this version cannot read.
#[derive(Debug, thiserror::Error)]
#[error("a message of the spill queue cannot be read: {0}")]
pub struct NoteError(&'static str);

/// A note as it stands in the queue. Its name has the version of its form, so that an older function
/// leaves alone what a newer one wrote.
#[derive(Serialize, Deserialize)]
#[serde(tag = "note")]
enum Envelope {
    #[serde(rename = "callback/1")]
    Callback { app: AppId, command: String, received_at: u64, body_z: String },
    #[serde(rename = "refold/1")]
    Refold { app: AppId, session: String },
}

impl Note {
    /// Reads a message of the queue.
    ///
    /// # Errors
    /// It is none of ours, or of a newer version.
    pub fn read(text: &str) -> Result<Self, NoteError> {
        let envelope =
            serde_json::from_str(text).map_err(|_| NoteError("it is no note that this version knows"))?;
        Ok(match envelope {
            Envelope::Callback { app, command, received_at, body_z } => {
                let zipped = STANDARD.decode(body_z).map_err(|_| NoteError("its body is no base64"))?;
                let body = unzip(&zipped).ok_or(NoteError("its body cannot be decompressed"))?;
                let command = Command::from_wire(&command);
                let callback = Callback { app, command, body, platform: None, client_ip: None };
                Self::Callback { callback, received_at_ms: received_at }
            }
            Envelope::Refold { app, session } => Self::Refold { app, session_id: session },
        })
    }

    /// The note as a message: text of which SQS takes every character.
    ///
    /// # Errors
    /// None that is known: it is what JSON can say.
    pub fn text(&self) -> Result<String, StoreError> {
        let envelope = match self {
            Self::Callback { callback, received_at_ms } => Envelope::Callback {
                app: callback.app,
                // An unknown command may be as long as the body. The quarantine keeps as much of it.
                command: callback.command.as_str().chars().take(TOLD_CHARS).collect(),
                received_at: *received_at_ms,
                body_z: STANDARD.encode(zip(&callback.body)),
            },
            Self::Refold { app, session_id } => Envelope::Refold { app: *app, session: session_id.clone() },
        };
        let json = serde_json::to_string(&envelope);
        let json = json.map_err(|error| StoreError::unreadable(SEND, error.to_string()))?;
        // SQS would put U+FFFD in the place of these two; control characters are escaped by JSON already.
        Ok(json.replace('\u{FFFE}', "\\ufffe").replace('\u{FFFF}', "\\uffff"))
    }
}

/// The queue itself.
pub struct SpillQueue {
    access: Access,
    /// Made with the first note: no start has any to send, and making it takes a part of one.
    client: OnceLock<aws_sdk_sqs::Client>,
    url: String,
}

impl SpillQueue {
    /// The queue at this URL, as reached this way.
    pub fn new(access: Access, url: String) -> Self {
        Self { access, client: OnceLock::new(), url }
    }

    async fn send(&self, note: Note, delay_seconds: i32) -> Result<(), StoreError> {
        let text = note.text()?;
        if text.len() > MESSAGE_BYTES {
            let kind = Kind::Refused(format!("{} bytes are more than a message holds", text.len()));
            return Err(StoreError { operation: SEND, kind, source: None });
        }
        let client = self.client.get_or_init(|| self.access.sqs());
        let message = client.send_message().queue_url(&self.url).message_body(text);
        let sent = message.delay_seconds(delay_seconds).send().await;
        sent.map(drop).map_err(|error| StoreError::of(SEND, error))
    }
}

impl Spill for SpillQueue {
    async fn spill(&self, callback: &Callback, received_at_ms: u64) -> Result<(), StoreError> {
        self.send(Note::Callback { callback: callback.clone(), received_at_ms }, 0).await
    }

    async fn refold_later(&self, app: AppId, session_id: &str) -> Result<(), StoreError> {
        self.send(Note::Refold { app, session_id: session_id.to_owned() }, REFOLD_DELAY_SECONDS).await
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// The characters that a message may have.
    fn allowed(character: char) -> bool {
        matches!(character, '\t' | '\n' | '\r' | ' '..='\u{D7FF}' | '\u{E000}'..='\u{FFFD}' | '\u{10000}'..)
    }

    /// Any text, of which many characters are such as need care.
    fn text() -> impl Strategy<Value = String> {
        let odd = prop::sample::select(vec!['\u{FFFE}', '\u{FFFF}', '\u{0}', '\u{1b}', '"', '\\']);
        prop::collection::vec(prop_oneof![any::<char>(), odd], 0..20)
            .prop_map(|text| text.into_iter().collect())
    }

    proptest! {
        #[test]
        fn whatever_a_note_holds_comes_back_and_sqs_takes_it(
            app in 1..u64::from(u32::MAX),
            texts in prop::array::uniform2(text()),
            body: Vec<u8>,
            received_at_ms: u64,
        ) {
            let app: AppId = app.to_string().parse().unwrap();
            let [command, session_id] = texts;
            let command = Command::from_wire(&command);
            let callback = Callback { app, command, body, platform: None, client_ip: None };
            for note in [Note::Callback { callback, received_at_ms }, Note::Refold { app, session_id }] {
                let text = note.text().unwrap();
                prop_assert!(text.chars().all(allowed), "{text:?}");
                prop_assert_eq!(Note::read(&text).unwrap(), note);
            }
        }
    }
}

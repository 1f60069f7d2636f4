//! Draining the spill queue: what waits there is kept by the same writes, and never spilled again.
//!
//! A message comes at least once, and comes again if it fails; Lambda puts it into the dead-letter
//! queue when that goes on.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use desk_webhooks::{
    edge::{Arrival, Message},
    protocol::AppId,
    session::Understood,
    store::{
        Note, NoteError, StoreError,
        ports::{Reach, Spill},
    },
};
use futures_util::future::join_all;
use tokio::time::{Instant, timeout_at};

use crate::{SessionEvents, Store, read};

/// Less than the function has: what is not done by then is reported, and comes again.
const BATCH: Duration = Duration::from_secs(25);
/// Ten callbacks of a megabyte, compared with what is kept of them, would take more memory than there is.
const AT_ONCE: usize = 2;
/// What one session's fold may take of that.
const FOLD: Duration = Duration::from_secs(8);

/// A session, and the messages that are not done before it is folded.
type Folds = BTreeMap<(AppId, String), Vec<String>>;

impl<S: Store, Q: Spill> SessionEvents<S, Q> {
    /// Takes care of a batch, and returns the ids of the messages that failed.
    pub(crate) async fn drain_batch(&self, messages: Vec<Message>, batch: &Arrival) -> Vec<String> {
        let end = Instant::now() + BATCH;
        let mut failed = BTreeSet::new();
        let mut folds = Folds::new();
        let mut taken = Vec::new();
        for some in messages.chunks(AT_ONCE) {
            let notes = some.iter().map(|message| batch.unless_panicking(self.take_note(message, batch)));
            taken.extend(join_all(notes.map(|note| timeout_at(end, note))).await);
        }
        for (message, taken) in messages.iter().zip(taken) {
            match taken {
                Ok(Some(Ok(None))) => {}
                Ok(Some(Ok(Some(session)))) => {
                    folds.entry(session).or_default().push(message.message_id.clone());
                }
                Ok(Some(Err(error))) => {
                    batch.problem("a message could not be taken care of", error);
                    failed.insert(message.message_id.clone());
                }
                Ok(None) => {
                    failed.insert(message.message_id.clone());
                }
                Err(late) => {
                    batch.problem("a message could not be taken care of", late);
                    failed.insert(message.message_id.clone());
                }
            }
        }
        // One after the other: a story may be long, and each once, however many messages want it.
        for ((app, session_id), wanted_by) in folds {
            if let Err(problem) = self.fold_whole(app, &session_id, end, batch).await {
                batch.problem("a session could not be folded", problem);
                failed.extend(wanted_by);
            }
        }
        failed.into_iter().collect()
    }

    async fn fold_whole(
        &self,
        app: AppId,
        session_id: &str,
        end: Instant,
        batch: &Arrival,
    ) -> Result<(), String> {
        let fold = self.store.fold(app, session_id, Reach::Whole, Arrival::now().at_ms);
        // A session that takes too long costs the others nothing.
        let end = end.min(Instant::now() + FOLD);
        match timeout_at(end, batch.unless_panicking(fold)).await {
            Ok(Some(Ok(_))) => Ok(()),
            Ok(Some(Err(error))) => Err(error.to_string()),
            Ok(None) => Err("it panicked".into()),
            Err(late) => Err(late.to_string()),
        }
    }

    /// Does what a message asks for, except for the fold: that comes back.
    async fn take_note(
        &self,
        message: &Message,
        batch: &Arrival,
    ) -> Result<Option<(AppId, String)>, Problem> {
        match Note::read(&message.body)? {
            Note::Refold { app, session_id } => Ok(Some((app, session_id))),
            Note::Callback { callback, received_at_ms } => {
                let arrival = Arrival::waited_since(received_at_ms);
                let understood = read(&callback, &arrival);
                let kept = self.keep(&understood, &callback, &arrival).await;
                batch.absorb(arrival);
                kept?.metric().into_iter().for_each(|metric| batch.count(metric));
                // Also what was kept before: it may have come to its end between the event and the fold.
                Ok(match understood {
                    Ok(Understood::Session(event)) => Some((callback.app, event.session_id)),
                    _ => None,
                })
            }
        }
    }
}

#[derive(Debug, thiserror::Error)]
enum Problem {
    #[error(transparent)]
    Note(#[from] NoteError),
    #[error(transparent)]
    Store(#[from] StoreError),
}

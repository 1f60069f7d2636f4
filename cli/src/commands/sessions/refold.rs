//! Rebuilds summaries and profiles from the timelines.

use desk_webhooks::{
    protocol::AppId,
    store::{Order, Store},
};

use super::shelves;
use crate::{
    args::Of,
    error::CliError,
    output::{green, note, now_ms, say},
};

/// The rows that are read at once.
const PAGE: usize = 100;
/// How often it says how far it is.
const EVERY: usize = 1000;

pub(super) async fn run(store: &Store, app: AppId, of: Of) -> Result<(), CliError> {
    let mut count = 0;
    for shelf in shelves(of) {
        let mut sessions = store.sessions(app, &shelf, Order::OldestFirst, None, now_ms() / 1000);
        loop {
            let rows = sessions.take(PAGE).await?;
            if rows.is_empty() {
                break;
            }
            for row in rows {
                store.rebuild(app, &row.session, now_ms()).await?;
                count += 1;
                if count % EVERY == 0 {
                    note!("{} sessions", count);
                }
            }
        }
    }
    say!("{}: {} sessions", green("refolded"), count)
}

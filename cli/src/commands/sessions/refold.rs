//! Rebuilds summaries and profiles from the timelines.

use desk_webhooks::{protocol::AppId, store::Store};

use super::shelves;
use crate::{
    args::Of,
    error::CliError,
    output::{green, note, now_ms, say},
};

/// How often it says how far it is.
const EVERY: usize = 1000;

pub(super) async fn run(store: &Store, app: AppId, of: Of) -> Result<(), CliError> {
    let mut count = 0;
    for shelf in shelves(of) {
        let mut pages = store.pages(app, &shelf, None, now_ms() / 1000);
        while let Some(rows) = pages.next().await? {
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

//! Sessions for other programs: a line each, in the memory of one page.

use desk_webhooks::{
    protocol::AppId,
    session::{Summary, keys::DAY_SHARDS},
    store::{SessionRow, Store},
};
use serde_json::{Value, json};

use super::{list::row_json, shelves, show::moment_json};
use crate::{
    args::{Format, Of},
    error::CliError,
    output::{self, csv_line, note, now_ms, shell_word, timestamp},
};

const COLUMNS: [&str; 18] = [
    "session",
    "user",
    "channel",
    "began_at",
    "ended_at",
    "end",
    "agent",
    "transfers",
    "handle_ms",
    "handoff",
    "wait_ms",
    "queue_ms",
    "first_response_ms",
    "user_messages",
    "agent_messages",
    "rating",
    "rule",
    "version",
];

/// Where an export stands: the shelf's number and the last session that was written.
struct Place {
    shelf: usize,
    row: SessionRow,
}

impl Place {
    /// As `--resume` takes it: the session stands last, whatever it is called.
    fn name(&self) -> String {
        format!("{}:{}:{}", self.shelf, self.row.began_at, self.row.session)
    }

    fn parse(name: &str) -> Option<Self> {
        let (shelf, rest) = name.split_once(':')?;
        let (began_at, session) = rest.split_once(':')?;
        let (shelf, began_at, session) = (shelf.parse().ok()?, began_at.to_owned(), session.to_owned());
        let row = SessionRow {
            session,
            began_at,
            user: None,
            channel: None,
            agent: None,
            ended_at: None,
            expires_at: None,
        };
        Some(Self { shelf, row })
    }
}

pub(super) async fn run(
    store: &Store,
    app: AppId,
    of: Of,
    format: Format,
    resume: Option<&str>,
) -> Result<(), CliError> {
    const EVERY: usize = 1000;
    let shelves = shelves(of);
    let from = resume.map(|name| {
        let unknown = || {
            CliError::said(format!("`{name}` is no place of an export; take what the broken-off one named"))
        };
        Place::parse(name).filter(|place| place.shelf < shelves.len()).ok_or_else(unknown)
    });
    let from = from.transpose()?;
    if format == Format::Csv && from.is_none() {
        csv_line(&COLUMNS.join(","))?;
    }
    let (mut last, mut count) = (None::<Place>, 0);
    let first = from.as_ref().map_or(0, |place| place.shelf);
    for (number, shelf) in shelves.iter().enumerate().skip(first) {
        let behind = from.as_ref().filter(|place| place.shelf == number).map(|place| &place.row);
        let mut pages = store.pages(app, shelf, behind, now_ms() / 1000);
        while let Some(rows) = pages.next().await.map_err(|error| broken_off(error.into(), last.as_ref()))? {
            for row in rows {
                let written = write(store, app, &row, format).await;
                written.map_err(|error| broken_off(error, last.as_ref()))?;
                last = Some(Place { shelf: number, row });
                count += 1;
                if count % EVERY == 0 {
                    note!(
                        "{} sessions, day {} of {}",
                        count,
                        number / usize::from(DAY_SHARDS) + 1,
                        shelves.len().div_ceil(usize::from(DAY_SHARDS))
                    );
                }
            }
        }
    }
    note!("{} sessions", count);
    Ok(())
}

/// Says how to go on. Whoever reads the output may be gone; whoever reads the notes is not.
fn broken_off(error: CliError, last: Option<&Place>) -> CliError {
    if let Some(place) = last {
        note!("the export is not complete; go on with --resume={}", shell_word(&place.name()));
    }
    error
}

async fn write(store: &Store, app: AppId, row: &SessionRow, format: Format) -> Result<(), CliError> {
    let summary = store.summary(app, &row.session).await?;
    if format == Format::Csv {
        return csv_line(&csv(row, &summary.unwrap_or_default()));
    }
    let story = store.story(app, &row.session, now_ms() / 1000).await?;
    let timeline: Vec<_> = story.iter().map(moment_json).collect();
    let mut line = row_json(row);
    line["summary"] = json!(summary);
    line["timeline"] = json!(timeline);
    output::json_line(&line)
}

fn csv(row: &SessionRow, summary: &Summary) -> String {
    let handoff = summary.handoff.as_ref();
    let at = |ms: Option<u64>| ms.map(timestamp);
    let values: [Value; 18] = [
        json!(row.session),
        json!(row.user),
        json!(row.channel),
        json!(at(row.began_at.parse().ok())),
        json!(at(row.ended_at)),
        json!(summary.end),
        json!(row.agent),
        json!(summary.transfers),
        json!(summary.handle_ms),
        json!(handoff.map(|handoff| handoff.outcome)),
        json!(handoff.and_then(|handoff| handoff.wait_ms)),
        json!(handoff.and_then(|handoff| handoff.queue_ms)),
        json!(summary.first_response.from_assignment_ms),
        json!(summary.messages.user_to_bot + summary.messages.user_to_agent),
        json!(summary.messages.agent),
        json!(summary.rating),
        json!(summary.rule),
        json!(summary.version),
    ];
    values.iter().map(cell).collect::<Vec<_>>().join(",")
}

/// A cell by RFC 4180. A text that a spreadsheet would take for a formula is kept from being one:
/// users choose their ids.
fn cell(value: &Value) -> String {
    let text = match value {
        Value::Null => return String::new(),
        Value::String(text) => text,
        other => return other.to_string(),
    };
    let formula = text.starts_with(['=', '+', '-', '@', '\t', '\r']);
    let text = if formula { format!("'{text}") } else { text.clone() };
    if text.contains([',', '"', '\n', '\r']) { format!("\"{}\"", text.replace('"', "\"\"")) } else { text }
}

//! Sessions for other programs: a line each, in the memory of one page for each shard.

use std::{
    collections::VecDeque,
    fs,
    future::{pending, poll_fn},
    io::{self, ErrorKind},
    process,
    task::Poll,
    thread,
};

use desk_webhooks::{
    protocol::AppId,
    session::Summary,
    store::{Order, SessionPlace, SessionRow, Shelf, Store},
};
use jiff::tz::TimeZone;
use serde::Serialize;
use serde_json::{Value, json};
use tokio::{
    runtime::Builder,
    signal::unix::{Signal, SignalKind, signal},
    sync::oneshot,
};

use super::{
    list::row_json,
    shelves,
    show::{MomentJson, moment_json},
};
use crate::{
    args::{Format, Of},
    error::CliError,
    output::{Lines, note, now_ms, shell_word, timestamp},
};

/// The rows that are read at once.
const PAGE: usize = 100;
/// The most that a pipe holds unless an administrator allows more.
const PIPE_BYTES: u64 = 1024 * 1024;

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

/// A place as `--resume` takes it: letters, digits and `*-._+%` only, whatever the session is called.
fn name(place: &SessionPlace) -> String {
    let session: String = form_urlencoded::byte_serialize(place.session.as_bytes()).collect();
    format!("{}:{session}", place.began_at)
}

fn parse(name: &str) -> Option<SessionPlace> {
    let (began_at, session) = name.split_once(':')?;
    let is_time = began_at.len() == 13 && began_at.bytes().all(|byte| byte.is_ascii_digit());
    let (session, _) = form_urlencoded::parse(session.as_bytes()).next()?;
    is_time.then(|| SessionPlace { began_at: began_at.to_owned(), session: session.into_owned() })
}

/// The UTC day on which a session began.
fn day(place: &SessionPlace) -> String {
    let began_at = timestamp(place.began_at.parse().unwrap_or_default());
    began_at.to_zoned(TimeZone::UTC).date().to_string()
}

pub(super) async fn run(
    store: &Store,
    app: AppId,
    of: Of,
    format: Format,
    resume: Option<&str>,
) -> Result<(), CliError> {
    let shelves = shelves(of);
    let from = resume.map(|name| {
        let place = parse(name).filter(|place| {
            shelves.iter().any(|shelf| match shelf {
                Shelf::User(_) => true,
                Shelf::Day(known) => *known == day(place),
            })
        });
        let unknown = || {
            CliError::said(format!(
                "--resume: `{name}` is not a place of this export; take the place that the interrupted export printed, \
                 with the same --day, --since or --user"
            ))
        };
        place.ok_or_else(unknown)
    });
    let mut export = Export::new(store, app, format, from.transpose()?)?;
    let done = tokio::select! {
        biased;
        signal = interrupted() => Err(CliError::Interrupted { signal }),
        done = export.write(&shelves) => done,
    };
    if let Err(error) = &done {
        export.tell_place(error);
    }
    done
}

/// Waits for a signal that ends a program, such as Ctrl-C, and returns its number.
async fn interrupted() -> u8 {
    let (first, received) = oneshot::channel();
    // The thread of the export may be blocked by a terminal or a disk.
    if thread::Builder::new().spawn(move || watch_signals(first)).is_err() {
        return pending().await;
    }
    match received.await {
        Ok(signal) => signal,
        Err(_) => pending().await,
    }
}

/// Passes on the first signal. The second ends the process.
fn watch_signals(first: oneshot::Sender<u8>) -> io::Result<()> {
    Builder::new_current_thread().enable_io().build()?.block_on(async {
        let mut kinds = vec![SignalKind::interrupt(), SignalKind::terminate()];
        // `nohup` ignores the third.
        kinds.extend(Some(SignalKind::hangup()).filter(|kind| !is_ignored(*kind)));
        let signals = kinds.into_iter().map(|kind| Ok((kind, signal(kind)?)));
        let mut signals = signals.collect::<io::Result<Vec<_>>>()?;
        let _ = first.send(next(&mut signals).await);
        process::exit(128 + i32::from(next(&mut signals).await))
    })
}

async fn next(signals: &mut [(SignalKind, Signal)]) -> u8 {
    let kind = poll_fn(|context| {
        let mut signals = signals.iter_mut();
        let received =
            signals.find_map(|(kind, signal)| signal.poll_recv(context).is_ready().then_some(*kind));
        received.map_or(Poll::Pending, Poll::Ready)
    });
    u8::try_from(kind.await.as_raw_value()).unwrap_or_default()
}

/// True if the process was started with this signal ignored, as far as the system tells.
fn is_ignored(kind: SignalKind) -> bool {
    let status = fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or_default();
    ignored >> (kind.as_raw_value() - 1) & 1 == 1
}

struct Export<'a> {
    store: &'a Store,
    app: AppId,
    format: Format,
    from: Option<SessionPlace>,
    lines: Lines,
    /// The last sessions that were written, each with the bytes of output up to the end of its line.
    written: VecDeque<(u64, SessionPlace)>,
    count: usize,
}

impl<'a> Export<'a> {
    fn new(
        store: &'a Store,
        app: AppId,
        format: Format,
        from: Option<SessionPlace>,
    ) -> Result<Self, CliError> {
        let written = from.iter().map(|place| (0, place.clone())).collect();
        Ok(Self { store, app, format, from, lines: Lines::to_standard_output()?, written, count: 0 })
    }

    async fn write(&mut self, shelves: &[Shelf]) -> Result<(), CliError> {
        const EVERY: usize = 1000;
        if self.format == Format::Csv && self.from.is_none() {
            self.lines.csv(&COLUMNS.join(",")).await?;
        }
        let first_day = self.from.as_ref().map(day);
        for (number, shelf) in shelves.iter().enumerate() {
            if let (Shelf::Day(this), Some(first)) = (shelf, &first_day)
                && this < first
            {
                continue;
            }
            let (after, now_seconds) = (self.from.clone(), now_ms() / 1000);
            let mut sessions = self.store.sessions(self.app, shelf, Order::OldestFirst, after, now_seconds);
            loop {
                let rows = sessions.take(PAGE).await?;
                if rows.is_empty() {
                    break;
                }
                for row in rows {
                    self.write_session(&row).await?;
                    if self.count.is_multiple_of(EVERY) {
                        note!("{} sessions, day {} of {}", self.count, number + 1, shelves.len());
                    }
                }
            }
        }
        note!("{} sessions", self.count);
        Ok(())
    }

    async fn write_session(&mut self, row: &SessionRow) -> Result<(), CliError> {
        let summary = self.store.summary(self.app, &row.session).await?;
        if self.format == Format::Csv {
            self.lines.csv(&csv(row, &summary.unwrap_or_default())).await?;
        } else {
            let story = self.store.story(self.app, &row.session, now_ms() / 1000).await?;
            let timeline = story.iter().map(moment_json).collect();
            self.lines.json(&SessionJson { row: row_json(row), summary, timeline }).await?;
        }
        self.count += 1;
        let written_bytes = self.lines.written_bytes();
        self.written.push_back((written_bytes, row.place()));
        while self.written.get(1).is_some_and(|(bytes, _)| bytes + PIPE_BYTES <= written_bytes) {
            self.written.pop_front();
        }
        Ok(())
    }

    /// Says how to go on. The lines that the reader of a pipe has not read are lost when it ends. It may have kept
    /// less than it read, and may have ended within a line.
    fn tell_place(&self, error: &CliError) {
        let arrived = match error {
            CliError::Output(error) if error.kind() == ErrorKind::BrokenPipe => self.lines.read_bytes(),
            _ => self.lines.written_bytes(),
        };
        let place = self.written.iter().rev().find(|(bytes, _)| *bytes <= arrived).map(|(_, place)| place);
        let argument = |place| format!("--resume={}", shell_word(&name(place)));
        match place {
            None => note!("the export is not complete; begin again"),
            Some(place) if self.lines.is_whole_file() => {
                note!("the export is not complete; go on with {}", argument(place));
            }
            Some(place) => note!(
                "the export is not complete; if its last whole line is that of session {}, remove what follows \
                 this line and go on with {}; otherwise begin again",
                place.session,
                argument(place)
            ),
        }
    }
}

/// A session, the same in each export.
#[derive(Serialize)]
struct SessionJson<'a> {
    #[serde(flatten)]
    row: Value,
    summary: Option<Summary>,
    timeline: Vec<MomentJson<'a>>,
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

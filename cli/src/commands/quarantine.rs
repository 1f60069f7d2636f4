//! What was verified and not understood.

use desk_webhooks::{
    protocol::{AppId, EventTime},
    store::{Quarantined, Store},
};
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::{print_json, rules::zone};
use crate::{
    args::Quarantine,
    error::CliError,
    output::{moment, now_ms, table, timestamp, zone_name},
    tables,
};

pub(super) async fn run(command: Quarantine, stack: Option<&str>) -> Result<(), CliError> {
    let store = tables::open(stack).await?;
    match command {
        Quarantine::List { app, day, json } => {
            let midnight = day.and_then(|day| day.to_zoned(TimeZone::UTC).ok());
            let on =
                midnight.map_or_else(now_ms, |midnight| midnight.timestamp().as_millisecond().unsigned_abs());
            let entries = of_day(&store, app.id, on).await?;
            if json {
                print_json(&entries.iter().map(to_json).collect());
            } else {
                list(&entries, &zone(&store, app.id).await);
            }
        }
        Quarantine::Show { entry, app } => {
            let none =
                || CliError::said(format!("there is no entry {entry}; `desk quarantine list` names them"));
            // The name of an entry begins with the time of its receipt.
            let at = entry.split('#').next().and_then(|ms| ms.parse().ok()).ok_or_else(none)?;
            let entries = of_day(&store, app.id, at).await?;
            let found = entries.into_iter().find(|known| known.id.starts_with(&entry)).ok_or_else(none)?;
            println!("{}", found.body);
        }
    }
    Ok(())
}

async fn of_day(store: &Store, app: AppId, at_ms: u64) -> Result<Vec<Quarantined>, CliError> {
    let on = EventTime::from_ms(at_ms).unwrap_or(EventTime::MAX);
    Ok(store.quarantined(app, on, now_ms() / 1000).await?)
}

fn to_json(entry: &Quarantined) -> Value {
    let Quarantined { id, reason, received_at_ms, body } = entry;
    json!({ "entry": id, "reason": reason, "received_at": timestamp(*received_at_ms), "body": body })
}

fn list(entries: &[Quarantined], zone: &TimeZone) {
    if entries.is_empty() {
        anstream::eprintln!("nothing is in quarantine on that day");
        return;
    }
    let rows: Vec<_> = entries
        .iter()
        .map(|entry| {
            // So much of the digest tells two of one millisecond apart.
            let name: String = entry.id.chars().take(22).collect();
            [moment(timestamp(entry.received_at_ms), zone), name, entry.reason.clone()]
        })
        .collect();
    table([&format!("received ({})", zone_name(zone)), "entry", "not understood"], &rows);
}

//! The hours that hold, day by day.

use desk_webhooks::routing::{Calendar as Hours, Day};
use jiff::{Timestamp, ToSpan, civil::Date};
use serde_json::json;

use crate::{
    args::Calendar,
    document::Document,
    error::CliError,
    output::{self, Text, faint, table, text, zone_name},
};

/// Ten years: more than anybody reads.
const MOST_DAYS: usize = 3653;

pub(super) fn run(arguments: &Calendar) -> Result<(), CliError> {
    let ruleset = Document::open(&arguments.file)?.ruleset()?;
    let calendar =
        ruleset.calendars.iter().find(|calendar| calendar.name == arguments.name).ok_or_else(|| {
            let names: Vec<_> = ruleset.calendars.iter().map(|calendar| calendar.name.as_str()).collect();
            let known = if names.is_empty() {
                "it has none".to_owned()
            } else {
                format!("it has {}", names.join(", "))
            };
            CliError::said(format!(
                "{} has no calendar `{}`; {known}",
                arguments.file.display(),
                arguments.name
            ))
        })?;
    let from = arguments.from.unwrap_or_else(|| calendar.timezone.to_datetime(Timestamp::now()).date());
    let to = arguments.to.unwrap_or_else(|| from.saturating_add(13.days()));
    if to < from {
        return Err(CliError::said(format!("--to {to} lies before --from {from}")));
    }
    let dates: Vec<_> = from.series(1.day()).take_while(|date| *date <= to).take(MOST_DAYS + 1).collect();
    if dates.len() > MOST_DAYS {
        return Err(CliError::said("these are more than ten years; take fewer days"));
    }
    if arguments.json {
        let days: Vec<_> = dates.iter().map(|date| to_json(calendar, *date)).collect();
        output::json(&days)
    } else {
        let rows: Vec<_> = dates.iter().map(|date| row(calendar, *date)).collect();
        let hours = format!("hours ({})", zone_name(&calendar.timezone));
        table(["date", "", &hours, "because"], &rows)
    }
}

fn hours(day: &Day<'_>) -> Vec<String> {
    day.hours.iter().map(ToString::to_string).collect()
}

fn to_json(calendar: &Hours, date: Date) -> serde_json::Value {
    let day = calendar.day(date);
    json!({ "date": date, "hours": hours(&day), "because": day.because.describe(), "clock": clock(calendar, date) })
}

fn row(calendar: &Hours, date: Date) -> [Text; 4] {
    let day = calendar.day(date);
    let hours = if day.hours.is_empty() { faint("closed") } else { text!("{}", hours(&day).join(", ")) };
    let because = day.because.describe().into_iter().chain(clock(calendar, date));
    let because = because.collect::<Vec<_>>().join("; ");
    [text!("{}", date), text!("{}", date.strftime("%a")), hours, text!("{}", because)]
}

/// What daylight saving does to the clocks on that day.
fn clock(calendar: &Hours, date: Date) -> Option<String> {
    let midnight = |date: Date| date.to_zoned(calendar.timezone.clone()).ok();
    let (start, end) = (midnight(date)?, midnight(date.tomorrow().ok()?)?);
    let change = (end.timestamp().duration_since(start.timestamp()).as_secs() - 86_400) / 60;
    match change {
        0 => None,
        change if change < 0 => Some(format!("clocks go forward {} min", -change)),
        change => Some(format!("clocks go back {change} min")),
    }
}

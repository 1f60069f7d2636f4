//! What people see: colour on a terminal only, columns that line up, times in a zone.

use std::fmt::{Display, Write};

use anstyle::{AnsiColor, Style};
use desk_webhooks::protocol::Reply;
use jiff::{Timestamp, tz::TimeZone};
use unicode_width::UnicodeWidthStr;

fn styled(style: Style, text: impl Display) -> String {
    format!("{style}{text}{style:#}")
}

/// For what is wrong.
pub(crate) fn red(text: impl Display) -> String {
    styled(AnsiColor::Red.on_default().bold(), text)
}

/// For what is right.
pub(crate) fn green(text: impl Display) -> String {
    styled(AnsiColor::Green.on_default(), text)
}

/// For what deserves a look.
pub(crate) fn yellow(text: impl Display) -> String {
    styled(AnsiColor::Yellow.on_default(), text)
}

/// For what is beside the point.
pub(crate) fn faint(text: impl Display) -> String {
    styled(Style::new().dimmed(), text)
}

/// For headings.
pub(crate) fn bold(text: impl Display) -> String {
    styled(Style::new().bold(), text)
}

/// What a terminal obeys and does not show: controls, and what changes the direction of the text, so that
/// it reads otherwise than it is.
fn is_command(character: char) -> bool {
    let turns_text = matches!(
        character,
        '\u{061C}' | '\u{200E}' | '\u{200F}' | '\u{202A}'..='\u{202E}' | '\u{2066}'..='\u{2069}'
    );
    character.is_control() || turns_text
}

/// What somebody else wrote, without what a terminal would take for a command. Line ends stay.
pub(crate) fn printable(text: &str) -> String {
    text.replace(|character: char| is_command(character) && character != '\n', "\u{FFFD}")
}

/// The same on one line, where a line end could feign a line of ours.
pub(crate) fn printable_line(text: &str) -> String {
    printable(text).replace('\n', " ")
}

/// The same JSON, without what a terminal would take for a command. JSON itself escapes the controls below
/// U+0020 alone. The others can only stand in its texts, where an escape means the same; the white space
/// around its values stays.
pub(crate) fn printable_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        if is_command(character) && !matches!(character, '\n' | '\r' | '\t') {
            // Writing to a text does not fail.
            let _ = write!(safe, "\\u{:04x}", u32::from(character));
        } else {
            safe.push(character);
        }
    }
    safe
}

/// The columns that a text takes on a terminal: two for a Chinese character, none for a colour.
fn width(text: &str) -> usize {
    anstream::adapter::strip_str(text).to_string().width()
}

/// The text, filled up to this many columns of a terminal.
pub(crate) fn padded(text: &str, columns: usize) -> String {
    format!("{text}{}", " ".repeat(columns.saturating_sub(width(text))))
}

/// Prints rows under a heading, each column as wide as its widest cell.
pub(crate) fn table<const COLUMNS: usize>(heading: [&str; COLUMNS], rows: &[[String; COLUMNS]]) {
    let widest = |column: usize| {
        let cells = rows.iter().map(|row| width(&row[column]));
        cells.chain([width(heading[column])]).max().unwrap_or_default()
    };
    let widths: [usize; COLUMNS] = std::array::from_fn(widest);
    let line = |cells: [&str; COLUMNS]| {
        let cells: Vec<_> = cells.iter().zip(widths).map(|(cell, width)| padded(cell, width)).collect();
        cells.join("  ").trim_end().to_owned()
    };
    anstream::println!("{}", bold(line(heading)));
    for row in rows {
        anstream::println!("{}", line(std::array::from_fn(|column| row[column].as_str())));
    }
}

/// A moment for a person, to the second.
pub(crate) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// What a person calls a zone.
pub(crate) fn zone_name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

/// Milliseconds since the epoch as a moment; the epoch itself for what is none.
pub(crate) fn timestamp(ms: u64) -> Timestamp {
    i64::try_from(ms).ok().and_then(|ms| Timestamp::from_millisecond(ms).ok()).unwrap_or_default()
}

/// The wall clock, in milliseconds since the epoch.
pub(crate) fn now_ms() -> u64 {
    u64::try_from(Timestamp::now().as_millisecond()).unwrap_or_default()
}

/// Milliseconds as a person says them: `850 ms`, `12 s`, `3 min 5 s`, `2 h 10 min`.
pub(crate) fn duration(ms: u64) -> String {
    let seconds = ms / 1000;
    match (seconds / 3600, seconds / 60 % 60, seconds % 60) {
        (0, 0, 0) => format!("{ms} ms"),
        (0, 0, seconds) => format!("{seconds} s"),
        (0, minutes, seconds) => format!("{minutes} min {seconds} s"),
        (hours, minutes, _) => format!("{hours} h {minutes} min"),
    }
}

/// Who was asked to serve.
pub(crate) fn reply(reply: &Reply) -> String {
    let group = reply.agent_group_id.map(|group| format!("group {group}"));
    let agents =
        (!reply.agent_id_list.is_empty()).then(|| format!("agents {}", reply.agent_id_list.join(", ")));
    let failed = (reply.error_code != 0).then(|| format!("nobody: {}", reply.error_info));
    printable(&group.into_iter().chain(agents).chain(failed).collect::<Vec<_>>().join(", "))
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    #[test]
    fn nothing_that_a_terminal_obeys_is_printed() {
        let hostile = "a\u{1b}\u{7f}\u{9b}\u{202e}\u{2066}\u{200f}\nb";
        assert_eq!(printable(hostile), format!("a{}\nb", "\u{FFFD}".repeat(6)));
        assert_eq!(printable_line(hostile), format!("a{} b", "\u{FFFD}".repeat(6)));
        let value = json!({ "said": hostile });
        let printed = printable_json(&format!("{value:#}"));
        assert!(printed.contains(r"a\u001b\u007f\u009b\u202e\u2066\u200f\nb"), "{printed}");
        assert_eq!(serde_json::from_str::<Value>(&printed).unwrap_or_default(), value);
    }
}

//! Everything that the command prints. No other module writes to standard output or standard error, so this
//! module alone makes text safe for a terminal and reports what could not be written.
//!
//! - For people: [`say!`] and [`note!`]. Each part of the format is escaped, unless it is a [`Text`].
//! - For programs: [`json`], [`JsonList`], [`Lines`] and [`document`]. They are exact. On a terminal, they are
//!   escaped as well.

// The one module that may.
#![allow(clippy::disallowed_macros, clippy::disallowed_methods)]

mod lines;

use std::{
    fmt::{self, Display, Write as _},
    fs::File,
    io::{self, ErrorKind, IsTerminal, Write as _},
    os::fd::AsFd,
};

use anstream::{AutoStream, ColorChoice, adapter::strip_str};
use anstyle::{AnsiColor, Style};
use desk_webhooks::protocol::Reply;
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use unicode_width::UnicodeWidthStr;

pub(crate) use lines::Lines;

use crate::error::CliError;

/// Text for a person. Its only control characters are the line ends and the colors of this command.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(crate) struct Text(String);

/// A part of a text: a [`Text`] as it is, anything else escaped.
pub(crate) trait Part {
    /// Writes it so that a terminal shows each character.
    fn write(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result;
}

impl Part for Text {
    fn write(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        to.write_str(&self.0)
    }
}

impl Part for &Text {
    fn write(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        (*self).write(to)
    }
}

impl<T: Display + ?Sized> Part for T {
    fn write(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(Escaping(to), "{self}")
    }
}

/// A part of a format string. For [`text!`] alone.
pub(crate) struct Safe<'a, P: ?Sized>(pub(crate) &'a P);

impl<P: Part + ?Sized> Display for Safe<'_, P> {
    fn fmt(&self, to: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.write(to)
    }
}

/// Makes a [`Text`] from a format and its parts. `concat!` refuses `{name}` in the format, which would not be
/// escaped.
macro_rules! text {
    ($format:literal $(, $part:expr)* $(,)?) => {
        $crate::output::Text::format(format_args!(concat!($format) $(, $crate::output::Safe(&$part))*))
    };
}

/// Prints a line to standard output.
macro_rules! say {
    ($($parts:tt)*) => { $crate::output::print_line(&$crate::output::text!($($parts)*)) };
}

/// Prints a line to standard error: progress, findings, what to do next.
macro_rules! note {
    ($($parts:tt)*) => { $crate::output::print_note(&$crate::output::text!($($parts)*)) };
}

pub(crate) use {note, say, text};

impl Text {
    /// From parts that are safe. For [`text!`] alone.
    pub(crate) fn format(parts: fmt::Arguments<'_>) -> Self {
        Self(parts.to_string())
    }

    /// From a message of clap, with its colors. It may repeat variables of the environment.
    pub(crate) fn of_clap(error: &clap::Error) -> Self {
        let rendered = error.render().ansi().to_string();
        let mut safe = String::with_capacity(rendered.len());
        let mut rest = rendered.trim_end();
        while let Some(character) = rest.chars().next() {
            let color = color(rest);
            if let Some(color) = color {
                safe.push_str(color);
            } else if character == '\n' {
                safe.push(character);
            } else {
                safe.push_str(&escaped(character.encode_utf8(&mut [0; 4])));
            }
            rest = &rest[color.map_or(character.len_utf8(), str::len)..];
        }
        Self(safe)
    }

    /// Without the blanks at its end.
    pub(crate) fn trim_end(&self) -> Self {
        Self(self.0.trim_end().to_owned())
    }

    /// Parts with a separator in between.
    pub(crate) fn join(parts: &[Self], separator: &'static str) -> Self {
        let parts: Vec<_> = parts.iter().map(|part| part.0.as_str()).collect();
        Self(parts.join(separator))
    }

    /// The columns that it takes on a terminal: two for a Chinese character, none for a color.
    pub(crate) fn width(&self) -> usize {
        strip_str(&self.0).to_string().width()
    }
}

/// The sequence that sets colors, if the text begins with one.
fn color(text: &str) -> Option<&str> {
    let numbers = text.strip_prefix("\u{1b}[")?;
    let end = numbers.find(|character: char| !character.is_ascii_digit() && character != ';')?;
    numbers[end..].starts_with('m').then(|| &text[.."\u{1b}[".len() + end + 1])
}

/// True if a terminal obeys the character and does not show it. These are control characters, and characters
/// that turn the direction of text or break lines.
fn is_command(character: char) -> bool {
    character.is_control()
        || matches!(
            character,
            '\u{061C}'
                | '\u{200E}'
                | '\u{200F}'
                | '\u{2028}'..='\u{202E}'
                | '\u{2066}'..='\u{2069}'
        )
}

/// Passes on what is written, escaped.
struct Escaping<'a, 'f>(&'a mut fmt::Formatter<'f>);

impl fmt::Write for Escaping<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for character in text.chars() {
            if is_command(character) {
                write!(self.0, "{}", character.escape_default())?;
            } else {
                self.0.write_char(character)?;
            }
        }
        Ok(())
    }
}

/// Text as a terminal may show it, on one line: `\n`, `\u{1b}`.
pub(crate) fn escaped(text: &str) -> String {
    Safe(text).to_string()
}

/// The same JSON, as a terminal may show it. JSON itself escapes only the controls below U+0020. Outside of
/// its strings, a tab or a carriage return is white space.
fn escaped_json(json: &str) -> String {
    let mut safe = String::with_capacity(json.len());
    for character in json.chars() {
        match character {
            '\n' => safe.push(character),
            '\t' | '\r' => safe.push(' '),
            _ if is_command(character) => safe.push_str(&format!("\\u{:04x}", u32::from(character))),
            _ => safe.push(character),
        }
    }
    safe
}

/// A word as bash, zsh and ksh read it back: in quotes if need be, without any control character.
pub(crate) fn shell_word(word: &str) -> String {
    let is_plain = |character: char| character.is_ascii_alphanumeric() || "-_./:@%+,".contains(character);
    if !word.is_empty() && word.chars().all(is_plain) {
        return word.to_owned();
    }
    if !word.contains(is_command) {
        return format!("'{}'", word.replace('\'', r"'\''"));
    }
    let mut quoted = String::from("$'");
    for character in word.chars() {
        if is_command(character) {
            quoted.extend(character.to_string().bytes().map(|byte| format!("\\{byte:03o}")));
        } else {
            quoted.extend(matches!(character, '\'' | '\\').then_some('\\'));
            quoted.push(character);
        }
    }
    quoted + "'"
}

/// Prints a line to standard output. For [`say!`] alone.
///
/// # Errors
/// It cannot be written.
pub(crate) fn print_line(line: &Text) -> Result<(), CliError> {
    let line = match AutoStream::choice(&io::stdout()) {
        ColorChoice::Never => strip_str(&line.0).to_string(),
        _ => line.0.clone(),
    };
    write_exactly(line + "\n")
}

/// Returns success if standard output is a closed pipe. The verdict that is printed decides the exit code,
/// whether it is read or not.
///
/// # Errors
/// It cannot be written for another reason.
pub(crate) fn unless_closed(printed: Result<(), CliError>) -> Result<(), CliError> {
    match printed {
        Err(CliError::Output(error)) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        printed => printed,
    }
}

/// Prints a line to standard error. For [`note!`] alone. There is no place to report a failure; the exit code
/// is what is left.
pub(crate) fn print_note(line: &Text) {
    let _ = writeln!(anstream::stderr().lock(), "{}", line.0);
}

/// Asks on standard error and returns the answer from standard input.
///
/// # Errors
/// Standard input cannot be read.
pub(crate) fn ask(question: &Text) -> io::Result<String> {
    let mut terminal = anstream::stderr().lock();
    write!(terminal, "{} ", question.0)?;
    terminal.flush()?;
    let mut answer = String::new();
    io::stdin().read_line(&mut answer)?;
    Ok(answer)
}

/// Prints a value as JSON in several lines.
///
/// # Errors
/// It cannot be written.
pub(crate) fn json(value: &impl Serialize) -> Result<(), CliError> {
    print_json(serde_json::to_string_pretty(value).map_err(cannot_serialize)?)
}

fn one_line(value: &impl Serialize) -> Result<String, CliError> {
    let line = serde_json::to_string(value).map_err(cannot_serialize)?;
    // A value may contain JSON as it was received. Its strings contain no line ends.
    Ok(line.replace(['\n', '\r'], " "))
}

/// A JSON list that is printed as its items are read.
#[derive(Default)]
pub(crate) struct JsonList {
    has_items: bool,
}

impl JsonList {
    /// Prints an item.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn item(&mut self, value: &impl Serialize) -> Result<(), CliError> {
        let before = if self.has_items { "," } else { "[" };
        self.has_items = true;
        print_json(format!("{before} {}", one_line(value)?))
    }

    /// Ends the list.
    ///
    /// # Errors
    /// It cannot be written.
    pub(crate) fn end(self) -> Result<(), CliError> {
        print_json(if self.has_items { "]" } else { "[]" }.to_owned())
    }
}

fn cannot_serialize(error: serde_json::Error) -> CliError {
    CliError::said(format!("the JSON cannot be written: {error}"))
}

fn print_json(json: String) -> Result<(), CliError> {
    let json = if io::stdout().is_terminal() { escaped_json(&json) } else { json };
    write_exactly(json + "\n")
}

/// Prints a document as it was written.
///
/// # Errors
/// It cannot be written.
pub(crate) fn document(document: &str) -> Result<(), CliError> {
    if io::stdout().is_terminal() {
        document.lines().try_for_each(|line| say!("{}", line))
    } else {
        write_exactly(document.to_owned())
    }
}

/// Writes to the descriptor. The standard library reports success if the descriptor is not open for writing.
fn write_exactly(text: String) -> Result<(), CliError> {
    let out = io::stdout().as_fd().try_clone_to_owned().map(File::from);
    out.and_then(|mut out| out.write_all(text.as_bytes())).map_err(CliError::Output)
}

fn styled(style: Style, part: impl Part) -> Text {
    Text(format!("{style}{}{style:#}", Safe(&part)))
}

/// Marks a failure.
pub(crate) fn red(part: impl Part) -> Text {
    styled(AnsiColor::Red.on_default().bold(), part)
}

/// Marks a success.
pub(crate) fn green(part: impl Part) -> Text {
    styled(AnsiColor::Green.on_default(), part)
}

/// Marks a warning.
pub(crate) fn yellow(part: impl Part) -> Text {
    styled(AnsiColor::Yellow.on_default(), part)
}

/// Marks a detail.
pub(crate) fn faint(part: impl Part) -> Text {
    styled(Style::new().dimmed(), part)
}

/// Marks a heading.
pub(crate) fn bold(part: impl Part) -> Text {
    styled(Style::new().bold(), part)
}

/// The part, filled up to this many columns of a terminal.
pub(crate) fn padded(part: impl Part, columns: usize) -> Text {
    let text = text!("{}", part);
    let missing = columns.saturating_sub(text.width());
    Text(text.0 + &" ".repeat(missing))
}

/// Prints rows under a heading, each column as wide as its widest cell.
///
/// # Errors
/// They cannot be written.
pub(crate) fn table<const COLUMNS: usize>(
    heading: [&str; COLUMNS],
    rows: &[[Text; COLUMNS]],
) -> Result<(), CliError> {
    let heading = heading.map(|name| text!("{}", name));
    let widest = |column: usize| {
        let cells = rows.iter().chain([&heading]).map(|row| row[column].width());
        cells.max().unwrap_or_default()
    };
    let widths: [usize; COLUMNS] = std::array::from_fn(widest);
    let line = |cells: &[Text; COLUMNS]| {
        let cells: Vec<_> = cells.iter().zip(widths).map(|(cell, width)| padded(cell, width)).collect();
        Text::join(&cells, "  ").trim_end()
    };
    say!("{}", bold(line(&heading)))?;
    rows.iter().try_for_each(|row| say!("{}", line(row)))
}

/// A timestamp for a person, to the second.
pub(crate) fn moment(at: Timestamp, zone: &TimeZone) -> String {
    at.to_zoned(zone.clone()).strftime("%Y-%m-%d %H:%M:%S").to_string()
}

/// The name of a time zone.
pub(crate) fn zone_name(zone: &TimeZone) -> &str {
    zone.iana_name().unwrap_or("UTC")
}

/// Converts milliseconds since the epoch. An invalid number becomes the epoch.
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

/// An assignment for a person: its group and its agents.
pub(crate) fn reply(reply: &Reply) -> String {
    let group = reply.agent_group_id.map(|group| format!("group {group}"));
    let agents =
        (!reply.agent_id_list.is_empty()).then(|| format!("agents {}", reply.agent_id_list.join(", ")));
    let failed = (reply.error_code != 0).then(|| format!("nobody: {}", reply.error_info));
    group.into_iter().chain(agents).chain(failed).collect::<Vec<_>>().join(", ")
}

#[cfg(test)]
mod tests {
    use serde_json::{Value, json};

    use super::*;

    /// Escape, delete, the same as `ESC [` in one character, turns of the direction, line ends of all kinds.
    const HOSTILE: &str = "a\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{2066}\u{200f}\u{2028}\u{85}\r\tb\nc";
    const SHOWN: &str = r"a\u{1b}[2J\u{7f}\u{9b}\u{202e}\u{2066}\u{200f}\u{2028}\u{85}\r\tb\nc";

    #[test]
    fn text_from_elsewhere_gives_a_terminal_no_commands() {
        assert_eq!(escaped(HOSTILE), SHOWN);
        assert_eq!(text!("{}\n{}", HOSTILE, red(HOSTILE)).0, format!("{SHOWN}\n{}", red(SHOWN).0));
        assert_eq!(escaped("退款 é 👩‍💻"), "退款 é 👩‍💻");
    }

    #[test]
    fn json_on_a_terminal_is_the_same_value() {
        let value = json!({ "said": HOSTILE });
        let printed = escaped_json(&format!("{value:#}"));
        assert!(printed.contains(r"\u007f\u009b\u202e\u2066\u200f\u2028\u0085\r\tb\nc"), "{printed}");
        assert_eq!(serde_json::from_str::<Value>(&printed).unwrap_or_default(), value);
    }

    #[test]
    fn messages_of_clap_keep_their_colors_and_nothing_else() {
        let error = clap::Command::new("desk").error(clap::error::ErrorKind::Io, HOSTILE);
        let shown = Text::of_clap(&error).0;
        assert!(shown.starts_with("\u{1b}["), "{shown:?}");
        let plain = strip_str(&shown).to_string();
        assert!(plain.contains(r"a\u{1b}[2J\u{7f}\u{9b}\u{202e}"), "{plain:?}");
        for (text, expected) in
            [("\u{1b}[1;31mred", Some("\u{1b}[1;31m")), ("\u{1b}[2J", None), ("\u{1b}[", None)]
        {
            assert_eq!(color(text), expected);
        }
    }

    #[test]
    fn a_shell_reads_back_the_word_that_was_printed() {
        for (word, printed) in [
            ("s-1", "s-1"),
            ("", "''"),
            ("a b", "'a b'"),
            ("it's", r"'it'\''s'"),
            ("$(rm)`", "'$(rm)`'"),
            ("a\nb'\\", r"$'a\012b\'\\'"),
        ] {
            assert_eq!(shell_word(word), printed);
        }
        for word in ["", "-rf", "~", "a'b\"c", "退款 !", HOSTILE, "\\'\n$(touch x)"] {
            let script = format!("printf %s {}", shell_word(word));
            let output = std::process::Command::new("bash").args(["-c", &script]).output();
            assert_eq!(
                output.ok().and_then(|output| String::from_utf8(output.stdout).ok()).as_deref(),
                Some(word)
            );
        }
    }
}

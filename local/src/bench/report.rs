//! What was measured as tables: for a terminal, for a document, and as JSON.

use std::fmt::Write;

use serde_json::{Map, Value, json};

use super::stats::Figure;

/// All that one run found.
pub(super) struct Report {
    /// The machine in words, and how busy it was.
    pub(super) machine: String,
    /// What was built.
    pub(super) commit: String,
    pub(super) tables: Vec<Table>,
}

/// One kind of thing in each row, one figure of it in each column.
pub(super) struct Table {
    title: &'static str,
    /// How it was measured, where that is not plain.
    note: String,
    columns: &'static [&'static str],
    rows: Vec<Vec<Cell>>,
}

/// What people read, and what programs read.
#[derive(Clone, Debug)]
pub(super) struct Cell {
    text: String,
    value: Value,
}

impl Table {
    pub(super) fn new(
        title: &'static str,
        note: impl Into<String>,
        columns: &'static [&'static str],
    ) -> Self {
        Self { title, note: note.into(), columns, rows: Vec::new() }
    }

    pub(super) fn row(&mut self, cells: impl Into<Vec<Cell>>) {
        self.rows.push(cells.into());
    }

    fn json(&self) -> Value {
        let row = |row: &Vec<Cell>| -> Value {
            let cells = self.columns.iter().zip(row);
            Value::Object(cells.map(|(&column, cell)| (key(column), cell.value.clone())).collect())
        };
        self.rows.iter().map(row).collect()
    }

    fn text(&self) -> String {
        let mut widths: Vec<_> = self.columns.iter().map(|column| column.chars().count()).collect();
        for row in &self.rows {
            for (width, cell) in widths.iter_mut().zip(row) {
                *width = (*width).max(cell.text.chars().count());
            }
        }
        let line = |cells: Vec<&str>| {
            let padded = cells.iter().zip(&widths).map(|(text, width)| format!("{text:<width$}"));
            padded.collect::<Vec<_>>().join("  ").trim_end().to_owned()
        };
        let mut text = format!("{}\n  {}\n", self.title, line(self.columns.to_vec()));
        for row in &self.rows {
            let _ = writeln!(text, "  {}", line(row.iter().map(|cell| &*cell.text).collect()));
        }
        text
    }

    fn markdown(&self) -> String {
        let mut text = format!("### {}\n\n", self.title);
        if !self.note.is_empty() {
            let _ = writeln!(text, "{}\n", self.note);
        }
        let _ = writeln!(text, "| {} |\n|{}", self.columns.join(" | "), "---|".repeat(self.columns.len()));
        for row in &self.rows {
            let cells: Vec<_> = row.iter().map(|cell| &*cell.text).collect();
            let _ = writeln!(text, "| {} |", cells.join(" | "));
        }
        text
    }
}

impl Report {
    pub(super) fn text(&self) -> String {
        let tables: Vec<_> = self.tables.iter().map(Table::text).collect();
        format!("{}, commit {}\n\n{}", self.machine, self.commit, tables.join("\n"))
    }

    pub(super) fn markdown(&self) -> String {
        let tables: Vec<_> = self.tables.iter().map(Table::markdown).collect();
        tables.join("\n")
    }

    pub(super) fn json(&self) -> Value {
        let mut document = Map::new();
        document.insert("machine".into(), json!(self.machine));
        document.insert("commit".into(), json!(self.commit));
        document.extend(self.tables.iter().map(|table| (key(table.title), table.json())));
        Value::Object(document)
    }
}

/// A heading as a JSON key.
fn key(heading: &str) -> String {
    let words = heading.split(|char: char| !char.is_alphanumeric()).filter(|word| !word.is_empty());
    words.collect::<Vec<_>>().join("_").to_lowercase()
}

impl Cell {
    pub(super) fn text(text: impl Into<String>) -> Self {
        let text = text.into();
        Self { value: json!(text), text }
    }

    /// For people this, for programs that.
    pub(super) fn said(text: String, value: Value) -> Self {
        Self { text, value }
    }

    /// Microseconds, in the unit that reads best.
    pub(super) fn micros(micros: f64) -> Self {
        Self { text: in_words(micros), value: json!({ "us": Figure::of(vec![micros]).json()["median"] }) }
    }

    /// Microseconds with their spread.
    pub(super) fn time(figure: Figure) -> Self {
        let Figure { median, low, high } = figure;
        if median.is_nan() {
            return Self::nothing();
        }
        let text = format!("{} ({} to {})", in_words(median), in_words(low), in_words(high));
        Self { text, value: json!({ "us": figure.json() }) }
    }

    pub(super) fn ratio(figure: Figure) -> Self {
        let Figure { median, low, high } = figure;
        // What was found once has no spread.
        let spread = if low == high { String::new() } else { format!(" ({low:.2} to {high:.2})") };
        Self { text: format!("{median:.2}{spread}"), value: figure.json() }
    }

    pub(super) fn number(number: f64, decimals: usize) -> Self {
        Self { text: format!("{number:.decimals$}"), value: json!(number) }
    }

    pub(super) fn megabytes(bytes: u64) -> Self {
        Self { text: format!("{:.2} MB", bytes as f64 / 1e6), value: json!({ "bytes": bytes }) }
    }

    pub(super) fn yes(reached: bool) -> Self {
        Self { text: if reached { "yes" } else { "no" }.into(), value: json!(reached) }
    }

    pub(super) fn nothing() -> Self {
        Self { text: "–".into(), value: Value::Null }
    }
}

fn in_words(micros: f64) -> String {
    match micros {
        ..1.0 => format!("{:.0} ns", micros * 1e3),
        ..9.95 => format!("{micros:.1} µs"),
        ..999.5 => format!("{micros:.0} µs"),
        ..9995.0 => format!("{:.2} ms", micros / 1e3),
        _ => format!("{:.1} ms", micros / 1e3),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_table_is_read_by_people_and_by_programs() {
        let mut table = Table::new("Warm answers", "In turns.", &["What", "p50, p99"]);
        table.row([Cell::text("refusal"), Cell::micros(1234.0)]);
        assert_eq!(table.json(), json!([{ "what": "refusal", "p50_p99": { "us": 1234.0 } }]));
        assert_eq!(table.text(), "Warm answers\n  What     p50, p99\n  refusal  1.23 ms\n");
        assert!(table.markdown().ends_with("| What | p50, p99 |\n|---|---|\n| refusal | 1.23 ms |\n"));
    }
}

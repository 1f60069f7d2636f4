//! The figures' place in the documents: between two marks, so that nobody copies them by hand.

use std::fs;

use desk_local::stage::repository;

use super::{Outcome, report::Report};

const FROM: &str = "<!-- from here on by `make bench` -->\n";
const TO: &str = "<!-- up to here by `make bench` -->\n";

/// Writes `docs/scaling.svg`, and the tables into `docs/performance.md`.
pub(super) fn write(report: &Report, picture: &str) -> Outcome<()> {
    let docs = repository().join("docs");
    let path = docs.join("performance.md");
    let figures = format!(
        "On {}, at commit {}. A median, and in brackets the quartiles of its rounds.\n\n{}\n\
         ![How the time of an answer grows](scaling.svg)\n",
        report.machine,
        report.commit,
        report.markdown()
    );
    let text = fs::read_to_string(&path)?;
    let replaced =
        replace(&text, &figures).ok_or("docs/performance.md has lost the marks between which figures go")?;
    fs::write(path, replaced)?;
    Ok(fs::write(docs.join("scaling.svg"), picture)?)
}

fn replace(text: &str, figures: &str) -> Option<String> {
    let (before, rest) = text.split_once(FROM)?;
    let (_, after) = rest.split_once(TO)?;
    Some(format!("{before}{FROM}\n{figures}\n{TO}{after}"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_what_is_between_the_marks_is_replaced() {
        let text = |figures| format!("# Speed\n{FROM}\n{figures}\n{TO}After.\n");
        assert_eq!(replace(&text("old"), "new"), Some(text("new")));
        assert_eq!(replace("no marks", "new"), None);
    }
}

//! The figures to reach, and whether they were.

use super::{
    Outcome,
    ask::Ask,
    raw::Raw,
    report::{Cell, Table},
    rules::Pure,
    scaling,
    size::{self, Grown},
    starts::Starts,
    stats::Figure,
    warm::{self, Warm, Who},
    wire::{self, Counted},
};

/// One figure to reach.
struct Goal {
    what: String,
    reach: f64,
    unit: &'static str,
    found: Figure,
}

/// What both forms of the command measure.
pub(super) struct Ratios<'a> {
    pub(super) pure: &'a Pure,
    pub(super) starts: &'a Starts,
    pub(super) warm: &'a [Warm],
}

/// What only the long one does.
pub(super) struct Whole<'a> {
    pub(super) grown: &'a [Grown],
    pub(super) counted: &'a [Counted],
    pub(super) by_rules: &'a scaling::Scale,
}

pub(super) fn table(ratios: &Ratios<'_>, whole: Option<&Whole<'_>>) -> Outcome<Table> {
    let mut goals = ratios.goals()?;
    if let Some(whole) = whole {
        goals.extend(whole.goals(ratios.warm)?);
    }
    let mut table = Table::new("Figures to reach", "", &["", "at most", "found", "reached", "off by"]);
    for Goal { what, reach, unit, found } in goals {
        let decimals = if reach.fract() == 0.0 { 0 } else { 2 };
        let off = (found.median / reach - 1.0) * 100.0;
        table.row([
            Cell::text(what),
            Cell::text(format!("{reach:.decimals$}{unit}")),
            Cell::ratio(found),
            Cell::yes(found.median <= reach),
            if off > 0.0 { Cell::text(format!("{off:.0} %")) } else { Cell::nothing() },
        ]);
    }
    Ok(table)
}

impl Ratios<'_> {
    fn goals(&self) -> Outcome<Vec<Goal>> {
        let goal = |what: &str, reach, unit, found| Goal { what: what.into(), reach, unit, found };
        let (floor, put) = warm::floor_and_put(self.warm)?;
        let unrecorded = warm::of(self.warm, Who::Function(Ask::Unrecorded))?;
        let message = warm::of(self.warm, Who::Function(Ask::Message))?;
        let mut goals = Vec::new();
        for function in ["assign-agent", "session-events"] {
            let found = self.starts.against_floor(function)?;
            goals.push(goal(&format!("start to first poll, {function} / floor"), 1.25, "", found));
            let found = self.starts.first_against_second(&format!("{function} over TLS"))?;
            goals.push(goal(&format!("first answer over TLS / second, {function}"), 3.0, "", found));
        }
        goals.push(goal("question, no facts, not recorded / floor", 2.0, "", unrecorded.against(floor)));
        goals.push(goal("message stored / raw PutItem", 1.25, "", message.against(put)));
        let in_loop = warm::of(self.warm, Who::Sdk(Raw::PutInLoop))?;
        goals.push(goal("message stored / raw PutItem, in a loop", 1.25, "", message.against(in_loop)));
        // No goal of its own: what of the one before is not ours.
        let floor_put = warm::of(self.warm, Who::Function(Ask::FloorPut))?;
        goals.push(goal("message stored / floor that puts it", 1.25, "", message.against(floor_put)));
        for function in ["assign-agent", "session-events"] {
            if let Some(bytes) = size::zip(function) {
                let found = exactly(bytes as f64 / 1e6);
                goals.push(goal(&format!("zip for arm64, {function}"), 3.0, " MB", found));
            }
        }
        goals.push(goal("decide, the last of 100 rules", 5.0, " µs", self.pure.deciding));
        goals.push(goal("read and compile 500 rules", 2.0, " ms", scaled(self.pure.reading, 1e-3)));
        Ok(goals)
    }
}

impl Whole<'_> {
    fn goals(&self, all: &[Warm]) -> Outcome<Vec<Goal>> {
        let goal = |what: &str, reach, unit, found| Goal { what: what.into(), reach, unit, found };
        let mut goals = Vec::new();
        for grown in self.grown {
            let peak = exactly(grown.peak() as f64 / 1e6);
            goals.push(goal(&format!("resident memory at its peak, {}", grown.function), 16.0, " MB", peak));
            let growth = exactly(grown.last_growth());
            let what = format!("memory after 50,000 answers / after 10,000, {}", grown.function);
            goals.push(goal(&what, 1.05, "", growth));
        }
        let beyond = self.by_rules.at(100)?.beyond(self.by_rules.at(1)?);
        goals.push(goal("an answer after 100 rules, beyond one after 1", 10.0, " µs", beyond));
        goals.push(goal("the worst p99 / p50 of warm answers", 3.0, "", warm::worst_tail(all)));
        for (ask, requests) in [(Ask::Unrecorded, 0.0), (Ask::Recorded, 1.0), (Ask::Message, 1.0)] {
            let found = exactly(wire::requests(self.counted, ask));
            goals.push(goal(&format!("requests to DynamoDB, {}", ask.name()), requests, "", found));
        }
        Ok(goals)
    }
}

fn exactly(value: f64) -> Figure {
    Figure { median: value, low: value, high: value }
}

fn scaled(Figure { median, low, high }: Figure, by: f64) -> Figure {
    Figure { median: median * by, low: low * by, high: high * by }
}

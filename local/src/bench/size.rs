//! What functions weigh: in memory, from the start through many answers, and as files.

use std::fs;

use desk_local::stage::repository;
use serde_json::Value;

use super::{
    Outcome,
    ask::{Ask, NO_FACTS, Samples, now_ms},
    place::{Place, all_became, answered},
    report::{Cell, Table},
};

/// All that one function answers: so many that what it remembers is full long before.
const ANSWERS: u64 = 100_000;
/// After so many answers it is looked at.
const STEPS: [u64; 6] = [0, 1, 1000, 10_000, 50_000, ANSWERS];
/// Messages of one session, when many sessions take their turn.
const STORY: u64 = 10;

/// The resident memory of one function at those moments.
pub(super) struct Grown {
    pub(super) function: &'static str,
    resident: Vec<u64>,
    peak: u64,
}

impl Grown {
    /// The most that it ever held.
    pub(super) fn peak(&self) -> u64 {
        self.peak
    }

    /// How much it grew over the last step.
    pub(super) fn last_growth(&self) -> f64 {
        match self.resident[..] {
            [.., before, after] => after as f64 / before as f64,
            _ => f64::NAN,
        }
    }
}

/// Of the function that answers this, mostly this.
pub(super) async fn memory(place: &Place, mostly: Ask) -> Outcome<Grown> {
    let function = mostly.function();
    let mut sandbox = place.function(function, &[]).await?;
    sandbox.ready().await?;
    let mut resident = Vec::new();
    for n in 0..=ANSWERS {
        if STEPS.contains(&n) {
            resident.push(sandbox.memory_bytes()?.resident);
        }
        if n < ANSWERS {
            answered(&mut sandbox, &usual(&place.samples, mostly, n)).await?;
        }
    }
    all_became(&sandbox, mostly.outcomes())?;
    Ok(Grown { function, resident, peak: sandbox.memory_bytes()?.peak })
}

/// What a sandbox gets over its life: recorded questions, some with facts; messages of many sessions, each
/// begun by a state change.
fn usual(samples: &Samples, mostly: Ask, n: u64) -> Value {
    let n = 3_000_000 + n;
    match (mostly, n % STORY) {
        (Ask::Recorded, 0) => samples.ask(Ask::AllFacts, n),
        (Ask::Message, 0) => samples.ask(Ask::Lifecycle, n / STORY),
        (Ask::Message, _) => samples.message_in(NO_FACTS, &format!("begin-{}", n / STORY), now_ms(), n),
        _ => samples.ask(mostly, n),
    }
}

pub(super) fn memory_table(all: &[Grown]) -> Table {
    let mut table = Table::new(
        "Resident memory",
        "Without rules to speak of.",
        &["function", "at the first poll", "1 answer", "1,000", "10,000", "50,000", "100,000", "peak"],
    );
    for grown in all {
        let mut cells = vec![Cell::text(grown.function)];
        cells.extend(grown.resident.iter().map(|&bytes| Cell::megabytes(bytes)));
        cells.push(Cell::megabytes(grown.peak));
        table.row(cells);
    }
    table
}

/// The size of a function's zip for arm64.
pub(super) fn zip(function: &str) -> Outcome<u64> {
    let zip = repository().join("target/lambda").join(function).join("bootstrap.zip");
    let zip = fs::metadata(zip).map_err(|error| format!("no zip of {function} ({error}): `make build`"))?;
    Ok(zip.len())
}

pub(super) fn files_table() -> Outcome<Table> {
    let mut table = Table::new(
        "Artefacts",
        "The binary is that of this machine, the zip that for arm64 (`make build`).",
        &["function", "binary", "zip, arm64"],
    );
    for function in ["desk-floor", "assign-agent", "session-events"] {
        let binary = fs::metadata(repository().join("target/release").join(function))?.len();
        let zip = if function == "desk-floor" { Cell::nothing() } else { Cell::megabytes(zip(function)?) };
        table.row([Cell::text(function), Cell::megabytes(binary), zip]);
    }
    Ok(table)
}

//! What answers cost, counted at the wire: requests to DynamoDB, and the units that it says they consumed.

use desk_local::proxy::{Proxy, Verdict};

use super::{
    Outcome,
    ask::Ask,
    place::{Place, answered},
    report::{Cell, Table},
};

/// Counted of each kind.
const ANSWERS: u64 = 10;

const ASKS: [Ask; 8] = [
    Ask::Unrecorded,
    Ask::Recorded,
    Ask::AllFacts,
    Ask::Message,
    Ask::NewSession,
    Ask::Lifecycle,
    Ask::Duplicate,
    Ask::Refusal,
];

/// Requests of one kind of answer.
pub(super) struct Counted {
    ask: Ask,
    calls: Vec<String>,
    written: f64,
    read: f64,
}

pub(super) async fn count(place: &Place) -> Outcome<Vec<Counted>> {
    let mut all = Vec::new();
    for ask in ASKS {
        let proxy = Proxy::start(&place.stage.endpoint(), |_| Verdict::Pass).await?;
        let env = [("AWS_ENDPOINT_URL_DYNAMODB", &*proxy.endpoint())];
        let mut sandbox = place.function(ask.function(), &env).await?;
        // Not what only a sandbox's first answer needs.
        answered(&mut sandbox, &place.samples.ask(ask, 2_000_000)).await?;
        proxy.take_calls();
        let mut counted = Counted { ask, calls: Vec::new(), written: 0.0, read: 0.0 };
        for n in 1..=ANSWERS {
            answered(&mut sandbox, &place.samples.ask(ask, 2_000_000 + n)).await?;
        }
        for made in proxy.take_calls() {
            let reads = matches!(&*made.operation, "GetItem" | "Query");
            *(if reads { &mut counted.read } else { &mut counted.written }) += made.units;
            counted.calls.push(made.operation);
        }
        counted.calls.sort();
        all.push(counted);
    }
    Ok(all)
}

/// How many requests one answer makes.
pub(super) fn requests(all: &[Counted], ask: Ask) -> f64 {
    let calls = all.iter().find(|counted| counted.ask == ask).map_or(0, |counted| counted.calls.len());
    calls as f64 / ANSWERS as f64
}

pub(super) fn table(all: &[Counted]) -> Table {
    let mut table = Table::new(
        "DynamoDB, for one warm answer",
        "Counted by a proxy between the function and the engine, which reports the units.",
        &["", "requests", "which", "units written", "units read"],
    );
    for counted in all {
        let mut which = counted.calls.clone();
        which.dedup();
        table.row([
            Cell::text(counted.ask.name()),
            Cell::number(requests(all, counted.ask), 1),
            Cell::text(which.join(", ")),
            Cell::number(counted.written / ANSWERS as f64, 1),
            Cell::number(counted.read / ANSWERS as f64, 1),
        ]);
    }
    table
}

//! What answers cost, counted at the wire: requests to DynamoDB, how many of them wait for each other, and the
//! units that it says they consumed.

use std::time::Duration;

use desk_local::{
    proxy::{Proxy, Verdict},
    runtime_api::Sandbox,
};

use super::{
    Outcome,
    ask::Ask,
    place::{Place, all_became, answered},
    report::{Cell, Table},
};

/// Counted of each kind.
const ANSWERS: u64 = 10;
/// By so much each request is delayed to see which wait for each other: far more than all else takes.
const DELAY: Duration = Duration::from_millis(20);

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
    round_trips: f64,
    written: f64,
    read: f64,
}

pub(super) async fn count(place: &Place) -> Outcome<Vec<Counted>> {
    let mut all = Vec::new();
    for ask in ASKS {
        let proxy = Proxy::start(&place.stage.endpoint(), |_| Verdict::Pass).await?;
        let mut sandbox = behind(&proxy, ask, place).await?;
        proxy.take_calls();
        let round_trips = round_trips(ask, place).await?;
        let mut counted = Counted { ask, calls: Vec::new(), round_trips, written: 0.0, read: 0.0 };
        for n in 1..=ANSWERS {
            answered(&mut sandbox, &place.samples.ask(ask, 2_000_000 + n)).await?;
        }
        for made in proxy.take_calls() {
            let reads = matches!(&*made.operation, "GetItem" | "Query");
            *(if reads { &mut counted.read } else { &mut counted.written }) += made.units;
            counted.calls.push(made.operation);
        }
        all_became(&sandbox, ask.outcomes())?;
        counted.calls.sort();
        all.push(counted);
    }
    Ok(all)
}

/// A sandbox that has answered once: what only the first answer needs does not count.
async fn behind(proxy: &Proxy, ask: Ask, place: &Place) -> Outcome<Sandbox> {
    let env = [("AWS_ENDPOINT_URL_DYNAMODB", &*proxy.endpoint())];
    let mut sandbox = place.function(ask.function(), &env).await?;
    answered(&mut sandbox, &place.samples.ask(ask, 2_000_000)).await?;
    Ok(sandbox)
}

/// How many requests of one answer wait for each other: how many times it is later when each comes back later.
async fn round_trips(ask: Ask, place: &Place) -> Outcome<f64> {
    let proxy = Proxy::start(&place.stage.endpoint(), |_| Verdict::Stall(DELAY)).await?;
    let mut sandbox = behind(&proxy, ask, place).await?;
    let took = answered(&mut sandbox, &place.samples.ask(ask, 2_500_000)).await?;
    all_became(&sandbox, ask.outcomes())?;
    Ok((took.as_secs_f64() / DELAY.as_secs_f64()).floor())
}

impl Counted {
    /// How many requests one answer makes.
    pub(super) fn requests(&self) -> f64 {
        self.calls.len() as f64 / ANSWERS as f64
    }

    /// How many of them wait for each other.
    pub(super) fn round_trips(&self) -> f64 {
        self.round_trips
    }

    /// Which requests, and how often.
    fn which(&self) -> String {
        let kinds = self.calls.chunk_by(|one, next| one == next);
        let kinds = kinds.map(|kind| match kind.len() as u64 / ANSWERS {
            1 => kind[0].clone(),
            times => format!("{times} {}", kind[0]),
        });
        kinds.collect::<Vec<_>>().join(", ")
    }
}

/// What was counted of one kind.
pub(super) fn of(all: &[Counted], ask: Ask) -> Outcome<&Counted> {
    Ok(all.iter().find(|counted| counted.ask == ask).ok_or("this was not counted")?)
}

pub(super) fn table(all: &[Counted]) -> Table {
    let mut table = Table::new(
        "DynamoDB, for one warm answer",
        "Counted by a proxy between the function and the engine, which reports the units; a write that its \
         condition refuses counts as one. Round trips are how many times 20 ms an answer is later when each \
         request is delayed by them.",
        &["answer", "requests", "which", "round trips", "units written", "units read"],
    );
    for counted in all {
        table.row([
            Cell::text(counted.ask.name()),
            Cell::number(counted.requests(), 1),
            Cell::text(counted.which()),
            Cell::number(counted.round_trips, 0),
            Cell::number(counted.written / ANSWERS as f64, 1),
            Cell::number(counted.read / ANSWERS as f64, 1),
        ]);
    }
    table
}

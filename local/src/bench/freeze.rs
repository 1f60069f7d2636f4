//! Answers after a freeze, in which what a function was connected to may have ended.

use desk_local::proxy::{End, Proxy, Verdict};

use super::{
    Outcome,
    ask::Ask,
    place::{Place, all_became, took},
    report::{Cell, Table},
    stats::{Figure, Rounds},
};

const ASKS: [Ask; 2] = [Ask::Recorded, Ask::Message];
/// What became of the connections meanwhile.
const ENDS: [(Option<End>, &str); 3] =
    [(None, "nothing"), (Some(End::Close), "closed"), (Some(End::Reset), "reset")];

/// What answers after a freeze took.
pub(super) struct Frozen {
    ask: Ask,
    /// In the order of the ends.
    took: [Rounds; 3],
}

/// So many freezes with each end, in turns.
pub(super) async fn measure(place: &Place, freezes: u64) -> Outcome<Vec<Frozen>> {
    let mut all = Vec::new();
    for ask in ASKS {
        let proxy = Proxy::start(&place.stage.endpoint(), |_| Verdict::Pass).await?;
        let env = [("AWS_ENDPOINT_URL_DYNAMODB", &*proxy.endpoint())];
        let mut sandbox = place.function(ask.function(), &env).await?;
        let mut frozen = Frozen { ask, took: Default::default() };
        for freeze in 0..freezes {
            for (nth, ((end, _), rounds)) in ENDS.iter().zip(&mut frozen.took).enumerate() {
                let meanwhile = async {
                    if let Some(end) = end {
                        proxy.end_connections(*end).await;
                    }
                };
                let event = place.samples.ask(ask, 2_700_000 + freeze * ENDS.len() as u64 + nth as u64);
                rounds.push(vec![took(&sandbox.invoke_frozen(meanwhile, &event).await?)?]);
            }
        }
        all_became(&sandbox, ask.outcomes())?;
        all.push(frozen);
    }
    Ok(all)
}

/// The worst of all: how much longer an answer takes when its connection has ended.
pub(super) fn worst(all: &[Frozen]) -> Figure {
    let figures = all
        .iter()
        .flat_map(|Frozen { took: [alive, ended @ ..], .. }| ended.iter().map(|ended| ended.beyond(alive)));
    let worst = figures.max_by(|one, other| one.median.total_cmp(&other.median));
    worst.unwrap_or(Figure::of(Vec::new()))
}

pub(super) fn table(all: &[Frozen]) -> Table {
    let mut table = Table::new(
        "After a freeze",
        "The function is stopped, all its connections end or do not, and it goes on with an event waiting. None of \
         these answers failed, and none went to the queue.",
        &["answer", "its connections", "p50", "p99", "worst"],
    );
    for frozen in all {
        for ((_, name), rounds) in ENDS.iter().zip(&frozen.took) {
            table.row([
                Cell::text(frozen.ask.name()),
                Cell::text(*name),
                Cell::time(rounds.figure()),
                Cell::micros(rounds.percentile(99)),
                Cell::micros(rounds.percentile(100)),
            ]);
        }
    }
    table
}

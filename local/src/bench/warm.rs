//! Warm answers: each kind by a sandbox of its own, in turns with the others and with the SDK by itself.

use std::time::Duration;

use desk_local::runtime_api::Sandbox;

use super::{
    Outcome,
    ask::Ask,
    place::{Place, all_became, answered},
    raw::{Raw, Sdk},
    report::{Cell, Table},
    stats::{Figure, Rounds},
};

/// What is answered before it counts.
const WARM_UP: u64 = 200;
/// What does not count of each turn: while the others had theirs, the processor has forgotten this one.
const FIRST: u64 = 3;

/// Who takes turns.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Who {
    Function(Ask),
    Sdk(Raw),
}

/// The order of a turn: what is compared stands side by side.
pub(super) const ALL: [Who; 15] = [
    Who::Function(Ask::Floor),
    Who::Function(Ask::Unrecorded),
    Who::Function(Ask::Guarded),
    Who::Function(Ask::Refusal),
    Who::Sdk(Raw::PutInLoop),
    Who::Sdk(Raw::Put),
    Who::Function(Ask::Message),
    Who::Function(Ask::FloorPut),
    Who::Function(Ask::Duplicate),
    Who::Function(Ask::NewSession),
    Who::Function(Ask::Recorded),
    Who::Sdk(Raw::Query),
    Who::Function(Ask::AllFacts),
    Who::Sdk(Raw::Get),
    Who::Function(Ask::Lifecycle),
];

/// What the goals are about.
pub(super) const QUICK: [Who; 5] = [
    Who::Function(Ask::Floor),
    Who::Function(Ask::Unrecorded),
    Who::Sdk(Raw::PutInLoop),
    Who::Sdk(Raw::Put),
    Who::Function(Ask::Message),
];

/// What one of them took.
pub(super) struct Warm {
    who: Who,
    pub(super) took: Rounds,
    cpu: Duration,
    answers: u64,
}

enum Subject {
    Function(Ask, Box<Sandbox>),
    Sdk(Raw, Box<Sdk>),
}

/// All of them, in `rounds` turns of `each` answers.
pub(super) async fn measure(place: &Place, whos: &[Who], rounds: u64, each: u64) -> Outcome<Vec<Warm>> {
    let mut subjects = Vec::new();
    for &who in whos {
        let mut subject = Subject::of(who, place).await?;
        subject.turn(place, 0, WARM_UP).await?;
        subjects.push(subject);
    }
    let before = subjects.iter().map(Subject::cpu).collect::<Outcome<Vec<_>>>()?;
    let mut took = vec![Rounds::default(); subjects.len()];
    let each_with_first = FIRST + each;
    for round in 0..rounds {
        let mut turns: Vec<_> = subjects.iter_mut().zip(&mut took).collect();
        // There and back, so that nobody always follows the same one.
        if round % 2 == 1 {
            turns.reverse();
        }
        for (subject, took) in turns {
            let turn = subject.turn(place, WARM_UP + round * each_with_first, each_with_first).await?;
            took.push(turn[FIRST as usize..].to_vec());
        }
    }
    subjects.iter().try_for_each(Subject::check)?;
    let mut all = Vec::new();
    for (((&who, subject), took), before) in whos.iter().zip(&subjects).zip(took).zip(before) {
        let cpu = subject.cpu()? - before;
        all.push(Warm { who, took, cpu, answers: rounds * each_with_first });
    }
    Ok(all)
}

impl Subject {
    async fn of(who: Who, place: &Place) -> Outcome<Self> {
        Ok(match who {
            Who::Function(ask) => {
                Self::Function(ask, Box::new(place.function(ask.function(), ask.env()).await?))
            }
            Who::Sdk(raw) => Self::Sdk(raw, Box::new(Sdk::start(place)?)),
        })
    }

    /// So many answers, of which the first is the `first`.
    async fn turn(&mut self, place: &Place, first: u64, times: u64) -> Outcome<Vec<Duration>> {
        match self {
            Self::Function(ask, sandbox) => {
                let mut took = Vec::new();
                for n in first..first + times {
                    took.push(answered(sandbox, &place.samples.ask(*ask, n)).await?);
                }
                Ok(took)
            }
            // The stories as they were told: the same for every call.
            Self::Sdk(Raw::Query, sdk) => {
                sdk.turn(Raw::Query, times, first, &place.samples.end_of_told()).await
            }
            Self::Sdk(raw, sdk) => sdk.turn(*raw, times, first, &place.samples.body()).await,
        }
    }

    fn check(&self) -> Outcome<()> {
        match self {
            Self::Function(ask, sandbox) => all_became(sandbox, ask.outcomes()),
            Self::Sdk(..) => Ok(()),
        }
    }

    fn cpu(&self) -> Outcome<Duration> {
        match self {
            Self::Function(_, sandbox) => Ok(sandbox.cpu_time()?),
            Self::Sdk(_, sdk) => sdk.cpu(),
        }
    }
}

/// What one of them took.
pub(super) fn of(all: &[Warm], who: Who) -> Outcome<&Rounds> {
    let found = all.iter().find(|warm| warm.who == who);
    Ok(&found.ok_or("this was not measured")?.took)
}

pub(super) fn floor_and_put(all: &[Warm]) -> Outcome<(&Rounds, &Rounds)> {
    Ok((of(all, Who::Function(Ask::Floor))?, of(all, Who::Sdk(Raw::Put))?))
}

pub(super) fn table(all: &[Warm]) -> Outcome<Table> {
    let mut table = Table::new(
        "Warm answers",
        "From handing over the event to having the whole answer, in turns with all others. The ratios are those of \
         the same round, and the first three answers of a turn count for CPU alone.",
        &["answer", "p50", "p90", "p99", "p99 / p50", "CPU", "/ floor", "/ raw PutItem"],
    );
    let (floor, put) = floor_and_put(all)?;
    for warm in all {
        let name = match warm.who {
            Who::Function(ask) => ask.name(),
            Who::Sdk(raw) => raw.name(),
        };
        let cpu = warm.cpu.as_secs_f64() * 1e6 / warm.answers as f64;
        table.row([
            Cell::text(name),
            Cell::time(warm.took.figure()),
            Cell::micros(warm.took.percentile(90)),
            Cell::micros(warm.took.percentile(99)),
            Cell::number(warm.took.percentile(99) / warm.took.percentile(50), 1),
            Cell::micros(cpu),
            Cell::ratio(warm.took.against(floor)),
            Cell::ratio(warm.took.against(put)),
        ]);
    }
    Ok(table)
}

/// The worst of the tails of the functions that are ours.
pub(super) fn worst_tail(all: &[Warm]) -> Figure {
    let ours = |who| matches!(who, Who::Function(ask) if !ask.outcomes().is_empty());
    let functions = all.iter().filter(|warm| ours(warm.who));
    let ratios = functions.map(|warm| warm.took.percentile(99) / warm.took.percentile(50));
    let worst = ratios.fold(0.0, f64::max);
    Figure { median: worst, low: worst, high: worst }
}

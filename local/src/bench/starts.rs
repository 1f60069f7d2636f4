//! Starts: until the first poll, and what the first answers after it take.

use desk_local::engine::RULES_TABLE;
use desk_local::runtime_api::Sandbox;

use super::{
    Outcome,
    ask::{Ask, NO_FACTS},
    place::{Place, answered},
    report::{Cell, Table},
    stats::{Figure, Rounds},
    tls::TlsFront,
};

/// A way to start.
struct Way {
    name: &'static str,
    ask: Ask,
    over_tls: bool,
    /// The floor makes one call before it polls.
    calls: bool,
    /// By `SSL_CERT_FILE`, as over TLS in any case; otherwise the authorities are looked for.
    one_file: bool,
}

/// What is compared stands side by side.
const WAYS: [Way; 9] = [
    Way { name: "floor", ask: Ask::Floor, over_tls: false, calls: false, one_file: true },
    Way { name: "assign-agent", ask: Ask::Recorded, over_tls: false, calls: true, one_file: true },
    Way { name: "session-events", ask: Ask::NewSession, over_tls: false, calls: true, one_file: true },
    Way { name: "floor that makes one call", ask: Ask::Floor, over_tls: false, calls: true, one_file: true },
    Way { name: "floor over TLS", ask: Ask::Floor, over_tls: true, calls: false, one_file: true },
    Way { name: "assign-agent over TLS", ask: Ask::Recorded, over_tls: true, calls: true, one_file: true },
    Way {
        name: "session-events over TLS",
        ask: Ask::NewSession,
        over_tls: true,
        calls: true,
        one_file: true,
    },
    Way {
        name: "floor over TLS that makes one call",
        ask: Ask::Floor,
        over_tls: true,
        calls: true,
        one_file: true,
    },
    Way {
        name: "floor, authorities looked for",
        ask: Ask::Floor,
        over_tls: false,
        calls: false,
        one_file: false,
    },
];

const FLOOR: usize = 0;

/// What one way took.
#[derive(Default)]
struct Took {
    poll: Rounds,
    first: Rounds,
    second: Rounds,
    later: Rounds,
}

/// What all ways took.
pub(super) struct Starts {
    took: Vec<Took>,
    authorities: usize,
}

/// All ways in turns, so often.
pub(super) async fn measure(place: &Place, rounds: u64) -> Outcome<Starts> {
    let front = TlsFront::start(&place.stage.endpoint()).await?;
    let mut starts =
        Starts { took: WAYS.iter().map(|_| Took::default()).collect(), authorities: front.authorities };
    for round in 0..rounds {
        for (number, (way, took)) in WAYS.iter().zip(&mut starts.took).enumerate() {
            let mut sandbox = way.start(place, &front).await?;
            took.poll.push(vec![sandbox.ready().await?]);
            // Sessions of their own: each of these answers has the same to do.
            let n = 1_000_000 + (round * WAYS.len() as u64 + number as u64) * 10;
            for (nth, rounds) in [&mut took.first, &mut took.second, &mut took.later].into_iter().enumerate()
            {
                let event = place.samples.ask(way.ask, n + nth as u64);
                rounds.push(vec![answered(&mut sandbox, &event).await?]);
            }
        }
    }
    Ok(starts)
}

impl Way {
    async fn start(&self, place: &Place, front: &TlsFront) -> Outcome<Sandbox> {
        let bundle = front.bundle();
        let bundle = bundle.to_string_lossy();
        let app = NO_FACTS.to_string();
        let mut env = vec![("SDK_APP_IDS", &*app)];
        if self.one_file {
            env.push(("SSL_CERT_FILE", &*bundle));
        }
        if self.over_tls {
            env.push(("AWS_ENDPOINT_URL_DYNAMODB", &*front.endpoint));
        }
        if self.calls {
            env.push(("WARM_UP_TABLE", RULES_TABLE));
        }
        place.function(self.ask.function(), &env).await
    }
}

impl Starts {
    fn way(&self, name: &str) -> Outcome<&Took> {
        let at = WAYS.iter().position(|way| way.name == name).ok_or("no such way to start")?;
        Ok(&self.took[at])
    }

    /// How many times the floor's start one takes.
    pub(super) fn against_floor(&self, name: &str) -> Outcome<Figure> {
        Ok(self.way(name)?.poll.against(&self.took[FLOOR].poll))
    }

    /// How many times a second answer the first takes.
    pub(super) fn first_against_second(&self, name: &str) -> Outcome<Figure> {
        let took = self.way(name)?;
        Ok(took.first.against(&took.second))
    }

    pub(super) fn table(&self) -> Table {
        let mut table = Table::new(
            "Starts",
            format!(
                "From the start of the process to its first poll, and the first three answers then. session-events \
                 keeps a message of a session that is new to it, assign-agent answers a recorded question. Over TLS: 1.3, ECDSA on P-256, \
                 with {} authorities in the bundle that `SSL_CERT_FILE` names.",
                self.authorities
            ),
            &["", "start to first poll", "/ floor", "first answer", "second", "third", "first / second"],
        );
        for (way, took) in WAYS.iter().zip(&self.took) {
            table.row([
                Cell::text(way.name),
                Cell::time(took.poll.figure()),
                Cell::ratio(took.poll.against(&self.took[FLOOR].poll)),
                Cell::time(took.first.figure()),
                Cell::time(took.second.figure()),
                Cell::time(took.later.figure()),
                Cell::ratio(took.first.against(&took.second)),
            ]);
        }
        table
    }
}

//! Starts: until the first poll, and what the first answers after it take.

use desk_local::{
    proxy::{Proxy, Verdict},
    runtime_api::Sandbox,
};
use serde_json::json;

use super::{
    Outcome,
    ask::{ALL_FACTS, Ask, NO_FACTS},
    place::{Place, all_became, answered},
    report::{Cell, Table},
    stats::{Figure, Rounds},
    tls::TlsFront,
};

/// A way to start.
struct Way {
    name: &'static str,
    ask: Ask,
    over_tls: bool,
    /// How many calls the floor makes before it polls.
    calls: &'static str,
    /// The authorities in one file, by `SSL_CERT_FILE`; otherwise they are looked for.
    one_file: bool,
}

const PLAIN: Way = Way { name: "", ask: Ask::Floor, over_tls: false, calls: "0", one_file: true };
const TLS: Way = Way { over_tls: true, ..PLAIN };

/// What is compared stands side by side.
const WAYS: [Way; 12] = [
    Way { name: "floor", ..PLAIN },
    Way { name: "assign-agent", ask: Ask::Recorded, ..PLAIN },
    Way { name: "assign-agent with secrets", ask: Ask::Guarded, ..PLAIN },
    Way { name: "session-events", ask: Ask::NewSession, ..PLAIN },
    Way { name: "floor that makes one call", calls: "1", ..PLAIN },
    Way { name: "floor that makes two calls", calls: "2", ..PLAIN },
    Way { name: "assign-agent over TLS", ask: Ask::Recorded, ..TLS },
    Way { name: "assign-agent over TLS, all facts", ask: Ask::AllFacts, ..TLS },
    Way { name: "session-events over TLS", ask: Ask::NewSession, ..TLS },
    Way { name: "floor over TLS that makes one call", calls: "1", ..TLS },
    Way { name: "floor over TLS that makes two calls", calls: "2", ..TLS },
    Way { name: "floor, authorities looked for", one_file: false, ..PLAIN },
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
    let parameters = json!({ "Parameters": [
        { "Name": "/desk/tokens", "Value": "an-older-token,the-token-of-now" },
        { "Name": "/desk/keys", "Value": "an-older-url-key,the-url-key-of-now" },
    ] });
    let answer = parameters.to_string();
    let ssm = Proxy::start("http://127.0.0.1:1", move |_| Verdict::Answer(200, answer.clone())).await?;
    let mut starts =
        Starts { took: WAYS.iter().map(|_| Took::default()).collect(), authorities: front.authorities };
    for round in 0..rounds {
        let mut turns: Vec<_> = WAYS.iter().zip(&mut starts.took).enumerate().collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for (number, (way, took)) in turns {
            // Once for nothing: whoever follows a start of the same program would find its pages in the caches.
            way.start(place, &front, &ssm).await?.ready().await?;
            let mut sandbox = way.start(place, &front, &ssm).await?;
            took.poll.push(vec![sandbox.ready().await?]);
            // Sessions of their own: each of these answers has the same to do.
            let n = 1_000_000 + (round * WAYS.len() as u64 + number as u64) * 10;
            for (nth, rounds) in [&mut took.first, &mut took.second, &mut took.later].into_iter().enumerate()
            {
                let event = place.samples.ask(way.ask, n + nth as u64);
                rounds.push(vec![answered(&mut sandbox, &event).await?]);
            }
            all_became(&sandbox, way.ask.outcomes())?;
        }
    }
    Ok(starts)
}

impl Way {
    async fn start(&self, place: &Place, front: &TlsFront, ssm: &Proxy) -> Outcome<Sandbox> {
        let bundle = front.bundle();
        let bundle = bundle.to_string_lossy();
        let app = if self.ask == Ask::AllFacts { ALL_FACTS } else { NO_FACTS }.to_string();
        let ssm = ssm.endpoint();
        let mut env = vec![("SDK_APP_IDS", &*app), ("WARM_UP_CALLS", self.calls)];
        if self.one_file {
            env.push(("SSL_CERT_FILE", &*bundle));
        }
        if self.over_tls {
            env.push(("AWS_ENDPOINT_URL_DYNAMODB", &*front.endpoint));
        }
        if self.ask == Ask::Guarded {
            env.push(("SIGNATURE_POLICY", "required"));
            env.push(("CALLBACK_TOKENS_PARAMETER", "/desk/tokens"));
            env.push(("URL_KEYS_PARAMETER", "/desk/keys"));
            env.push(("AWS_ENDPOINT_URL_SSM", &ssm));
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
                 keeps a message of a session that is new to it; assign-agent answers a recorded question without \
                 facts, with all of them, or one without a record that has to be signed, by secrets from what \
                 stands for SSM. Over TLS: 1.3, ECDSA on P-256, with {} authorities in the bundle that \
                 `SSL_CERT_FILE` names.",
                self.authorities
            ),
            &["way", "start to first poll", "/ floor", "first answer", "second", "third", "first / second"],
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

//! How the time of an answer grows: with the rules, with the session's length, with the body.

use serde_json::json;

use super::{
    Outcome,
    ask::{ALL_FACTS, Ask, NO_FACTS, now_ms},
    place::{Place, all_became, answered},
    plot::{Curve, Panel},
    raw::{Raw, Sdk},
    report::{Cell, Table},
    rules::by_the_question,
    stats::Rounds,
};

pub(super) const RULES: [usize; 6] = [1, 10, 50, 100, 500, 1000];
const EVENTS: [u64; 4] = [10, 100, 1000, 10_000];
const BODIES: [usize; 8] = [512, 1 << 11, 1 << 13, 1 << 15, 1 << 16, 1 << 17, 1 << 18, (1 << 20) - 1024];

/// The app that has so many rules.
pub(super) fn app_of(rules: usize) -> u64 {
    1_500_000_000 + rules as u64
}

/// One column of a table, one curve of a panel.
struct Series {
    name: &'static str,
    took: Vec<Rounds>,
}

/// One way in which something grows.
pub(super) struct Scale {
    title: &'static str,
    note: &'static str,
    axis: &'static str,
    columns: &'static [&'static str],
    sizes: Vec<u64>,
    series: Vec<Series>,
}

impl Scale {
    pub(super) fn table(&self) -> Table {
        let mut table = Table::new(self.title, self.note, self.columns);
        for (at, &size) in self.sizes.iter().enumerate() {
            let mut row = vec![Cell::number(size as f64, 0)];
            row.extend(self.series.iter().map(|series| Cell::time(series.took[at].figure())));
            table.row(row);
        }
        table
    }

    pub(super) fn panel(&self) -> Panel {
        let curve = |series: &Series| {
            let medians = series.took.iter().map(|took| took.figure().median);
            let points = self.sizes.iter().map(|&size| size as f64).zip(medians);
            let points = points.filter(|(_, took)| took.is_finite()).collect();
            Curve { name: series.name, points }
        };
        Panel { title: self.title, axis: self.axis, curves: self.series.iter().map(curve).collect() }
    }

    /// What the first series took at this size.
    pub(super) fn at(&self, size: u64) -> Outcome<&Rounds> {
        let at = self.sizes.iter().position(|&known| known == size).ok_or("not measured at this size")?;
        Ok(&self.series[0].took[at])
    }
}

/// Answers after each other in a turn.
const EACH: usize = 20;

/// Questions that are not recorded, after so many rules of which none matches.
pub(super) async fn by_rules(place: &Place, sizes: &[usize], rounds: u64) -> Outcome<Scale> {
    for &rules in sizes {
        place.publish(app_of(rules), &by_the_question(rules)).await?;
    }
    let apps = sizes.iter().map(|&rules| app_of(rules).to_string()).collect::<Vec<_>>().join(",");
    let mut sandbox = place.function("assign-agent", &[("SDK_APP_IDS", &apps)]).await?;
    let mut took = vec![Rounds::default(); sizes.len()];
    for round in 0..=rounds {
        let mut turns: Vec<_> = sizes.iter().zip(&mut took).collect();
        if round % 2 == 1 {
            turns.reverse();
        }
        for (&rules, took) in turns {
            let event = place.samples.question.with(app_of(rules), &json!({ "SessionId": null }));
            let mut turn = Vec::new();
            for _ in 0..EACH {
                turn.push(answered(&mut sandbox, &event).await?);
            }
            // The first of each app reads its rules, and the first of a turn finds those of others in the cache.
            if round > 0 {
                took.push(turn[1..].to_vec());
            }
        }
    }
    all_became(&sandbox, Ask::Unrecorded.outcomes())?;
    Ok(Scale {
        title: "By the number of rules",
        note: "A question without facts that is not recorded, through the Runtime API: none of the rules matches, and \
               in each of them five conditions are looked at.",
        axis: "rules",
        columns: &["rules", "answer"],
        sizes: sizes.iter().map(|&rules| rules as u64).collect(),
        series: vec![Series { name: "question", took }],
    })
}

/// So many sessions of a length take turns: measuring makes them longer, by a few items a turn.
fn sessions_of(length: u64) -> u64 {
    (3000 / length).clamp(1, 30)
}

/// Sessions that have this length already.
pub(super) async fn by_events(place: &Place, rounds: u64) -> Outcome<Scale> {
    let mut teller = place.function("session-events", &[]).await?;
    let mut agents = place.function("assign-agent", &[]).await?;
    for length in EVENTS {
        for told in 0..sessions_of(length) {
            for n in 0..length {
                let session = format!("long-{length}-{told}");
                let message = place.samples.message_in(ALL_FACTS, &session, place.samples.told_at(n), n);
                answered(&mut teller, &message).await?;
            }
        }
    }
    let mut took = [(); 3].map(|()| vec![Rounds::default(); EVENTS.len()]);
    for round in 0..rounds {
        for (at, length) in EVENTS.into_iter().enumerate() {
            let session = format!("long-{length}-{}", round % sessions_of(length));
            // One that remembers of no session that it is long, or has been summed up a moment ago.
            let mut events = place.function("session-events", &[]).await?;
            let mut message = async |n: u64| {
                let message =
                    place.samples.message_in(ALL_FACTS, &session, now_ms(), 1_000_000 + round * 4 + n);
                answered(&mut events, &message).await
            };
            message(0).await?;
            message(1).await?;
            let messages = vec![message(2).await?, message(3).await?];
            let state = json!({
                "SessionId": session, "EventTime": now_ms(), "Event": "TransferringToHuman", "MsgBody": null,
            });
            let state = answered(&mut events, &place.samples.message.with(ALL_FACTS, &state)).await?;
            all_became(&events, Ask::Message.outcomes())?;
            let question = place.samples.question_before(&session, 1_000_000 + round);
            let question = answered(&mut agents, &question).await?;
            for (took, turn) in took.iter_mut().zip([messages, vec![state], vec![question]]) {
                took[at].push(turn);
            }
        }
    }
    all_became(&agents, Ask::AllFacts.outcomes())?;
    let [message, state, question] = took;
    Ok(Scale {
        title: "By the length of the session",
        note: "A message is one write whatever came before. A state change sums the session up at once as long as it \
               fits into a page of 200 items, and else reads that page and leaves a note in the queue, once in four \
               minutes. A question reads the newest 200 items. Each figure is of the few answers of its turn, between \
               those of others, and of events by a sandbox that has just started: not as warm as above.",
        axis: "events in the session",
        columns: &["events", "message", "state change", "question, all facts"],
        sizes: EVENTS.to_vec(),
        series: vec![
            Series { name: "message", took: message },
            Series { name: "state change", took: state },
            Series { name: "question, all facts", took: question },
        ],
    })
}

/// What a message's body has besides its text.
const ENVELOPE: usize = 365;

/// Messages with a body of this length.
pub(super) async fn by_body(place: &Place, rounds: u64) -> Outcome<Scale> {
    let mut sandbox = place.function("session-events", &[]).await?;
    let mut refusing = place.function("session-events", &[]).await?;
    let mut sdk = Sdk::start(place)?;
    let mut took = [(); 3].map(|()| vec![Rounds::default(); BODIES.len()]);
    for round in 0..rounds {
        for (at, size) in BODIES.into_iter().enumerate() {
            let n = round * BODIES.len() as u64 + at as u64;
            let text = text_of(size.saturating_sub(ENVELOPE), n);
            let fields = json!({
                "SessionId": "bodies", "EventTime": now_ms(), "MsgKey": format!("body-{n}"),
                "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": text } }],
            });
            let event = place.samples.message.with(NO_FACTS, &fields);
            // Not what a large one has left behind in the caches.
            let small = place.samples.ask(Ask::Message, 4_000_000 + n);
            answered(&mut sandbox, &small).await?;
            sdk.turn(Raw::Put, 1, 5_000_000 + n, "").await?;
            took[0][at].push(vec![answered(&mut sandbox, &event).await?]);
            let refused = place.samples.message.with(7, &fields);
            took[1][at].push(vec![answered(&mut refusing, &refused).await?]);
            // What an item cannot hold, no PutItem takes by itself.
            if size < 350 << 10 {
                let body = event["body"].as_str().unwrap_or_default();
                took[2][at].push(sdk.turn(Raw::Put, 1, 4_000_000 + n, body).await?);
            }
        }
    }
    all_became(&sandbox, Ask::Message.outcomes())?;
    all_became(&refusing, Ask::Refusal.outcomes())?;
    let [message, refusal, raw] = took;
    Ok(Scale {
        title: "By the size of the body",
        note: "A message stored, the same refused at the door (the way to the function and back), and the SDK's own \
               PutItem of the same. Above 64 KiB a body is compressed, which the SDK's is not; no item holds 1 MB. One answer a turn: not as warm as above.",
        axis: "bytes of the body",
        columns: &["bytes", "message", "refusal", "raw PutItem"],
        sizes: BODIES.map(|size| size as u64).to_vec(),
        series: vec![
            Series { name: "message", took: message },
            Series { name: "refusal", took: refusal },
            Series { name: "raw PutItem", took: raw },
        ],
    })
}

/// Words, drawn so that they compress about as well as what people write.
fn text_of(bytes: usize, seed: u64) -> String {
    let mut text = String::with_capacity(bytes + 16);
    let mut state = seed | 1;
    while text.len() < bytes {
        state = xxhash_rust::xxh3::xxh3_64(&state.to_le_bytes());
        let word = state % 4096;
        text.push_str(&format!("w{word:x}{} ", ["", "ing", "ed", "s"][(state >> 32) as usize % 4]));
    }
    text.truncate(bytes);
    text
}

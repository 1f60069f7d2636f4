//! How the time of an answer grows: with the rules, with the session's length, with the body.

use std::time::Duration;

use serde_json::json;

use super::{
    Outcome,
    ask::{ALL_FACTS, NO_FACTS, now_ms},
    place::{Place, answered},
    plot::{Curve, Panel},
    raw::{Raw, Sdk},
    report::{Cell, Table},
    rules::by_the_question,
    stats::Rounds,
};

pub(super) const RULES: [usize; 7] = [1, 10, 50, 100, 500, 1000, 5000];
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
            let points = self.sizes.iter().map(|&size| size as f64).zip(medians).collect();
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
        for (&rules, took) in sizes.iter().zip(&mut took) {
            let event = place.samples.question.with(app_of(rules), &json!({ "SessionId": null }));
            let mut turn = Vec::new();
            for _ in 0..EACH {
                turn.push(answered(&mut sandbox, &event).await?);
            }
            // The first of each app reads its rules.
            if round > 0 {
                took.push(turn);
            }
        }
    }
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

/// So many sessions of a length take turns: measuring makes them longer, by five items a turn.
fn sessions_of(length: u64) -> u64 {
    (3000 / length).clamp(1, 30)
}

/// Sessions that have this length already.
pub(super) async fn by_events(place: &Place, rounds: u64) -> Outcome<Scale> {
    let mut events = place.function("session-events", &[]).await?;
    let mut agents = place.function("assign-agent", &[]).await?;
    for length in EVENTS {
        for told in 0..sessions_of(length) {
            for n in 0..length {
                let told = format!("long-{length}-{told}");
                let message = place.samples.message_in(ALL_FACTS, &told, now_ms(), n);
                answered(&mut events, &message).await?;
            }
        }
    }
    let mut took = [(); 3].map(|()| vec![Rounds::default(); EVENTS.len()]);
    for round in 0..rounds {
        for (at, length) in EVENTS.into_iter().enumerate() {
            let mut turn = [const { Vec::<Duration>::new() }; 3];
            let session = format!("long-{length}-{}", round % sessions_of(length));
            for n in 0..2 {
                let key = 1_000_000 + round * 2 + n;
                let message = place.samples.message_in(ALL_FACTS, &session, now_ms(), key);
                turn[0].push(answered(&mut events, &message).await?);
            }
            let state = json!({
                "SessionId": session, "EventTime": now_ms(), "Event": "TransferringToHuman", "MsgBody": null,
            });
            turn[1].push(answered(&mut events, &place.samples.message.with(ALL_FACTS, &state)).await?);
            let fields = json!({ "SessionId": session, "EventTime": now_ms() });
            let question = place.samples.question.with(ALL_FACTS, &fields);
            turn[2].push(answered(&mut agents, &question).await?);
            for (took, turn) in took.iter_mut().zip(turn) {
                took[at].push(turn);
            }
        }
    }
    let [message, state, question] = took;
    Ok(Scale {
        title: "By the length of the session",
        note: "A message is one write whatever came before. A state change sums the session up at once as long as it \
               fits into a page of 200 items, and else by a note in the queue. A question reads the newest 200 items.",
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

/// Messages with a text of this length.
pub(super) async fn by_body(place: &Place, rounds: u64) -> Outcome<Scale> {
    let mut sandbox = place.function("session-events", &[]).await?;
    let mut sdk = Sdk::start(place)?;
    let mut took = [(); 3].map(|()| vec![Rounds::default(); BODIES.len()]);
    for round in 0..rounds {
        for (at, size) in BODIES.into_iter().enumerate() {
            let n = round * BODIES.len() as u64 + at as u64;
            let text = text_of(size.saturating_sub(430), n);
            let fields = json!({
                "SessionId": "bodies", "EventTime": now_ms(), "MsgKey": format!("body-{n}"),
                "MsgBody": [{ "MsgType": "TIMTextElem", "MsgContent": { "Text": text } }],
            });
            let event = place.samples.message.with(NO_FACTS, &fields);
            took[0][at].push(vec![answered(&mut sandbox, &event).await?]);
            let refused = place.samples.message.with(7, &fields);
            took[1][at].push(vec![answered(&mut sandbox, &refused).await?]);
            // What an item cannot hold, no PutItem takes by itself.
            let raw = if size < 350 << 10 { text.as_str() } else { "" };
            took[2][at].push(sdk.turn(Raw::Put, 1, 4_000_000 + n, raw).await?);
        }
    }
    let [message, refusal, raw] = took;
    Ok(Scale {
        title: "By the size of the body",
        note: "A message stored, the same refused at the door (the way to the function and back), and the SDK's own \
               PutItem of as much. Above 64 KiB a body is compressed, which the SDK's is not; the last PutItem is \
               empty, for no item holds 1 MB.",
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

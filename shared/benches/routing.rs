//! What deciding costs. `cargo bench -p desk-webhooks --bench routing`

#![allow(missing_docs, clippy::unwrap_used)] // Criterion's macros make public functions; a panic is the report

#[path = "../tests/common/large.rs"]
mod large;

use std::{
    hint::black_box,
    time::{Duration, Instant},
};

use criterion::{BenchmarkId, Criterion, criterion_group, criterion_main};
use desk_webhooks::routing::{Facts, Question, Ruleset, decide, read};
use jiff::{Timestamp, ToSpan};
use serde_json::{Value, json};

const AT: Timestamp = Timestamp::constant(1_801_447_200, 0);

/// The longest time of a decision (docs/rules.md, "Limits").
const MOST: Duration = Duration::from_millis(20);

fn ruleset(document: &Value) -> Ruleset {
    read(document).unwrap()
}

fn facts(given: Value) -> Facts {
    serde_json::from_value(given).unwrap()
}

fn parse_and_compile(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("parse and compile");
    for rules in [10, 100, 500] {
        let text = large::document(rules).to_string();
        group.bench_with_input(BenchmarkId::new("rules", rules), &text, |bench, text| {
            bench.iter(|| read(&serde_json::from_str(black_box(text)).unwrap()).unwrap());
        });
    }
    let text = large::company().to_string();
    group.bench_function("500 rules, 10,000 agents, 5,000 ids", |bench| {
        bench.iter(|| read(&serde_json::from_str(black_box(&text)).unwrap()).unwrap());
    });
    group.finish();
}

fn decisions(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("decide");
    for rules in [10, 100, 500, 1000] {
        let ruleset = ruleset(&large::document(rules));
        for (which, rule) in [("first", 0), ("last", rules - 1)] {
            let facts = facts(large::matching(rule));
            let decided = decide(&Question::new(&ruleset, &facts, AT)).rule.to_owned();
            assert_eq!(decided, format!("rule-{rule}"));
            group.bench_function(BenchmarkId::new(which, rules), |bench| {
                bench.iter(|| decide(&Question::new(black_box(&ruleset), black_box(&facts), AT)).answer);
            });
        }
    }
    let company = ruleset(&large::company());
    let facts = facts(large::matching(499));
    group.bench_function("last of 500, 200 agents in the user's order", |bench| {
        bench.iter(|| decide(&Question::new(black_box(&company), black_box(&facts), AT)).answer);
    });
    group.finish();
}

/// 100 rules that each look for three words of their own, in 60 KB of text without any of them.
fn texts(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("texts");
    let rule = |number: usize| {
        json!({
            "name": format!("rule-{number}"),
            "when": { "text_contains": [format!("refund-{number}"), format!("退款{number}号"), format!("Straße {number}")] },
            "then": [{ "pool": "general" }],
        })
    };
    let rules: Vec<_> = (0..100).map(rule).collect();
    let ruleset = ruleset(
        &json!({ "pools": { "general": { "group": 1 } }, "rules": rules, "default": { "pool": "general" } }),
    );
    for (name, sentence) in [
        ("English", "I would like to have my money back, please, for the parcel has never come. "),
        ("Chinese", "我想要退回我的钱，因为包裹一直没有到，客服也没有回复我，请帮我看看。"),
    ] {
        let message = sentence.repeat(6 * 1024 / sentence.len());
        let facts = facts(json!({ "texts": vec![message; 10] }));
        group.bench_function(format!("{name}, 60 KB, 300 words to find"), |bench| {
            bench.iter(|| decide(&Question::new(black_box(&ruleset), black_box(&facts), AT)).answer);
        });
    }
    group.finish();
}

/// The longest decisions. Nothing ends one early, so that they bound how late an answer can be.
fn worst(bench: &mut Criterion) {
    let mut group = bench.benchmark_group("worst");
    group.sample_size(20);
    for (what, document, given) in large::worst() {
        let text = document.to_string();
        group.bench_function(format!("parse and compile, {what}"), |bench| {
            bench.iter(|| read(&serde_json::from_str(black_box(&text)).unwrap()).unwrap());
        });
        let (ruleset, facts) = (ruleset(&document), facts(given));
        let decide = || decide(&Question::new(black_box(&ruleset), black_box(&facts), AT)).answer;
        group.bench_function(format!("decide, {what}"), |bench| bench.iter(decide));
        let time = || {
            let started = Instant::now();
            black_box(decide());
            started.elapsed()
        };
        // The least of many, because other processes take their share of the processor.
        let least = (0..30).map(|_| time()).min().unwrap();
        assert!(cfg!(debug_assertions) || least < MOST, "{what}: {least:?}");
    }
    group.finish();
}

fn calendars(bench: &mut Criterion) {
    let holidays: Vec<_> =
        (1..=28).map(|day| json!({ "name": "Day off", "date": format!("2027-02-{day:02}") })).collect();
    let ruleset = ruleset(&json!({
        "timezone": "Europe/Berlin",
        "holidays": { "many": holidays },
        "calendars": { "c": { "weekly": { "mon-fri": ["09:00-12:00", "13:00-18:00"], "sat": ["22:00-02:00"] }, "closed_on": ["many"] } },
        "pools": { "general": { "group": 1, "calendar": "c" } },
        "default": { "pool": "general" },
    }));
    let calendar = &ruleset.calendars[0];
    let mut at = AT;
    bench.bench_function("calendars/opening, 28 holidays", |bench| {
        bench.iter(|| {
            at += 7.minutes();
            calendar.opening(black_box(at)).open
        });
    });
}

criterion_group!(benches, parse_and_compile, decisions, texts, worst, calendars);
criterion_main!(benches);

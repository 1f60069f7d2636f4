//! Draws: fair shares, and few moves.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use std::collections::HashMap;

use common::{MONDAY, decided, document, ruleset, sound, told};
use desk_webhooks::routing::{Facts, Ruleset};
use serde_json::{Value, json};

const USERS: usize = 100_000;
/// Half a point of a hundred.
const TOLERANCE: f64 = 0.005;

/// Ids as platforms make them: short numbers, long names, hexadecimal digests.
fn user(number: usize) -> String {
    match number % 3 {
        0 => number.to_string(),
        1 => format!("user-{number}@customers.example.com"),
        _ => format!("{:032x}", (number as u128).wrapping_mul(0x9e37_79b9_7f4a_7c15_f39c_c060_5ced_c835)),
    }
}

/// What each user is answered.
fn answers(ruleset: &Ruleset) -> Vec<String> {
    let answer = |number| {
        let mut facts = Facts { session: format!("s-{number}").into(), ..Facts::default() };
        facts.user.id = user(number).into();
        told(&decided(ruleset, &facts, MONDAY))
    };
    (0..USERS).map(answer).collect()
}

fn shares(answers: &[String]) -> HashMap<&str, f64> {
    let mut shares = HashMap::new();
    for answer in answers {
        *shares.entry(answer.as_str()).or_default() += 1.0 / answers.len() as f64;
    }
    shares
}

fn near(share: f64, wanted: f64, what: &str) {
    assert!((share - wanted).abs() <= TOLERANCE, "{what}: {share:.4} instead of {wanted:.4}");
}

/// As near as a fair coin would be, four times in 60,000 excepted.
fn as_by_chance(share: f64, wanted: f64, what: &str) {
    let deviation = (wanted * (1.0 - wanted) / USERS as f64).sqrt();
    assert!((share - wanted).abs() <= 4.0 * deviation, "{what}: {share:.4} instead of {wanted:.4}");
}

/// Pools that answer with their position as group, and a split over the first of them.
fn split(weights: &[u64], by: &str, salt: &str) -> Ruleset {
    let pools: Value = (0..weights.len())
        .map(|pool| (format!("p{pool}"), json!({ "group": pool })))
        .collect::<serde_json::Map<_, _>>()
        .into();
    let to: Value = weights
        .iter()
        .enumerate()
        .map(|(pool, weight)| (format!("p{pool}"), json!(weight)))
        .collect::<serde_json::Map<_, _>>()
        .into();
    sound(&json!({
        "pools": pools, "default": { "pool": "p0" },
        "rules": [{ "name": "r", "then": [{ "split": { "by": by, "salt": salt, "to": to } }] }],
    }))
}

#[test]
fn each_pool_gets_its_share() {
    for by in ["user", "session"] {
        for weights in [vec![20, 30, 50], vec![1, 1], vec![1, 99], vec![5, 5, 5, 5, 80]] {
            let answers = answers(&split(&weights, by, "pilot"));
            let shares = shares(&answers);
            let total: u64 = weights.iter().sum();
            for (pool, weight) in weights.iter().enumerate() {
                let share = shares.get(pool.to_string().as_str()).copied().unwrap_or_default();
                near(share, *weight as f64 / total as f64, &format!("pool {pool} of {weights:?} by {by}"));
            }
        }
    }
}

#[test]
fn another_pool_moves_only_those_whom_it_gets() {
    let before = answers(&split(&[20, 30, 50], "user", "pilot"));
    let after = answers(&split(&[20, 30, 50, 25], "user", "pilot"));
    let moved: Vec<_> = before.iter().zip(&after).filter(|(before, after)| before != after).collect();
    assert!(moved.iter().all(|(_, after)| *after == "3"), "nobody moves between the pools that were there");
    near(moved.len() as f64 / USERS as f64, 0.2, "moved");
    let gone = answers(&split(&[20, 30], "user", "pilot"));
    let moved = before.iter().zip(&gone).filter(|(before, gone)| before != gone && *before != "2");
    assert_eq!(moved.count(), 0, "when a pool goes, only its users move");
}

#[test]
fn another_salt_draws_anew() {
    let (one, other) = (answers(&split(&[1, 1], "user", "a")), answers(&split(&[1, 1], "user", "b")));
    let same = one.iter().zip(&other).filter(|(one, other)| one == other).count();
    near(same as f64 / USERS as f64, 0.5, "drawn alike");
}

#[test]
fn a_closed_pool_leaves_its_users_to_the_others() {
    let rules = ruleset(
        json!([{ "name": "r", "then": [{ "split": { "to": { "saturday": 1, "vip": 1, "general": 1 } } }] }]),
    );
    let answers = answers(&rules);
    near(shares(&answers)["6500"], 0.5, "general");
}

#[test]
fn percent_takes_its_share_and_keeps_it_when_it_grows() {
    let matched = |of: f64, salt: &str| {
        let ruleset = ruleset(
            json!([{ "name": "r", "when": { "percent": { "of": of, "salt": salt } }, "then": [{ "pool": "agents" }] }]),
        );
        answers(&ruleset).into_iter().map(|answer| answer == "carla").collect::<Vec<_>>()
    };
    let (ten, thirty) = (matched(10.0, "pilot"), matched(30.0, "pilot"));
    for (matched, share) in [(&ten, 0.1), (&thirty, 0.3)] {
        near(matched.iter().filter(|matched| **matched).count() as f64 / USERS as f64, share, "percent");
    }
    assert!(ten.iter().zip(&thirty).all(|(ten, thirty)| !ten || *thirty), "who is in stays in");
    // A split behind a percentage with the same salt is not decided by it.
    let both = sound(&{
        let mut document = document(json!([{
            "name": "r", "when": { "percent": { "of": 10 } },
            "then": [{ "split": { "to": { "vip": 1, "agents": 1 } } }],
        }]));
        document["default"] = json!({ "pool": "general" });
        document
    });
    let answers = answers(&both);
    near(shares(&answers)["carla"], 0.05, "half of the tenth");
}

#[test]
fn agents_come_first_by_their_weight_and_each_user_keeps_an_order() {
    let rules = ruleset(json!([{ "name": "r", "then": [{ "pool": "drawn" }] }]));
    let orders = answers(&rules);
    assert_eq!(orders, answers(&rules), "always the same");
    let firsts: Vec<String> =
        orders.iter().map(|order| order.split(' ').next().unwrap().to_owned()).collect();
    let firsts = shares(&firsts);
    for (agent, share) in [("a1", 1.0 / 6.0), ("a2", 1.0 / 6.0), ("a3", 1.0 / 6.0), ("a4", 0.5)] {
        as_by_chance(firsts[agent], share, agent);
    }
    // Who comes back from holiday gets a share, not everybody; the others keep their order.
    let without = sound(&{
        let mut document = document(json!([{ "name": "r", "then": [{ "pool": "drawn" }] }]));
        document["pools"]["drawn"]["agents"].as_array_mut().unwrap().remove(0);
        document
    });
    let kept = |order: &String| {
        order.split(' ').filter(|agent| *agent != "a1").map(str::to_owned).collect::<Vec<_>>().join(" ")
    };
    assert_eq!(orders.iter().map(kept).collect::<Vec<_>>(), answers(&without));
}

/// Draws must never change: they decide who serves whom. These were made by the first version.
#[test]
fn draws_stay_as_they_are() {
    let drawn: Vec<_> = answers(&split(&[20, 30, 50], "user", "pilot")).into_iter().take(24).collect();
    insta::assert_snapshot!(drawn.join(" "));
}

//! The schema of rulesets: current, and of one mind with reading.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use common::document;
use desk_webhooks::routing::{json_schema, read};
use proptest::prelude::*;
use serde_json::{Value, json};

fn schema() -> jsonschema::Validator {
    jsonschema::validator_for(&json_schema()).unwrap()
}

#[test]
fn the_file_for_editors_is_what_the_grammar_says() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../rules/ruleset.schema.json");
    let file: Value = serde_json::from_str(&std::fs::read_to_string(path).unwrap()).unwrap();
    assert!(file == json_schema(), "renew it: desk rules schema > rules/ruleset.schema.json");
}

#[test]
fn a_description_stands_at_every_key() {
    let schema = json_schema();
    for (name, record) in schema["$defs"].as_object().unwrap() {
        for (key, property) in record["properties"].as_object().unwrap() {
            assert!(property["description"].as_str().is_some_and(|about| about.len() > 3), "{name}.{key}");
        }
    }
}

/// A document with everything in it that the language has.
fn everything() -> Value {
    let mut document = document(json!([
        { "name": "a", "enabled": true, "from": "2027-01-01T00:00", "until": "2028-01-01T00:00", "else": "continue",
          "when": {
              "user_id": ["a", "b"], "user_tag": { "exists": true }, "user_attribute": { "tier": "gold", "n": { "min": 1, "max": 2 }, "region": { "prefix": "eu-" }, "since": { "exists": true } },
              "language": { "prefix": "zh" }, "channel": "Web", "platform": ["iOS"], "client_ip": ["203.0.113.0/24"],
              "customer_service_id": "sales", "last_rating": { "min": 1, "max": 2 }, "text_contains": "x", "text_starts_with": ["/"],
              "custom_data": { "/a": true, "/b": [1, "x"] }, "bot_turns": { "exists": true }, "attempt": [1, 2], "open": "office",
              "percent": { "of": 10, "by": "session", "salt": "s" },
              "between": { "time": "08:00-10:00", "days": "mon-fri", "dates": { "from": "2027-01-01", "to": "2027-03-31" } },
              "all": [{ "user_id": "a" }], "any": [{ "user_id": "a" }], "not": { "user_id": "c" },
              "at_least": { "n": 1, "of": [{ "user_id": "a" }] },
          },
          "then": [{ "last_agent": { "within": "30d", "in": "vip" } }, { "split": { "by": "user", "salt": "s", "to": { "vip": 1 } } }, { "pool": "vip" }, { "fail": "no" }] },
    ]));
    document["$schema"] = json!("ruleset.schema.json");
    document["holidays"] = json!({ "h": [{ "name": "N", "date": "10-01" }, { "from": "2027-01-01", "to": "2027-01-02" }], "i": [{ "include": "h" }] });
    document["calendars"]["office"]["timezone"] = json!("Asia/Tokyo");
    document["calendars"]["office"]["closed_on"] = json!(["i"]);
    document["calendars"]["office"]["overrides"] = json!([{ "name": "O", "date": "2027-03-01", "open": ["00:00-24:00"] }, { "from": "2027-04-01", "to": "2027-04-02", "closed": true }]);
    document["emergency"] = json!({ "pool": "general", "on": false });
    document["tests"] = json!([{
        "name": "t", "at": "2027-02-01T10:00+08:00",
        "given": {
            "user": { "id": "a", "tags": [], "language": null, "attributes": { "x": 1 }, "last_agent": "anna", "last_agent_at": "2027-01-01T00:00Z", "last_rating": 5, "last_rating_at": null },
            "session": "s", "channel": "Web", "texts": ["x"], "custom_data": null, "bot_turns": 0, "attempt": null,
            "platform": null, "client_ip": "::1", "customer_service_id": null,
        },
        "expect": { "rule": "default", "group": 6500, "agents": [] },
    }]);
    document
}

#[test]
fn everything_is_understood_by_both() {
    let errors: Vec<_> = schema().iter_errors(&everything()).map(|error| error.to_string()).collect();
    assert!(errors.is_empty(), "{errors:#?}");
    read(&everything()).unwrap();
}

/// Every key of the language, as `record.key`.
fn keys(schema: &Value) -> std::collections::BTreeSet<String> {
    let records = schema["$defs"].as_object().unwrap().iter();
    let keys = |(name, record): (&String, &Value)| {
        let keys = record["properties"].as_object().unwrap().keys();
        keys.map(|key| format!("{name}.{key}")).collect::<Vec<_>>()
    };
    records.flat_map(keys).collect()
}

/// Takes away each key that stands in a value of this schema.
fn strike(schema: &Value, of: &Value, value: &Value, left: &mut std::collections::BTreeSet<String>) {
    let inner = |of: &Value, value: &Value, left: &mut _| strike(schema, of, value, left);
    if let Some(reference) = of["$ref"].as_str() {
        let name = reference.trim_start_matches("#/$defs/");
        for (key, value) in value.as_object().into_iter().flatten() {
            left.remove(&format!("{name}.{key}"));
            inner(&schema["$defs"][name]["properties"][key], value, left);
        }
    }
    for choice in of["anyOf"].as_array().into_iter().flatten() {
        inner(choice, value, left);
    }
    for item in value.as_array().into_iter().flatten() {
        inner(&of["items"], item, left);
    }
    for (_, value) in value.as_object().into_iter().flatten() {
        inner(&of["additionalProperties"], value, left);
    }
}

/// [`everything_is_understood_by_both`] then shows that each key is read.
#[test]
fn each_key_of_the_language_is_among_everything() {
    let schema = json_schema();
    let mut left = keys(&schema);
    assert!(left.len() > 60);
    strike(&schema, &json!({ "$ref": schema["$ref"] }), &everything(), &mut left);
    assert!(left.is_empty(), "add them to `everything`: {left:?}");
}

/// Every place in a document.
fn places(value: &Value, place: String, places: &mut Vec<String>) {
    match value {
        Value::Object(entries) => entries.iter().for_each(|(key, value)| {
            let key = key.replace('~', "~0").replace('/', "~1");
            self::places(value, format!("{place}/{key}"), places);
        }),
        Value::Array(items) => {
            items
                .iter()
                .enumerate()
                .for_each(|(item, value)| self::places(value, format!("{place}/{item}"), places));
        }
        _ => {}
    }
    places.push(place);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(2000))]

    /// One value anywhere is replaced by another: what reading accepts the schema accepts, and what
    /// the schema refuses reading refuses.
    #[test]
    fn the_schema_never_refuses_what_reading_accepts(
        place in any::<prop::sample::Index>(),
        other in prop_oneof![
            Just(json!(null)), Just(json!(true)), Just(json!(0)), Just(json!(-1)), Just(json!(2.5)), Just(json!(101)),
            Just(json!("")), Just(json!("vip")), Just(json!([])), Just(json!(["vip"])), Just(json!([1])), Just(json!({})),
            Just(json!({ "min": 1 })), Just(json!({ "unknown": 1 })), Just(json!({ "user_id": "x" })),
        ],
    ) {
        thread_local!(static SCHEMA: jsonschema::Validator = schema());
        let mut document = everything();
        let mut all = Vec::new();
        places(&document, String::new(), &mut all);
        let place = place.get(&all);
        *document.pointer_mut(place).unwrap() = other;
        let (valid, read) = (SCHEMA.with(|schema| schema.is_valid(&document)), read(&document));
        prop_assert!(valid || read.is_err(), "{place}: the schema alone refuses it");
        if let Err(findings) = read {
            prop_assert!(!findings.is_empty());
        }
    }

    #[test]
    fn an_unknown_key_is_refused_by_both(place in any::<prop::sample::Index>()) {
        thread_local!(static SCHEMA: jsonschema::Validator = schema());
        let mut document = everything();
        let mut all = Vec::new();
        places(&document, String::new(), &mut all);
        let records: Vec<_> = all.into_iter().filter(|place| {
            // Where names are the author's own choice, none is unknown.
            let free = ["/holidays", "/calendars", "/pools", "/weekly", "/to", "/user_attribute", "/custom_data", "/attributes"];
            document.pointer(place).unwrap().is_object() && !free.iter().any(|free| place.ends_with(free))
        }).collect();
        let place = place.get(&records);
        document.pointer_mut(place).unwrap()["unheard-of"] = json!(1);
        prop_assert!(!SCHEMA.with(|schema| schema.is_valid(&document)), "{place}: the schema accepts it");
        prop_assert!(read(&document).is_err(), "{place}: reading accepts it");
    }
}

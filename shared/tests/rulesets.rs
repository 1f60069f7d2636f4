//! Documents: what is understood, and what is said of one that is not.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use desk_webhooks::routing::{check, read};
use jiff::Timestamp;
use serde_json::{Value, json};

fn sound() -> Value {
    json!({
        "timezone": "Asia/Shanghai",
        "pools": {
            "vip": { "group": 6521, "agents": ["anna@example.com", { "id": "bo@example.com" }] },
            "general": { "group": 6500 },
        },
        "rules": [{
            "name": "vip",
            "when": { "user_tag": "vip", "not": { "channel": "Web" } },
            "then": [{ "last_agent": { "within": "30d", "in": "vip" } }, { "pool": "vip" }],
        }],
        "default": { "pool": "general" },
        "tests": [{
            "name": "a VIP", "at": "2027-02-01T10:00+08:00",
            "given": { "user": { "tags": ["vip"] }, "channel": "SDK" },
            "expect": { "rule": "vip", "group": 6521, "agents": ["anna@example.com", "bo@example.com"] },
        }],
    })
}

/// The sound document with one value put in at a JSON pointer.
fn with(pointer: &str, value: Value) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let mut document = sound();
    match document.pointer_mut(parent).unwrap() {
        Value::Array(items) => items.insert(key.parse().unwrap(), value),
        parent => parent[key] = value,
    }
    document
}

fn without(pointer: &str) -> Value {
    let (parent, key) = pointer.rsplit_once('/').unwrap();
    let mut document = sound();
    document.pointer_mut(parent).unwrap().as_object_mut().unwrap().shift_remove(key);
    document
}

/// Everything that is said of a document, a line each.
fn said(document: &Value) -> String {
    let findings = match read(document) {
        Ok(ruleset) => check::findings(&ruleset, &check::run_tests(&ruleset), Timestamp::UNIX_EPOCH),
        Err(findings) => findings,
    };
    findings.iter().map(|finding| format!("{finding}\n")).collect()
}

#[test]
fn nothing_is_said_of_a_sound_document() {
    assert_eq!(said(&sound()), "");
}

#[test]
fn each_mistake_has_its_place_and_what_to_write_instead() {
    let rule = |fields: Value| {
        let mut rule = json!({ "name": "r", "then": [{ "pool": "general" }] });
        rule.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        with("/rules/0", rule)
    };
    let calendars = |calendar: Value, holidays: Value| {
        let mut document = with("/calendars", json!({ "c": calendar }));
        if !holidays.is_null() {
            document["holidays"] = json!({ "all": holidays });
        }
        document["pools"]["vip"]["calendar"] = json!("c");
        document["tests"] = json!([{ "name": "t", "at": "2027-02-01T10:00Z", "given": { "user": { "tags": ["vip"] }, "channel": "SDK" }, "expect": { "rule": "vip" } }]);
        document["rules"][0]["then"] = json!([{ "pool": "vip" }, { "pool": "general" }]);
        document
    };
    let cases = [
        ("an unknown key", with("/colour", json!("red"))),
        ("a key with a slip", with("/defualt", json!({}))),
        ("no default", without("/default")),
        ("no pools", without("/pools")),
        ("no such zone", with("/timezone", json!("Asia/Shangai"))),
        ("a pool of nobody", with("/pools/empty", json!({}))),
        ("a pool without agents", with("/pools/p", json!({ "agents": [] }))),
        (
            "an agent twice",
            with("/pools/p", json!({ "agents": ["a@example.com", { "id": "a@example.com" }] })),
        ),
        ("a group in words", with("/pools/p", json!({ "group": "6500" }))),
        ("an answer without its part", with("/pools/p", json!({ "group": 1, "answer": "agents" }))),
        ("an order that is none", with("/pools/p", json!({ "group": 1, "order": "random" }))),
        ("a weight that does nothing", with("/pools/p", json!({ "agents": [{ "id": "a", "weight": 2 }] }))),
        (
            "a weight of nothing",
            with("/pools/p", json!({ "agents": [{ "id": "a", "weight": 0 }], "order": "by-user" })),
        ),
        ("a pool of no calendar", with("/pools/p", json!({ "group": 1, "calendar": "office" }))),
        ("a pool that nobody uses", with("/pools/p", json!({ "group": 1 }))),
        ("an unknown pool", rule(json!({ "then": [{ "pool": "genral" }] }))),
        ("a reserved name", rule(json!({ "name": "default" }))),
        ("a name twice", rule(json!({ "name": "vip", "when": { "user_id": "maya" } }))),
        ("an unknown calendar", rule(json!({ "when": { "open": "support" } }))),
        ("a condition with a slip", rule(json!({ "when": { "user_tga": "vip" } }))),
        ("a number for a text", rule(json!({ "when": { "user_id": 12345 } }))),
        ("a text for a number", rule(json!({ "when": { "attempt": "2" } }))),
        ("an empty list", rule(json!({ "when": { "user_tag": [] } }))),
        ("an empty combinator", rule(json!({ "when": { "any": [] } }))),
        ("a list for a map", rule(json!({ "when": ["vip"] }))),
        ("bounds that cross", rule(json!({ "when": { "attempt": { "min": 3, "max": 2 } } }))),
        (
            "a matcher of two minds",
            rule(json!({ "when": { "user_id": { "prefix": "a", "exists": false } } })),
        ),
        (
            "a condition of two minds",
            rule(json!({ "when": { "custom_data": { "/a": { "prefix": "a", "min": 1 } } } })),
        ),
        ("a pointer that is none", rule(json!({ "when": { "custom_data": { "a": 1 } } }))),
        ("a network that is none", rule(json!({ "when": { "client_ip": ["203.0.113.0/33"] } }))),
        (
            "more than there are",
            rule(json!({ "when": { "at_least": { "n": 3, "of": [{ "user_id": "a" }] } } })),
        ),
        ("none of several", rule(json!({ "when": { "at_least": { "n": 0, "of": [{ "user_id": "a" }] } } }))),
        ("more than a hundred", rule(json!({ "when": { "percent": { "of": 101 } } }))),
        ("a day that is none", rule(json!({ "when": { "between": { "days": "monday" } } }))),
        (
            "a date that is none",
            rule(json!({ "when": { "between": { "dates": { "from": "2027-02-30" } } } })),
        ),
        (
            "dates of two kinds",
            rule(json!({ "when": { "between": { "dates": { "from": "2027-02-01", "to": "03-01" } } } })),
        ),
        ("never", rule(json!({ "when": { "between": {} } }))),
        ("a moment with an offset", rule(json!({ "from": "2027-01-01T00:00+08:00" }))),
        (
            "an end before the beginning",
            rule(json!({ "from": "2027-01-01T00:00", "until": "2026-01-01T00:00" })),
        ),
        ("a split without shares", rule(json!({ "then": [{ "split": {} }] }))),
        ("a split of nothing", rule(json!({ "then": [{ "split": { "to": { "vip": 0 } } }] }))),
        ("a split over an unknown pool", rule(json!({ "then": [{ "split": { "to": { "vpi": 1 } } }] }))),
        ("a step with a slip", rule(json!({ "then": [{ "pol": "vip" }] }))),
        (
            "two steps in one",
            rule(json!({ "then": [{ "pool": "vip", "last_agent": { "within": "1d", "in": "vip" } }] })),
        ),
        ("an empty step", rule(json!({ "then": [{}] }))),
        ("no step", rule(json!({ "then": [] }))),
        (
            "a duration without its unit",
            rule(json!({ "then": [{ "last_agent": { "within": "30", "in": "vip" } }] })),
        ),
        (
            "stickiness to nobody",
            rule(json!({ "then": [{ "last_agent": { "within": "1d", "in": "general" } }] })),
        ),
        ("a rule that hides the next", rule(json!({}))),
        (
            "a rule that hides a narrower one",
            rule(
                json!({ "name": "hiding", "when": { "any": [{ "user_tag": ["vip", "gold"] }, { "user_id": "maya" }] } }),
            ),
        ),
        ("a time that is over", rule(json!({ "until": "1969-12-31T00:00", "when": { "user_id": "maya" } }))),
        (
            "a calendar that never opens",
            with("/calendars", json!({ "c": { "closed_on": [] , "weekly": {} } })),
        ),
        (
            "a calendar that is always on holiday",
            calendars(
                json!({ "weekly": { "mon": ["09:00-10:00"] }, "closed_on": ["all"] }),
                json!([{ "name": "Always", "from": "03-01", "to": "02-29" }]),
            ),
        ),
        (
            "hours that overlap",
            calendars(json!({ "weekly": { "mon": ["09:00-12:00", "11:00-13:00"] } }), json!(null)),
        ),
        (
            "hours that go on into the next day's",
            calendars(json!({ "weekly": { "sat": ["22:00-02:00"], "sun": ["01:00-03:00"] } }), json!(null)),
        ),
        (
            "a day twice",
            calendars(
                json!({ "weekly": { "mon-fri": ["09:00-12:00"], "fri": ["09:00-11:00"] } }),
                json!(null),
            ),
        ),
        ("no such day", calendars(json!({ "weekly": { "monday": ["09:00-12:00"] } }), json!(null))),
        (
            "no such hours",
            calendars(json!({ "weekly": { "mon": ["9-12", "24:00-02:00", "09:00-09:00"] } }), json!(null)),
        ),
        (
            "an override of nothing",
            calendars(
                json!({ "weekly": { "mon": ["09:00-12:00"] }, "overrides": [{ "date": "2027-01-01" }] }),
                json!(null),
            ),
        ),
        (
            "an override of two minds",
            calendars(
                json!({ "weekly": { "mon": ["09:00-12:00"] }, "overrides": [{ "date": "2027-01-01", "closed": true, "open": ["09:00-10:00"] }] }),
                json!(null),
            ),
        ),
        (
            "overrides that meet",
            calendars(
                json!({ "weekly": { "mon": ["09:00-12:00"] }, "overrides": [
                { "name": "Fair", "from": "2027-01-01", "to": "2027-01-05", "closed": true }, { "date": "2027-01-05", "closed": true },
            ] }),
                json!(null),
            ),
        ),
        (
            "an override that is past",
            calendars(
                json!({ "weekly": { "mon": ["09:00-12:00"] }, "overrides": [{ "name": "Fair", "date": "1969-12-30", "closed": true }] }),
                json!(null),
            ),
        ),
        (
            "a holiday without a day",
            calendars(json!({ "weekly": { "mon": ["09:00-12:00"] } }), json!([{ "name": "Never" }])),
        ),
        (
            "a list that includes itself",
            calendars(json!({ "weekly": { "mon": ["09:00-12:00"] } }), json!([{ "include": "all" }])),
        ),
        (
            "a list that is none",
            calendars(
                json!({ "weekly": { "mon": ["09:00-12:00"] }, "closed_on": ["al"] }),
                json!([{ "date": "01-01" }]),
            ),
        ),
        ("an emergency without a switch", with("/emergency", json!({ "pool": "vip" }))),
        ("an emergency that is on", with("/emergency", json!({ "pool": "vip", "on": true }))),
        (
            "a test without a moment",
            with("/tests/0", json!({ "name": "t", "at": "tomorrow", "expect": { "rule": "vip" } })),
        ),
        (
            "two tests of one name",
            with(
                "/tests/0",
                json!({ "name": "a VIP", "at": "2027-02-01T10:00Z", "expect": { "rule": "default" } }),
            ),
        ),
        (
            "a fact of another kind",
            with(
                "/tests/0",
                json!({ "name": "t", "at": "2027-02-01T10:00Z", "given": { "user": { "last_agent_at": "yesterday" }, "attempt": 0 }, "expect": { "rule": "vip" } }),
            ),
        ),
        (
            "a test that expects nothing",
            with("/tests/0", json!({ "name": "t", "at": "2027-02-01T10:00Z", "expect": {} })),
        ),
        (
            "an unknown fact",
            with(
                "/tests/0",
                json!({ "name": "t", "at": "2027-02-01T10:00Z", "given": { "user": { "tag": 1 } }, "expect": { "rule": "vip" } }),
            ),
        ),
        (
            "a test that fails",
            with(
                "/tests/0",
                json!({ "name": "t", "at": "2027-02-01T10:00Z", "expect": { "rule": "vip", "group": 1, "agents": ["x"] } }),
            ),
        ),
        ("no map at all", json!([])),
        ("hours without a zone", {
            let mut document = calendars(json!({ "weekly": { "mon": ["09:00-12:00"] } }), json!(null));
            document.as_object_mut().unwrap().shift_remove("timezone");
            document
        }),
        (
            "a list of days that are closed",
            calendars(
                json!({ "weekly": { "mon-sat": ["09:00-12:00"], "sun": [] }, "overrides": [], "closed_on": [] }),
                json!([]),
            ),
        ),
        (
            "several ids in one",
            with("/pools/vip", json!({ "group": 6521, "agents": ["anna@example.com, bo@example.com"] })),
        ),
        (
            "ids as other programs write them",
            with(
                "/pools/vip/agents",
                json!([
                    "Anna <anna@example.com>",
                    "bo@example.com\u{200b}",
                    "eve@example.com ",
                    "carla",
                    "dan@example.com",
                    "fay@example.com",
                    "“gil@example.com”"
                ]),
            ),
        ),
        (
            "names and words with blanks and quotes",
            rule(json!({
                "name": "refunds ", "when": { "text_contains": ["\u{a0}refund", "“money back”"], "user_tag": ["vip\u{feff}", "gold"], "user_attribute": { "tier": { "prefix": " g" } } },
            })),
        ),
        ("a keyword of a page", rule(json!({ "when": { "text_contains": "a".repeat(101) } }))),
        ("a keyword that becomes longer", rule(json!({ "when": { "text_contains": "ß".repeat(51) } }))),
        ("a name of a page", with("/pools/p", json!({ "group": 1, "agents": ["a".repeat(101)] }))),
        (
            "a number that is an id",
            rule(json!({ "when": { "user_attribute": { "account": 9_007_199_254_740_992_u64 } } })),
        ),
        (
            "a pointer into the depths",
            rule(json!({ "when": { "custom_data": { "/a/b/c/d/e/f/g/h/i/j/k": 1 } } })),
        ),
    ];
    let said: String = cases.iter().map(|(name, document)| format!("{name}\n{}\n", said(document))).collect();
    insta::assert_snapshot!(said);
}

#[test]
fn what_has_a_limit_is_accepted_up_to_it() {
    let rules = |count: usize, fields: Value| {
        let rule = |number: usize| {
            let mut rule = json!({ "name": format!("rule-{number}"), "then": [{ "pool": "general" }] });
            rule.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
            rule
        };
        with("/rules", (0..count).map(rule).collect())
    };
    let numbered = |count: usize, value: Value| -> Value {
        (0..count)
            .map(|number| (format!("n{number}"), value.clone()))
            .collect::<serde_json::Map<_, _>>()
            .into()
    };
    let words = |count: usize| (0..count).map(|number| format!("{number:0>100}")).collect::<Vec<_>>();
    let holidays = |count: usize| {
        let mut document =
            with("/holidays", json!({ "h": vec![json!({ "date": "2027-03-01" }); count - 1] }));
        document["calendars"] = json!({ "c": { "weekly": { "mon": ["09:00-10:00"] }, "overrides": [{ "date": "2027-01-01", "closed": true }] } });
        document
    };
    let test = |number: usize| json!({ "name": format!("t{number}"), "at": "2027-02-01T10:00Z", "expect": { "group": 6500 } });
    let agents = |count: usize| (0..count).map(|number| format!("agent-{number}")).collect::<Vec<_>>();
    let nested =
        |levels: usize| (0..levels).fold(json!({ "user_id": "a" }), |inner, _| json!({ "not": inner }));
    type Sized<'a> = (&'a str, usize, Box<dyn Fn(usize) -> Value + 'a>);
    let parts: [Sized<'_>; 11] = [
        ("rules", 1_000, Box::new(|count| rules(count, json!({})))),
        (
            "pools",
            1_000,
            Box::new(|count| {
                let mut document = with("/pools", numbered(count - 2, json!({ "group": 1 })));
                document["pools"]["vip"] = json!({ "group": 1, "agents": ["a"] });
                document["pools"]["general"] = json!({ "group": 1 });
                document
            }),
        ),
        ("agents", 1_000, Box::new(|count| with("/pools/vip/agents", json!(agents(count))))),
        (
            "calendars",
            100,
            Box::new(|count| {
                with("/calendars", numbered(count, json!({ "weekly": { "mon": ["09:00-10:00"] } })))
            }),
        ),
        ("lists of holidays", 100, Box::new(|count| with("/holidays", numbered(count, json!([]))))),
        ("holidays and overrides", 2_000, Box::new(holidays)),
        ("tests", 2_000, Box::new(|count| with("/tests", (0..count).map(test).collect()))),
        (
            "keywords",
            10_000,
            Box::new(|count| {
                let (some, others) = (words(count / 2), words(count - count / 2));
                with("/rules/0/when", json!({ "text_contains": some, "not": { "text_starts_with": others } }))
            }),
        ),
        (
            "conditions",
            10_000,
            Box::new(|count| {
                let mut document =
                    rules(count / 20, json!({ "when": { "any": vec![json!({ "user_id": "a" }); 20] } }));
                let rest = vec![json!({ "user_id": "a" }); count % 20 + 1];
                document["rules"][0]["when"]["any"].as_array_mut().unwrap().extend(rest.into_iter().skip(1));
                document
            }),
        ),
        (
            "too large",
            99_000,
            Box::new(|count| {
                with(
                    "/rules/0/when",
                    json!({ "user_id": vec!["a"; if count > 99_000 { 100_000 } else { count }] }),
                )
            }),
        ),
        (
            "too large",
            30,
            Box::new(|levels| with("/rules/0/when", nested(if levels > 30 { 64 } else { levels }))),
        ),
    ];
    for (what, most, document) in parts {
        let refused = |count: usize| read(&document(count)).err().map(|findings| findings[0].to_string());
        assert_eq!(refused(most), None, "{most} {what}");
        let message = refused(most + 1).unwrap_or_else(|| panic!("{} {what} are accepted", most + 1));
        assert!(message.contains(what), "{message}");
    }
    // More text than fits, and more of it in tests, which functions do not load.
    let page = "x".repeat(1_000);
    let texts = |count: usize| json!({ "name": "t", "at": "2027-02-01T10:00Z", "given": { "texts": vec![&page; count] }, "expect": { "group": 6500 } });
    assert!(read(&with("/tests/0", texts(4_000))).is_ok());
    assert!(read(&with("/tests/0", texts(5_000))).is_err());
    assert!(read(&with("/rules/0/when", json!({ "user_id": vec![&page; 5_000] }))).is_err());
}

#[test]
fn a_slip_is_warned_of_and_what_scripts_need_is_not() {
    for id in
        ["a@x.com/b@x.com", "a@x.com|c@x.com", "mailto:s@x.com", "\"s@x.com\"", "'s@x.com'", "s@x.com.", "s@"]
    {
        assert!(said(&with("/pools/vip/agents/0", json!(id))).contains("is not an address as it is"), "{id}");
    }
    assert!(!said(&with("/pools/vip/agents/0", json!("o'brien+1@x.example.com"))).contains("not an address"));
    for (when, warned) in [
        (json!({ "user_attribute": { "tier ": "gold" } }), true),
        (json!({ "user_attribute": { "\u{201c}tier\u{201d}": "gold" } }), true),
        (json!({ "custom_data": { "/tier\u{a0}": "gold" } }), true),
        (json!({ "text_contains": "re\u{ad}fund" }), true),
        (json!({ "text_contains": "re\u{2800}fund" }), true),
        (json!({ "user_id": "ma\u{200b}ya" }), true),
        (json!({ "text_contains": "می\u{200c}خواهم" }), false),
        (json!({ "text_contains": "👩\u{200d}💻 ❤\u{fe0f} two words" }), false),
    ] {
        let said = said(&with("/rules/0/when", when.clone()));
        assert_eq!(said.contains("which counts"), warned, "{when}: {said}");
    }
}

#[test]
fn an_override_without_hours_is_closed() {
    let day = |day: Value| {
        with("/calendars", json!({ "c": { "weekly": { "mon-sun": ["09:00-10:00"] }, "overrides": [day] } }))
    };
    let open = |document: &Value| {
        read(document).unwrap().calendars[0].opening("2027-03-01T01:30Z".parse().unwrap()).open
    };
    assert!(open(&day(json!({ "date": "2027-03-02", "open": [] }))));
    assert!(!open(&day(json!({ "date": "2027-03-01", "open": [] }))));
}

#[test]
fn a_calendar_opens_if_any_day_of_a_year_is_left() {
    let mut document = with("/holidays", json!({ "most": [{ "from": "03-02", "to": "02-28" }] }));
    for (overrides, opens) in [
        (json!([]), true),
        (json!([{ "from": "02-29", "to": "03-01", "closed": true }]), false),
        (json!([{ "date": "02-29", "closed": true }]), true),
        (
            json!([{ "from": "02-29", "to": "03-01", "closed": true }, { "date": "07-01", "open": ["09:00-10:00"] }]),
            true,
        ),
    ] {
        document["calendars"] = json!({ "c": { "weekly": { "mon": ["09:00-10:00"] }, "closed_on": ["most"], "overrides": overrides } });
        assert_eq!(read(&document).is_ok(), opens, "{overrides}");
    }
    document["calendars"] =
        json!({ "c": { "weekly": { "mon": ["09:00-10:00"] }, "closed_on": vec!["most"; 101] } });
    assert!(said(&document).contains("101 lists in `closed_on`"));
}

#[test]
fn a_document_of_mistakes_is_given_up_early() {
    let document = with("/rules/0/when", json!({ "any": vec![json!({ "user_tga": "vip" }); 20_000] }));
    assert_eq!(said(&document).lines().count(), 100);
}

#[test]
fn hours_without_a_zone_are_read_as_utc_but_not_published() {
    let calendar = json!({ "c": { "timezone": "Asia/Shanghai", "weekly": { "mon": ["09:00-10:00"] } } });
    let rule = |fields: Value| {
        let mut rule = json!({ "name": "r", "when": { "user_id": "maya" }, "then": [{ "pool": "general" }] });
        rule.as_object_mut().unwrap().extend(fields.as_object().unwrap().clone());
        with("/rules/1", rule)
    };
    for (timed, mut document) in [
        (false, rule(json!({}))),
        (true, with("/calendars", calendar)),
        (true, rule(json!({ "from": "2027-01-01T00:00" }))),
        (true, rule(json!({ "until": "2027-01-01T00:00" }))),
        (true, rule(json!({ "when": { "not": { "any": [{ "between": { "days": "mon" } }] } } }))),
    ] {
        assert!(!said(&document).contains("need a `timezone`"));
        document.as_object_mut().unwrap().shift_remove("timezone");
        assert_eq!(said(&document).contains("need a `timezone`"), timed, "{document}");
        assert_eq!(read(&document).unwrap().timezone, jiff::tz::TimeZone::UTC);
    }
}

#[test]
fn all_mistakes_are_said_at_once() {
    let mut document = with("/pools/empty", json!({}));
    document["rules"][0]["when"] = json!({ "user_tga": "vip", "channel": [] });
    document["default"]["pool"] = json!("nobody");
    assert_eq!(said(&document).lines().count(), 4);
}

#[test]
fn lists_of_holidays_may_include_others_but_not_in_a_circle() {
    let lists = |lists: Value| {
        let mut document = sound();
        document["holidays"] = lists;
        document["calendars"] =
            json!({ "c": { "weekly": { "mon-sun": ["00:00-24:00"] }, "closed_on": ["shop"] } });
        document["pools"]["general"]["calendar"] = json!("c");
        document
    };
    let ruleset = read(&lists(json!({
        "shop": [{ "include": "national" }, { "name": "Stocktaking", "date": "2027-06-01" }],
        "national": [{ "name": "New Year", "date": "01-01" }],
    })))
    .unwrap();
    let because = |date: &str| ruleset.calendars[0].day(date.parse().unwrap()).because.describe();
    assert_eq!(because("2031-01-01").as_deref(), Some("holiday New Year (national)"));
    assert_eq!(because("2027-06-01").as_deref(), Some("holiday Stocktaking (shop)"));
    assert_eq!(because("2028-06-01"), None);
    let circle =
        lists(json!({ "shop": [{ "include": "a" }], "a": [{ "include": "b" }], "b": [{ "include": "a" }] }));
    assert_eq!(
        said(&circle),
        "holidays.a: `a` includes itself, through the lists that it includes; remove one of them\n"
    );
    // Each includes the next one twice: forty levels would be a million million dates.
    let list = |level: usize| {
        let next = json!({ "include": format!("l{}", level + 1) });
        (format!("l{level}"), if level == 40 { json!([{ "date": "01-01" }]) } else { json!([next, next]) })
    };
    let mut bomb: serde_json::Map<_, _> = (0..=40).map(list).collect();
    bomb.insert("shop".into(), json!([{ "include": "l0" }, { "include": "l1" }]));
    assert_eq!(read(&lists(bomb.into())).unwrap().calendars[0].holidays.len(), 1);
    // Many calendars that are closed on many days.
    let mut many = lists(json!({ "shop": vec![json!({ "date": "01-01" }); 2000] }));
    for calendar in 0..99 {
        many["calendars"][format!("c{calendar}")] = many["calendars"]["c"].clone();
    }
    assert!(said(&many).contains("closed on more than 100000 dates together"));
}

#[test]
fn a_rule_is_hidden_by_one_that_matches_whatever_it_matches() {
    let cases = [
        (json!({ "user_id": ["a", "b"] }), json!({ "user_id": "a" }), true),
        (json!({ "user_id": "a" }), json!({ "user_id": ["a", "b"] }), false),
        (json!({ "user_id": { "prefix": "a" } }), json!({ "user_id": ["ab", "ac"] }), true),
        (json!({ "user_tag": { "exists": true } }), json!({ "user_tag": "vip" }), true),
        (json!({ "user_tag": "vip" }), json!({ "user_tag": { "exists": true } }), false),
        (json!({ "attempt": { "min": 2 } }), json!({ "attempt": { "min": 3, "max": 5 } }), true),
        (json!({ "attempt": { "min": 2, "max": 4 } }), json!({ "attempt": { "min": 3, "max": 5 } }), false),
        (json!({ "attempt": { "min": 2 } }), json!({ "attempt": [2, 3] }), true),
        (json!({ "not": { "user_id": "a" } }), json!({ "not": { "user_id": ["a", "b"] } }), true),
        (json!({ "not": { "user_id": ["a", "b"] } }), json!({ "not": { "user_id": "a" } }), false),
        (json!({ "user_id": "a" }), json!({ "user_id": "a", "channel": "Web" }), true),
        (json!({ "user_id": "a", "channel": "Web" }), json!({ "user_id": "a" }), false),
        (json!({ "any": [{ "user_id": "a" }, { "channel": "Web" }] }), json!({ "channel": "Web" }), true),
        (
            json!({ "channel": ["Web", "SDK"] }),
            json!({ "any": [{ "channel": "SDK" }, { "channel": "Web" }] }),
            true,
        ),
        (
            json!({ "at_least": { "n": 1, "of": [{ "user_id": "a" }, { "channel": "Web" }] } }),
            json!({ "channel": "Web" }),
            true,
        ),
        (
            json!({ "at_least": { "n": 2, "of": [{ "user_id": "a" }, { "channel": "Web" }] } }),
            json!({ "channel": "Web" }),
            false,
        ),
        (json!({ "text_contains": ["fund"] }), json!({ "text_contains": ["refund", "FUNDS"] }), true),
        (json!({ "text_contains": ["refund"] }), json!({ "text_contains": ["fund"] }), false),
        (json!({ "client_ip": "203.0.113.0/24" }), json!({ "client_ip": "203.0.113.9" }), true),
        (
            json!({ "percent": { "of": 20, "salt": "s" } }),
            json!({ "percent": { "of": 10, "salt": "s" } }),
            true,
        ),
        (
            json!({ "percent": { "of": 20, "salt": "s" } }),
            json!({ "percent": { "of": 10, "salt": "t" } }),
            false,
        ),
        (json!({ "user_attribute": { "a": 1 } }), json!({ "user_attribute": { "b": 1 } }), false),
        (json!({}), json!({ "user_id": "a" }), true),
    ];
    for (earlier, later, hidden) in cases {
        let mut document = sound();
        document["rules"] = json!([
            { "name": "earlier", "when": earlier, "then": [{ "pool": "vip" }] },
            { "name": "later", "when": later, "then": [{ "pool": "general" }] },
        ]);
        document["tests"] = json!([{ "name": "t", "at": "2027-02-01T10:00Z", "expect": { "agents": [] } }]);
        assert_eq!(said(&document).contains("`later` is never reached"), hidden, "{earlier} hides {later}");
        // Neither a limit in time nor an open end hides anything for good.
        document["rules"][0]["until"] = json!("2100-01-01T00:00");
        assert!(!said(&document).contains("never reached"));
        document["rules"][0] = json!({ "name": "earlier", "when": earlier, "then": [{ "last_agent": { "within": "1d", "in": "vip" } }] });
        assert_eq!(said(&document).contains("the search stops there"), hidden);
        document["rules"][0]["else"] = json!("continue");
        assert!(!said(&document).contains("never reached"));
    }
}

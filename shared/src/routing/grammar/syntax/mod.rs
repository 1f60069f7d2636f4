//! The language of rulesets: every key, what it may hold, and what it means.

mod conditions;
mod tests;

use super::{Keys, LONG, Range, Record, SHORT, Shape, field};
use conditions::CONDITION;
pub(in crate::routing) use tests::FACTS;
use tests::TESTS;

pub(in crate::routing) static RULESET: Record = Record {
    name: "ruleset",
    key: "key",
    example: "{ pools: ..., rules: ..., default: ... }",
    keys: Keys::Any,
    fields: &[
        field(
            "$schema",
            &Shape::Text { example: "ruleset.schema.json", most: LONG },
            "Where this schema is, for editors",
        ),
        field(
            "timezone",
            &ZONE,
            "The IANA zone in which times without one are meant; required with calendars, `between`, `from` and `until`",
        ),
        field("holidays", &HOLIDAYS, "Lists of dates, which calendars are closed on"),
        field("calendars", &CALENDARS, "When somebody serves"),
        field("pools", &POOLS, "Who can serve").required("{ general: { group: 6500 } }"),
        field("rules", &RULES, "Read from the top: the first whose conditions hold decides"),
        field("default", &DEFAULT, "Who serves when no rule gives an answer").required("{ pool: general }"),
        field("emergency", &Shape::Record(&EMERGENCY), "A switch that sends everything to one pool"),
        field("tests", &TESTS, "Questions with their answers; run before every publish"),
    ],
};

static ZONE: Shape = Shape::Text { example: "Asia/Shanghai", most: SHORT };
static POOL_NAME: Shape = Shape::Text { example: "general", most: SHORT };
static AGENT: Shape = Shape::Text { example: "anna@example.com", most: SHORT };
static MOMENT: Shape = Shape::Text { example: "2027-02-01T10:00+08:00", most: LONG };
static DATE: Shape = Shape::Text { example: "2027-02-05", most: LONG };
static WEIGHT: Shape = Shape::Number { range: Range::Positive, example: "20" };
static BY: Shape = Shape::Choice(&["user", "session"]);

static HOLIDAYS: Shape = Shape::Names {
    of: &Shape::List { of: &Shape::Record(&HOLIDAY), least: 0, example: "[{ name: New Year, date: 01-01 }]" },
    least: 1,
    example: "{ national: [{ name: New Year, date: 01-01 }] }",
};

static HOLIDAY: Record = Record {
    name: "holiday",
    key: "key",
    example: "{ name: New Year, date: 01-01 }",
    keys: Keys::AtLeastOne,
    fields: &[
        field("name", &Shape::Text { example: "New Year", most: SHORT }, "What people call it"),
        field("date", &DATE, "One day, such as 2027-02-05; without a year: every year"),
        field("from", &DATE, "The first day"),
        field("to", &DATE, "The last day"),
        field("include", &Shape::Text { example: "national", most: SHORT }, "All dates of another list"),
    ],
};

static CALENDARS: Shape = Shape::Names {
    of: &Shape::Record(&CALENDAR),
    least: 1,
    example: "{ support: { weekly: { mon-fri: [\"09:00-18:00\"] } } }",
};

static HOURS: Shape = Shape::List {
    of: &Shape::Text { example: "\"09:00-12:00\"", most: LONG },
    least: 1,
    example: "[\"09:00-12:00\", \"13:30-18:00\"]",
};

/// None: closed on these days.
static HOURS_OR_NONE: Shape = Shape::List {
    of: &Shape::Text { example: "\"09:00-12:00\"", most: LONG },
    least: 0,
    example: "[\"09:00-12:00\", \"13:30-18:00\"]",
};

static CALENDAR: Record = Record {
    name: "calendar",
    key: "key",
    example: "{ weekly: { mon-fri: [\"09:00-18:00\"] } }",
    keys: Keys::Any,
    fields: &[
        field("timezone", &ZONE, "The zone of its hours; the ruleset's if absent"),
        field(
            "weekly",
            &Shape::Names { of: &HOURS_OR_NONE, least: 1, example: "{ mon-fri: [\"09:00-18:00\"] }" },
            "Hours by day: mon, mon-fri, or mon,wed,fri; []: closed; past midnight they belong to the day they start on",
        ),
        field(
            "closed_on",
            &Shape::List {
                of: &Shape::Text { example: "national", most: SHORT },
                least: 0,
                example: "[national]",
            },
            "Lists of holidays",
        ),
        field(
            "overrides",
            &Shape::List {
                of: &Shape::Record(&OVERRIDE),
                least: 0,
                example: "[{ name: Stocktaking, date: 2027-06-01, closed: true }]",
            },
            "Days that are other than usual; they win over holidays",
        ),
    ],
};

static OVERRIDE: Record = Record {
    name: "override",
    key: "key",
    example: "{ name: Stocktaking, date: 2027-06-01, closed: true }",
    keys: Keys::AtLeastOne,
    fields: &[
        field("name", &Shape::Text { example: "Stocktaking", most: SHORT }, "What people call it"),
        field("date", &DATE, "One day, such as 2027-06-01; without a year: every year"),
        field("from", &DATE, "The first day"),
        field("to", &DATE, "The last day"),
        field("closed", &Shape::Truth, "Nobody serves"),
        field("open", &HOURS_OR_NONE, "The hours of these days; []: closed"),
    ],
};

static POOLS: Shape =
    Shape::Names { of: &Shape::Record(&POOL), least: 1, example: "{ general: { group: 6500 } }" };

static POOL: Record = Record {
    name: "pool",
    key: "key",
    example: "{ group: 6500 }",
    keys: Keys::Any,
    fields: &[
        field("group", &Shape::Whole { least: 0, example: "6500" }, "The platform's group id"),
        field(
            "agents",
            &Shape::List {
                of: &Shape::Either(&[&AGENT, &Shape::Record(&WEIGHTED_AGENT)]),
                least: 1,
                example: "[anna@example.com]",
            },
            "Agents' ids",
        ),
        field(
            "order",
            &Shape::Choice(&["as-listed", "by-user", "by-session"]),
            "Whether all users get the agents in this order (default), or each user or session in an own one",
        ),
        field(
            "calendar",
            &Shape::Text { example: "support", most: SHORT },
            "When the pool serves; outside, the next step is tried",
        ),
        field(
            "answer",
            &Shape::Choice(&["both", "group", "agents"]),
            "What an answer holds: both (default), or one",
        ),
    ],
};

static WEIGHTED_AGENT: Record = Record {
    name: "agent",
    key: "key",
    example: "{ id: anna@example.com, weight: 2 }",
    keys: Keys::Any,
    fields: &[
        field("id", &AGENT, "The agent's id").required("anna@example.com"),
        field("weight", &WEIGHT, "How often the agent comes first, compared with the others; 1 if absent"),
    ],
};

static DEFAULT: Shape = Shape::Record(&Record {
    name: "default",
    key: "key",
    example: "{ pool: general }",
    keys: Keys::Any,
    fields: &[field("pool", &POOL_NAME, "The pool").required("general")],
});

static EMERGENCY: Record = Record {
    name: "emergency",
    key: "key",
    example: "{ pool: general, on: false }",
    keys: Keys::Any,
    fields: &[
        field("pool", &POOL_NAME, "The pool; its calendar is not asked").required("general"),
        field("on", &Shape::Truth, "On: no rule is asked").required("false"),
    ],
};

static RULES: Shape = Shape::List {
    of: &Shape::Record(&RULE),
    least: 0,
    example: "[{ name: everyone, then: [{ pool: general }] }]",
};

static RULE: Record = Record {
    name: "rule",
    key: "key",
    example: "{ name: everyone, then: [{ pool: general }] }",
    keys: Keys::Any,
    fields: &[
        field(
            "name",
            &Shape::Text { example: "everyone", most: SHORT },
            "Unique; what explain, tests and records say",
        )
        .required("everyone"),
        field("enabled", &Shape::Truth, "false: the rule is skipped"),
        field(
            "from",
            &Shape::Text { example: "2027-01-01T00:00", most: LONG },
            "From when, wall time of the ruleset's zone",
        ),
        field(
            "until",
            &Shape::Text { example: "2028-01-01T00:00", most: LONG },
            "Until when, wall time of the ruleset's zone",
        ),
        field("when", &Shape::Record(&CONDITION), "What must hold, all of it; absent: always"),
        field(
            "then",
            &Shape::List { of: &Shape::Record(&STEP), least: 1, example: "[{ pool: general }]" },
            "Tried in order until there is an answer",
        )
        .required("[{ pool: general }]"),
        field(
            "else",
            &Shape::Choice(&["stop", "continue"]),
            "When no step gives an answer: stop (default) at the ruleset's default, or continue with the next rule",
        ),
    ],
};

static STEP: Record = Record {
    name: "step",
    key: "step",
    example: "{ pool: general }",
    keys: Keys::ExactlyOne,
    fields: &[
        field("pool", &POOL_NAME, "This pool serves"),
        field("split", &Shape::Record(&SPLIT), "One of several pools serves, by shares"),
        field(
            "last_agent",
            &Shape::Record(&LAST_AGENT),
            "The user's last agent goes first, ahead of the next step's answer",
        ),
        field(
            "fail",
            &Shape::Text { example: "this user is not served", most: LONG },
            "Nobody serves; the platform is told why",
        ),
    ],
};

static SPLIT: Record = Record {
    name: "split",
    key: "key",
    example: "{ by: user, to: { vip: 20, general: 80 } }",
    keys: Keys::Any,
    fields: &[
        field("by", &BY, "Who keeps the same pool: the user (default) or the session"),
        field(
            "salt",
            &Shape::Text { example: "refunds-1", most: SHORT },
            "Another salt draws anew; the rule's name if absent",
        ),
        field(
            "to",
            &Shape::Names { of: &WEIGHT, least: 1, example: "{ vip: 20, general: 80 }" },
            "Each pool with its share",
        )
        .required("{ vip: 20, general: 80 }"),
    ],
};

static LAST_AGENT: Record = Record {
    name: "last_agent",
    key: "key",
    example: "{ within: 30d, in: vip }",
    keys: Keys::Any,
    fields: &[
        field("within", &Shape::Text { example: "30d", most: SHORT }, "At most so long ago: d, h, m or s")
            .required("30d"),
        field("in", &POOL_NAME, "The agent must be in this pool").required("vip"),
    ],
};

//! The language of rulesets: every key, what it may hold, and what it means.

use super::{Field, Keys, Range, Record, Shape, field};

pub(in crate::routing) static RULESET: Record = Record {
    name: "ruleset",
    key: "key",
    example: "{ pools: ..., rules: ..., default: ... }",
    keys: Keys::Any,
    fields: &[
        field(
            "$schema",
            &Shape::Text { example: "ruleset.schema.json" },
            "Where this schema is, for editors",
        ),
        field("timezone", &ZONE, "The IANA zone in which times without one are meant; UTC if absent"),
        field("holidays", &HOLIDAYS, "Lists of dates, which calendars are closed on"),
        field("calendars", &CALENDARS, "When somebody serves"),
        field("pools", &POOLS, "Who can serve").required("{ general: { group: 6500 } }"),
        field("rules", &RULES, "Read from the top: the first whose conditions hold decides"),
        field("default", &DEFAULT, "Who serves when no rule gives an answer").required("{ pool: general }"),
        field("emergency", &Shape::Record(&EMERGENCY), "A switch that sends everything to one pool"),
        field("tests", &TESTS, "Questions with their answers; run before every publish"),
    ],
};

static ZONE: Shape = Shape::Text { example: "Asia/Shanghai" };
static POOL_NAME: Shape = Shape::Text { example: "general" };
static AGENT: Shape = Shape::Text { example: "anna@example.com" };
static MOMENT: Shape = Shape::Text { example: "2027-02-01T10:00+08:00" };
static DATE: Shape = Shape::Text { example: "2027-02-05" };
static WEIGHT: Shape = Shape::Number { range: Range::Positive, example: "20" };
static BY: Shape = Shape::Choice(&["user", "session"]);

static HOLIDAYS: Shape = Shape::Names {
    of: &Shape::List { of: &Shape::Record(&HOLIDAY), least: 1, example: "[{ name: New Year, date: 01-01 }]" },
    least: 1,
    example: "{ national: [{ name: New Year, date: 01-01 }] }",
};

static HOLIDAY: Record = Record {
    name: "holiday",
    key: "key",
    example: "{ name: New Year, date: 01-01 }",
    keys: Keys::AtLeastOne,
    fields: &[
        field("name", &Shape::Text { example: "New Year" }, "What people call it"),
        field("date", &DATE, "One day, such as 2027-02-05; without a year: every year"),
        field("from", &DATE, "The first day"),
        field("to", &DATE, "The last day"),
        field("include", &Shape::Text { example: "national" }, "All dates of another list"),
    ],
};

static CALENDARS: Shape = Shape::Names {
    of: &Shape::Record(&CALENDAR),
    least: 1,
    example: "{ support: { weekly: { mon-fri: [\"09:00-18:00\"] } } }",
};

static HOURS: Shape = Shape::List {
    of: &Shape::Text { example: "\"09:00-12:00\"" },
    least: 1,
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
            &Shape::Names { of: &HOURS, least: 1, example: "{ mon-fri: [\"09:00-18:00\"] }" },
            "Hours by day: mon, mon-fri, or mon,wed,fri; past midnight they belong to the day they start on",
        ),
        field(
            "closed_on",
            &Shape::List { of: &Shape::Text { example: "national" }, least: 1, example: "[national]" },
            "Lists of holidays",
        ),
        field(
            "overrides",
            &Shape::List {
                of: &Shape::Record(&OVERRIDE),
                least: 1,
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
        field("name", &Shape::Text { example: "Stocktaking" }, "What people call it"),
        field("date", &DATE, "One day, such as 2027-06-01; without a year: every year"),
        field("from", &DATE, "The first day"),
        field("to", &DATE, "The last day"),
        field("closed", &Shape::Truth, "Nobody serves"),
        field("open", &HOURS, "The hours of these days"),
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
            &Shape::Text { example: "support" },
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
    least: 1,
    example: "[{ name: everyone, then: [{ pool: general }] }]",
};

static RULE: Record = Record {
    name: "rule",
    key: "key",
    example: "{ name: everyone, then: [{ pool: general }] }",
    keys: Keys::Any,
    fields: &[
        field("name", &Shape::Text { example: "everyone" }, "Unique; what explain, tests and records say")
            .required("everyone"),
        field("enabled", &Shape::Truth, "false: the rule is skipped"),
        field(
            "from",
            &Shape::Text { example: "2027-01-01T00:00" },
            "From when, wall time of the ruleset's zone",
        ),
        field(
            "until",
            &Shape::Text { example: "2028-01-01T00:00" },
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
            &Shape::Text { example: "this user is not served" },
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
            &Shape::Text { example: "refunds-1" },
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
        field("within", &Shape::Text { example: "30d" }, "At most so long ago: d, h, m or s").required("30d"),
        field("in", &POOL_NAME, "The agent must be in this pool").required("vip"),
    ],
};

/// A condition on texts: one, any of a list, or a map.
const fn texts(example: &'static Shape) -> [&'static Shape; 3] {
    [example, &TEXT_LIST, &TEXT_MAP]
}

static TEXT_MAP: Shape = Shape::Record(&TEXT_MATCH);
static TEXT_LIST: Shape =
    Shape::List { of: &Shape::Text { example: "vip" }, least: 1, example: "[vip, gold]" };
static USER_ID: Shape = Shape::Either(&texts(&Shape::Text { example: "maya" }));
static TAG: Shape = Shape::Either(&texts(&Shape::Text { example: "vip" }));
static LANGUAGE: Shape = Shape::Either(&texts(&Shape::Text { example: "en" }));
static CHANNEL: Shape = Shape::Either(&texts(&Shape::Text { example: "Web" }));
static PLATFORM: Shape = Shape::Either(&texts(&Shape::Text { example: "iOS" }));
static ACCOUNT: Shape = Shape::Either(&texts(&Shape::Text { example: "sales" }));

static NUMBER: Shape = Shape::Number { range: Range::All, example: "2" };
static NUMBERS: Shape = Shape::Either(&[
    &NUMBER,
    &Shape::List { of: &NUMBER, least: 1, example: "[1, 2]" },
    &Shape::Record(&NUMBER_MATCH),
]);

static SCALAR: Shape = Shape::Either(&[&Shape::Text { example: "gold" }, &NUMBER, &Shape::Truth]);
static VALUES: Shape = Shape::Either(&[
    &SCALAR,
    &Shape::List { of: &SCALAR, least: 1, example: "[gold, silver]" },
    &Shape::Record(&VALUE_MATCH),
]);
static WORDS: Shape = Shape::Either(&[
    &Shape::Text { example: "refund" },
    &Shape::List { of: &Shape::Text { example: "refund" }, least: 1, example: "[refund, 退款]" },
]);
static NETWORKS: Shape = Shape::Either(&[
    &Shape::Text { example: "203.0.113.0/24" },
    &Shape::List { of: &Shape::Text { example: "203.0.113.0/24" }, least: 1, example: "[203.0.113.0/24]" },
]);
static HOURS_OR_ONE: Shape = Shape::Either(&[&Shape::Text { example: "\"08:00-10:00\"" }, &HOURS]);
static CONDITIONS: Shape = Shape::List {
    of: &Shape::Record(&CONDITION),
    least: 1,
    example: "[{ user_tag: vip }, { channel: Web }]",
};

const PREFIX: Field = field("prefix", &Shape::Text { example: "guest-" }, "Begins with this");
const MIN: Field = field("min", &NUMBER, "At least");
const MAX: Field = field("max", &NUMBER, "At most");
const EXISTS: Field = field("exists", &Shape::Truth, "Whether there is a value at all");

static TEXT_MATCH: Record = Record {
    name: "text",
    key: "key",
    example: "{ prefix: guest- }",
    keys: Keys::AtLeastOne,
    fields: &[PREFIX, EXISTS],
};

static NUMBER_MATCH: Record = Record {
    name: "number",
    key: "key",
    example: "{ min: 2 }",
    keys: Keys::AtLeastOne,
    fields: &[MIN, MAX, EXISTS],
};

static VALUE_MATCH: Record = Record {
    name: "value",
    key: "key",
    example: "{ min: 2 }",
    keys: Keys::AtLeastOne,
    fields: &[PREFIX, MIN, MAX, EXISTS],
};

static CONDITION: Record = Record {
    name: "condition",
    key: "condition",
    example: "{ user_tag: vip }",
    keys: Keys::Any,
    fields: &[
        field("user_id", &USER_ID, "The user's id"),
        field("user_tag", &TAG, "Any of the user's tags"),
        field(
            "user_attribute",
            &Shape::Names { of: &VALUES, least: 1, example: "{ tier: gold }" },
            "The user's attributes, by name; all of those named here",
        ),
        field(
            "language",
            &LANGUAGE,
            "The user's language, as your business set it; capital letters do not matter",
        ),
        field("channel", &CHANNEL, "ChannelType of the session's newest event"),
        field("platform", &PLATFORM, "The user's platform; capital letters do not matter"),
        field("client_ip", &NETWORKS, "The user's address lies in one of these networks"),
        field("customer_service_id", &ACCOUNT, "The customer-service account that was asked"),
        field("last_rating", &NUMBERS, "The user's latest rating, 1 to 5"),
        field(
            "text_contains",
            &WORDS,
            "What the user wrote to the bot contains any of these; capital letters do not matter",
        ),
        field("text_starts_with", &WORDS, "A message of the user to the bot starts with any of these"),
        field(
            "custom_data",
            &Shape::Names { of: &VALUES, least: 1, example: "{ /order/total: { min: 100 } }" },
            "JSON pointers into the latest CloudCustomData; all of those named here",
        ),
        field("bot_turns", &NUMBERS, "How many messages the user wrote to the bot"),
        field("attempt", &NUMBERS, "Which question of this session it is, from 1"),
        field("open", &Shape::Text { example: "support" }, "This calendar is open"),
        field("percent", &Shape::Record(&PERCENT), "A share of the users or sessions, always the same ones"),
        field(
            "between",
            &Shape::Record(&BETWEEN),
            "A time of day, days of the week, dates, in the ruleset's zone",
        ),
        field("all", &CONDITIONS, "All of these"),
        field("any", &CONDITIONS, "At least one of these"),
        field("not", &Shape::Record(&CONDITION), "Not this; of what is unknown: unknown"),
        field("at_least", &Shape::Record(&AT_LEAST), "So many of these"),
    ],
};

static PERCENT: Record = Record {
    name: "percent",
    key: "key",
    example: "{ of: 10, by: user }",
    keys: Keys::Any,
    fields: &[
        field("of", &Shape::Number { range: Range::Percentage, example: "10" }, "How many of a hundred")
            .required("10"),
        field("by", &BY, "Of the users (default) or of the sessions"),
        field(
            "salt",
            &Shape::Text { example: "pilot" },
            "Another salt draws anew; the rule's name if absent",
        ),
    ],
};

static BETWEEN: Record = Record {
    name: "between",
    key: "key",
    example: "{ time: \"08:00-10:00\", days: mon-fri }",
    keys: Keys::AtLeastOne,
    fields: &[
        field("time", &HOURS_OR_ONE, "Hours; past midnight they belong to the day they start on"),
        field("days", &Shape::Text { example: "mon-fri" }, "Days of the week: mon, mon-fri, or mon,wed,fri"),
        field("dates", &Shape::Record(&DATES), "Dates, both included"),
    ],
};

static DATES: Record = Record {
    name: "dates",
    key: "key",
    example: "{ from: 2027-01-01, to: 2027-03-31 }",
    keys: Keys::AtLeastOne,
    fields: &[field("from", &DATE, "The first day"), field("to", &DATE, "The last day")],
};

static AT_LEAST: Record = Record {
    name: "at_least",
    key: "key",
    example: "{ n: 2, of: [{ user_tag: vip }, { channel: Web }] }",
    keys: Keys::Any,
    fields: &[
        field("n", &Shape::Whole { least: 1, example: "2" }, "How many").required("2"),
        field("of", &CONDITIONS, "Of which").required("[{ user_tag: vip }, { channel: Web }]"),
    ],
};

static TESTS: Shape = Shape::List {
    of: &Shape::Record(&TEST),
    least: 1,
    example: "[{ name: ..., at: ..., given: ..., expect: ... }]",
};

static TEST: Record = Record {
    name: "test",
    key: "key",
    example: "{ name: ..., at: ..., given: ..., expect: ... }",
    keys: Keys::Any,
    fields: &[
        field("name", &Shape::Text { example: "a VIP gets her agent" }, "What the test shows")
            .required("a VIP gets her agent"),
        field("at", &MOMENT, "When the question is asked").required("2027-02-01T10:00+08:00"),
        field(
            "given",
            &Shape::Record(&FACTS),
            "What is known; what is left out is unknown, null is known to be empty",
        ),
        field("expect", &Shape::Record(&EXPECT), "What must come out; only what is given is compared")
            .required("{ rule: vip }"),
    ],
};

static EXPECT: Record = Record {
    name: "expect",
    key: "key",
    example: "{ rule: vip, group: 6521 }",
    keys: Keys::AtLeastOne,
    fields: &[
        field("rule", &Shape::Text { example: "vip" }, "The rule that decides"),
        field("group", &Shape::Whole { least: 0, example: "6521" }, "The group of the answer"),
        field("agents", &AGENTS, "The agents of the answer, in order; []: none"),
    ],
};

static AGENTS: Shape = Shape::List { of: &AGENT, least: 0, example: "[anna@example.com]" };

static TEXT_OR_NONE: Shape = Shape::Either(&[&Shape::Text { example: "Web" }, &Shape::Null]);
static MOMENT_OR_NONE: Shape = Shape::Either(&[&MOMENT, &Shape::Null]);
static COUNT: Shape = Shape::Whole { least: 0, example: "3" };

pub(in crate::routing) static FACTS: Record = Record {
    name: "facts",
    key: "fact",
    example: "{ user: { tags: [vip] }, channel: Web }",
    keys: Keys::Any,
    fields: &[
        field("user", &Shape::Record(&USER), "The user who asks"),
        field("session", &Shape::Text { example: "s-1" }, "The session that asks"),
        field("channel", &TEXT_OR_NONE, "ChannelType of the session's newest event"),
        field("texts", &TEXTS, "What the user wrote to the bot, newest last"),
        field("custom_data", &Shape::Anything, "The latest CloudCustomData that is JSON"),
        field("bot_turns", &COUNT, "How many messages the user wrote to the bot"),
        field("attempt", &ATTEMPT, "Which question of this session it is; 1 if absent, null: unknown"),
        field("platform", &TEXT_OR_NONE, "The user's platform"),
        field("client_ip", &TEXT_OR_NONE, "The user's address"),
        field("customer_service_id", &TEXT_OR_NONE, "The customer-service account that was asked"),
    ],
};

static ATTEMPT: Shape = Shape::Either(&[&Shape::Whole { least: 1, example: "2" }, &Shape::Null]);
/// A list that may be empty: known to hold nothing.
static TEXTS: Shape = Shape::List { of: &Shape::Text { example: "hello" }, least: 0, example: "[hello]" };

static USER: Record = Record {
    name: "user",
    key: "fact",
    example: "{ tags: [vip] }",
    keys: Keys::Any,
    fields: &[
        field("id", &Shape::Text { example: "maya" }, "The user's id"),
        field("tags", &TAGS, "The user's tags"),
        field("language", &TEXT_OR_NONE, "The user's language"),
        field("attributes", &ATTRIBUTES, "The user's attributes, by name"),
        field("last_agent", &TEXT_OR_NONE, "Who served the user last"),
        field("last_agent_at", &MOMENT_OR_NONE, "When"),
        field("last_rating", &RATING, "The user's latest rating, 1 to 5"),
        field("last_rating_at", &MOMENT_OR_NONE, "When it was given"),
    ],
};

static TAGS: Shape = Shape::List { of: &Shape::Text { example: "vip" }, least: 0, example: "[vip]" };
static ATTRIBUTES: Shape = Shape::Names { of: &Shape::Anything, least: 0, example: "{ tier: gold }" };
static RATING: Shape = Shape::Either(&[&Shape::Whole { least: 1, example: "5" }, &Shape::Null]);

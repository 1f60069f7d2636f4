//! Conditions.

use super::{
    super::{Field, Keys, LONG, Range, Record, SHORT, Shape, field},
    BY, DATE, HOURS,
};

/// A condition on texts: one, any of a list, or a map.
const fn texts(example: &'static Shape) -> [&'static Shape; 3] {
    [example, &TEXT_LIST, &TEXT_MAP]
}

static TEXT_MAP: Shape = Shape::Record(&TEXT_MATCH);
static TEXT_LIST: Shape =
    Shape::List { of: &Shape::Text { example: "vip", most: LONG }, least: 1, example: "[vip, gold]" };
static USER_ID: Shape = Shape::Either(&texts(&Shape::Text { example: "maya", most: LONG }));
static TAG: Shape = Shape::Either(&texts(&Shape::Text { example: "vip", most: LONG }));
static LANGUAGE: Shape = Shape::Either(&texts(&Shape::Text { example: "en", most: LONG }));
static CHANNEL: Shape = Shape::Either(&texts(&Shape::Text { example: "Web", most: LONG }));
static PLATFORM: Shape = Shape::Either(&texts(&Shape::Text { example: "iOS", most: LONG }));
static ACCOUNT: Shape = Shape::Either(&texts(&Shape::Text { example: "sales", most: LONG }));

static NUMBER: Shape = Shape::Number { range: Range::All, example: "2" };
static NUMBERS: Shape = Shape::Either(&[
    &NUMBER,
    &Shape::List { of: &NUMBER, least: 1, example: "[1, 2]" },
    &Shape::Record(&NUMBER_MATCH),
]);

static SCALAR: Shape = Shape::Either(&[&Shape::Text { example: "gold", most: LONG }, &NUMBER, &Shape::Truth]);
static VALUES: Shape = Shape::Either(&[
    &SCALAR,
    &Shape::List { of: &SCALAR, least: 1, example: "[gold, silver]" },
    &Shape::Record(&VALUE_MATCH),
]);
static WORDS: Shape = Shape::Either(&[
    &Shape::Text { example: "refund", most: SHORT },
    &Shape::List {
        of: &Shape::Text { example: "refund", most: SHORT }, least: 1, example: "[refund, 退款]"
    },
]);
static NETWORKS: Shape = Shape::Either(&[
    &Shape::Text { example: "203.0.113.0/24", most: LONG },
    &Shape::List {
        of: &Shape::Text { example: "203.0.113.0/24", most: LONG },
        least: 1,
        example: "[203.0.113.0/24]",
    },
]);
static HOURS_OR_ONE: Shape =
    Shape::Either(&[&Shape::Text { example: "\"08:00-10:00\"", most: LONG }, &HOURS]);
static CONDITIONS: Shape = Shape::List {
    of: &Shape::Record(&CONDITION),
    least: 1,
    example: "[{ user_tag: vip }, { channel: Web }]",
};

const PREFIX: Field = field("prefix", &Shape::Text { example: "guest-", most: LONG }, "Begins with this");
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

pub(super) static CONDITION: Record = Record {
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
        field("open", &Shape::Text { example: "support", most: SHORT }, "This calendar is open"),
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
            &Shape::Text { example: "pilot", most: SHORT },
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
        field(
            "days",
            &Shape::Text { example: "mon-fri", most: LONG },
            "Days of the week: mon, mon-fri, or mon,wed,fri",
        ),
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

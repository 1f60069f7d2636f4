//! A document's own tests, and the facts that they give.

use super::{
    super::{Keys, LONG, MESSAGE, Record, Shape, field},
    AGENT, MOMENT,
};

pub(super) static TESTS: Shape = Shape::List {
    of: &Shape::Record(&TEST),
    least: 0,
    example: "[{ name: ..., at: ..., given: ..., expect: ... }]",
};

static TEST: Record = Record {
    name: "test",
    key: "key",
    example: "{ name: ..., at: ..., given: ..., expect: ... }",
    keys: Keys::Any,
    fields: &[
        field("name", &Shape::Text { example: "a VIP gets her agent", most: LONG }, "What the test shows")
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
        field("rule", &Shape::Text { example: "vip", most: LONG }, "The rule that decides"),
        field("group", &Shape::Whole { least: 0, example: "6521" }, "The group of the answer"),
        field("agents", &AGENTS, "The agents of the answer, in order; []: none"),
    ],
};

static AGENTS: Shape = Shape::List { of: &AGENT, least: 0, example: "[anna@example.com]" };

static TEXT_OR_NONE: Shape = Shape::Either(&[&Shape::Text { example: "Web", most: LONG }, &Shape::Null]);
static MOMENT_OR_NONE: Shape = Shape::Either(&[&MOMENT, &Shape::Null]);
static COUNT: Shape = Shape::Whole { least: 0, example: "3" };

pub(in crate::routing) static FACTS: Record = Record {
    name: "facts",
    key: "fact",
    example: "{ user: { tags: [vip] }, channel: Web }",
    keys: Keys::Any,
    fields: &[
        field("user", &Shape::Record(&USER), "The user who asks"),
        field("session", &Shape::Text { example: "s-1", most: LONG }, "The session that asks"),
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
static TEXTS: Shape =
    Shape::List { of: &Shape::Text { example: "hello", most: MESSAGE }, least: 0, example: "[hello]" };

static USER: Record = Record {
    name: "user",
    key: "fact",
    example: "{ tags: [vip] }",
    keys: Keys::Any,
    fields: &[
        field("id", &Shape::Text { example: "maya", most: LONG }, "The user's id"),
        field("tags", &TAGS, "The user's tags"),
        field("language", &TEXT_OR_NONE, "The user's language"),
        field("attributes", &ATTRIBUTES, "The user's attributes, by name"),
        field("last_agent", &TEXT_OR_NONE, "Who served the user last"),
        field("last_agent_at", &MOMENT_OR_NONE, "When"),
        field("last_rating", &RATING, "The user's latest rating, 1 to 5"),
        field("last_rating_at", &MOMENT_OR_NONE, "When it was given"),
    ],
};

static TAGS: Shape =
    Shape::List { of: &Shape::Text { example: "vip", most: LONG }, least: 0, example: "[vip]" };
static ATTRIBUTES: Shape = Shape::Names { of: &Shape::Anything, least: 0, example: "{ tier: gold }" };
static RATING: Shape = Shape::Either(&[&Shape::Whole { least: 1, example: "5" }, &Shape::Null]);

//! Recorded decisions: the answer that a retry gets, and the facts that explain it.

use serde::{Deserialize, Serialize};
use serde_bytes::ByteBuf;
use serde_json::{Map, Value};

use super::{
    Store, StoreError,
    items::{Item, from_item, loaded, zip},
    ports::{Asked, RecordDecision},
};
use crate::{
    protocol::Reply,
    routing::{DecisionRecord, Facts, RecordedAnswer},
    session::keys,
};

const GET: &str = "GetItem";
const PUT: &str = "PutItem";

/// An answer up to this size is stored as it is; a longer one, such as that of a large pool, is compressed.
const PLAIN_ANSWER_BYTES: usize = 1024;
/// Facts up to this size are stored as they are; larger ones are compressed.
const PLAIN_FACTS_BYTES: usize = 512;
/// The most that the facts of a decision take in its item.
const FACTS_BYTES: usize = 2 * 1024;
/// The most that they may have before they are compressed.
const FACTS_JSON_BYTES: usize = 16 * 1024;
/// The name under which all facts of a record are listed as omitted if they cannot be read.
const ALL_FACTS: &str = "facts";
/// The name of a fact of the user begins with this.
const USER: &str = "user.";

/// The item of a decision. A retry reads everything but the facts.
#[derive(Serialize, Deserialize)]
struct DecisionItem {
    pk: String,
    sk: String,
    by_user: String,
    by_user_at: String,
    session: String,
    user: String,
    rule: String,
    version: Option<u64>,
    /// The reply's body, to the letter.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    answer_z: Option<ByteBuf>,
    #[serde(flatten, skip_deserializing)]
    facts: FactsItem,
    at: jiff::Timestamp,
    received_at: u64,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    expires_at: Option<u64>,
}

/// The part of the item that holds the facts: JSON in the names of the ruleset's tests.
#[derive(Default, Serialize, Deserialize)]
struct FactsItem {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    facts: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    facts_z: Option<ByteBuf>,
    /// The names of the facts that were known and take too much room.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    omitted: Vec<String>,
}

impl DecisionItem {
    fn new(
        asked: Asked<'_>,
        record: &DecisionRecord,
        received_at: u64,
        expires_at: Option<u64>,
    ) -> Option<Self> {
        let Asked { app, session_id, user_id, at } = asked;
        let answer = serde_json::to_string(&record.answer).ok()?;
        let (answer, answer_z) = if answer.len() <= PLAIN_ANSWER_BYTES {
            (Some(answer), None)
        } else {
            (None, Some(ByteBuf::from(zip(&answer))))
        };
        Some(Self {
            pk: keys::session(app, session_id),
            sk: keys::decision(at),
            by_user: keys::user(app, user_id),
            by_user_at: at.to_string(),
            session: session_id.to_owned(),
            user: user_id.to_owned(),
            rule: record.rule.clone(),
            version: record.version,
            answer,
            answer_z,
            facts: FactsItem::new(&record.facts)?,
            at: record.at,
            received_at,
            expires_at,
        })
    }

    fn answer(self, operation: &'static str) -> Result<RecordedAnswer, StoreError> {
        let answer = loaded(self.answer, self.answer_z);
        let answer: Option<Reply> = answer.and_then(|answer| serde_json::from_str(&answer).ok());
        let answer = answer.ok_or_else(|| StoreError::unreadable(operation, "a recorded answer"))?;
        Ok(RecordedAnswer { rule: self.rule, version: self.version, answer })
    }

    /// The answer, if this user asked.
    fn answer_to(self, operation: &'static str, user_id: &str) -> Result<RecordedAnswer, StoreError> {
        if self.user != user_id {
            let problem = "another user's question of the same millisecond is recorded in its place";
            return Err(StoreError::unreadable(operation, problem));
        }
        self.answer(operation)
    }
}

/// Reads a recorded decision. Facts that cannot be read are missing in it, and cost it nothing else.
pub(super) fn read_decision(operation: &'static str, item: Item) -> Result<DecisionRecord, StoreError> {
    let facts = from_item::<FactsItem>(operation, item.clone()).ok().and_then(FactsItem::read);
    let (facts, omitted) = facts.unwrap_or_else(|| (Facts::unknown(), vec![ALL_FACTS.to_owned()]));
    let item: DecisionItem = from_item(operation, item)?;
    let at = item.at;
    let RecordedAnswer { rule, version, answer } = item.answer(operation)?;
    Ok(DecisionRecord { rule, version, answer, facts, omitted, at })
}

/// A fact with its name, such as `user.tags`.
type Named = (String, Value);

impl FactsItem {
    /// The facts, without those that take too much room or would change on the way.
    fn new(facts: &Facts) -> Option<Self> {
        let (mut kept, omitted): (Vec<_>, Vec<_>) = flat(facts)?.into_iter().partition(reads_back);
        let mut omitted: Vec<String> = omitted.into_iter().map(|(name, _)| name).collect();
        loop {
            if let Some(item) = Self::holding(nested(&kept).to_string()) {
                return Some(Self { omitted, ..item });
            }
            let size = |(_, value): &Named| value.to_string().len();
            let largest = (0..kept.len()).max_by_key(|position| size(&kept[*position]))?;
            omitted.push(kept.remove(largest).0);
        }
    }

    /// `None` if the text takes too much room.
    fn holding(text: String) -> Option<Self> {
        if text.len() <= PLAIN_FACTS_BYTES {
            return Some(Self { facts: Some(text), ..Self::default() });
        }
        let zipped = (text.len() <= FACTS_JSON_BYTES).then(|| zip(&text));
        let zipped = zipped.filter(|zipped| zipped.len() <= FACTS_BYTES)?;
        Some(Self { facts_z: Some(ByteBuf::from(zipped)), ..Self::default() })
    }

    /// The facts, and the names of those that are omitted; `None` if the text is not readable.
    fn read(self) -> Option<(Facts, Vec<String>)> {
        let text = loaded(self.facts, self.facts_z)?;
        Some((serde_json::from_str(&text).ok()?, self.omitted))
    }
}

/// True if a fact fits and is the same when it is read: JSON that is nested too deeply cannot be read inside
/// of other JSON, and a fraction may be read as its neighbor.
fn reads_back(fact: &Named) -> bool {
    let alone = nested(std::slice::from_ref(fact));
    let text = alone.to_string();
    text.len() <= FACTS_JSON_BYTES && serde_json::from_str(&text).is_ok_and(|read: Value| read == alone)
}

fn flat(facts: &Facts) -> Option<Vec<Named>> {
    let Value::Object(mut facts) = serde_json::to_value(facts).ok()? else { return None };
    let user = facts.shift_remove("user");
    let of_user = user.as_ref().and_then(Value::as_object).into_iter().flatten();
    let of_user = of_user.map(|(name, value)| (format!("{USER}{name}"), value.clone()));
    Some(of_user.chain(facts).collect())
}

fn nested(facts: &[Named]) -> Value {
    let (mut all, mut user) = (Map::new(), Map::new());
    for (name, value) in facts {
        match name.strip_prefix(USER) {
            Some(name) => user.insert(name.to_owned(), value.clone()),
            None => all.insert(name.clone(), value.clone()),
        };
    }
    all.insert("user".into(), Value::Object(user));
    Value::Object(all)
}

impl RecordDecision for Store {
    async fn record(
        &self,
        asked: Asked<'_>,
        record: &DecisionRecord,
        received_at_ms: u64,
    ) -> Result<Option<RecordedAnswer>, StoreError> {
        let item = DecisionItem::new(asked, record, received_at_ms, self.expires_at(received_at_ms))
            .ok_or_else(|| StoreError::unreadable(PUT, "a decision that is not JSON"))?;
        let recorded = self.put_once(&item).await?;
        recorded.map(|recorded| recorded.answer_to(PUT, asked.user_id)).transpose()
    }

    async fn recorded(&self, asked: Asked<'_>) -> Result<Option<RecordedAnswer>, StoreError> {
        let pk = keys::session(asked.app, asked.session_id);
        let Some(item) = self.get(&self.sessions_table, pk, &keys::decision(asked.at)).await? else {
            return Ok(None);
        };
        from_item::<DecisionItem>(GET, item)?.answer_to(GET, asked.user_id).map(Some)
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;
    use crate::routing::Fact;

    fn json() -> impl Strategy<Value = Value> {
        let number = prop_oneof![
            any::<i64>().prop_map(Value::from),
            any::<f64>().prop_map(Value::from),
            Just(Value::from(1e9)),
        ];
        let leaf = prop_oneof![
            Just(Value::Null),
            any::<bool>().prop_map(Value::from),
            number,
            any_text().prop_map(Value::from)
        ];
        leaf.prop_recursive(6, 400, 40, |inner| {
            prop_oneof![
                prop::collection::vec(inner.clone(), 0..40).prop_map(Value::from),
                prop::collection::btree_map(any_text(), inner, 0..10)
                    .prop_map(|map| Value::Object(map.into_iter().collect())),
            ]
        })
    }

    fn any_text() -> impl Strategy<Value = String> {
        prop_oneof!["[a-z]{0,8}", "[\\x00-\\x1f\"\\\\]{0,200}", ".{0,40}"]
    }

    fn deep(value: Value, levels: usize) -> Value {
        (0..levels).fold(value, |inner, _| Value::from(vec![inner]))
    }

    proptest! {
        #[test]
        fn facts_fit_and_read_back_the_same_or_are_named_as_omitted(
            texts in prop::collection::vec(any_text(), 0..60),
            custom_data in json(),
            levels in prop_oneof![Just(0_usize), 120..128_usize],
            attributes in prop::collection::btree_map("[a-z.]{1,6}", json(), 0..6),
            ids in prop::array::uniform4(prop_oneof!["[a-z]{1,10}", "[a-z0-9]{2000}"]),
            attempt in prop_oneof![Just(None), (1..2000_u64).prop_map(Some)],
        ) {
            let mut facts = Facts { texts: texts.into(), custom_data: deep(custom_data, levels).into(), ..Facts::unknown() };
            let [user, session, platform, last_agent] = ids;
            facts.session = session.into();
            facts.platform = Some(platform).into();
            facts.user.id = user.into();
            facts.user.last_agent = Some(last_agent).into();
            facts.user.attributes = attributes.into();
            if let Some(attempt) = attempt {
                facts.attempt = Fact::Known(attempt);
            }
            let item = FactsItem::new(&facts).unwrap();
            let bytes = item.facts.as_ref().map_or(0, String::len) + item.facts_z.as_ref().map_or(0, |bytes| bytes.len());
            prop_assert!(bytes <= FACTS_BYTES, "{bytes}");
            let (read, omitted) = item.read().unwrap();
            let mut expected = flat(&facts).unwrap();
            expected.retain(|(name, _)| !omitted.contains(name));
            prop_assert_eq!(flat(&read).unwrap(), expected);
            prop_assert!(!omitted.iter().any(|name| name == "attempt"));
        }
    }

    #[test]
    fn the_facts_of_an_ordinary_question_are_not_omitted() {
        let text =
            |number| format!("{number}: I still wait for the refund of order 4711-0815-{number}, please");
        let facts = Facts { texts: (0..40).map(text).collect::<Vec<_>>().into(), ..Facts::default() };
        let item = FactsItem::new(&facts).unwrap();
        assert!(item.facts_z.is_some());
        assert_eq!(item.read().unwrap(), (facts, Vec::new()));
    }
}

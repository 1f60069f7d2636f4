//! Who shall serve this user? Answered from the rules in force, with what is known of the session
//! and the user, within the budget whatever fails.
//!
//! The ladder, so that there is always an answer: the rules in force, the last good ones that are
//! in memory, the fallback from the environment, and a `FAIL` that says what is missing.

mod facts;
mod rules;

use desk_webhooks::{
    config::Answering,
    edge::{Arrival, Handler, Late, Outcome, budget},
    metrics::Metric,
    protocol::{AssignRequest, EventTime, Reply, read},
    routing::{DecisionRecord, FALLBACK, Facts, Needs, Question, RecordedAnswer, decide, timestamp},
    session::keys,
    store::{
        StoreError,
        ports::{Asked, FindRules, ReadFacts, RecordDecision},
    },
    webhook::{Callback, Door, HttpReply},
};

use rules::Rules;

/// The handler, and what it may do.
pub struct AssignAgent<S> {
    door: Door,
    answering: Answering,
    rules: Rules,
    store: S,
}

impl<S: FindRules + ReadFacts + RecordDecision> AssignAgent<S> {
    /// A handler behind this door.
    pub fn new(door: Door, answering: Answering, store: S) -> Self {
        let rules = Rules::new(answering.refresh);
        Self { door, answering, rules, store }
    }

    async fn answer(&self, callback: &Callback, arrival: &Arrival) -> Reply {
        let request = read(&callback.body).unwrap_or_else(|problem| {
            // A question that is not understood is a question all the same.
            arrival.problem("a question is not understood and answered without its fields", problem.path);
            AssignRequest::default()
        });
        if let Some(session_id) = &request.session_id {
            arrival.in_session(session_id);
        }
        let asked = self.asked(callback, &request);
        let decided = arrival.unless_panicking(self.decide(callback, &request, asked, arrival)).await;
        let record = decided.unwrap_or_else(|| self.fall_back(Facts::default(), None, arrival.at_ms));
        let earlier = match asked {
            Some(asked) => arrival.unless_panicking(self.record(asked, &record, arrival)).await.flatten(),
            None => None,
        };
        let DecisionRecord { rule, version, answer, .. } = record;
        let RecordedAnswer { rule, version, answer } =
            earlier.unwrap_or(RecordedAnswer { rule, version, answer });
        arrival.decided(&rule, version);
        arrival.became(if answer.error_code == 0 { Outcome::Answered } else { Outcome::Failed });
        answer
    }

    /// Where the question is recorded; nowhere when it lacks what the key is made of.
    fn asked<'a>(&self, callback: &Callback, request: &'a AssignRequest) -> Option<Asked<'a>> {
        let asked = Asked {
            app: callback.app,
            session_id: request.session_id.as_deref()?,
            user_id: request.client_user_id.as_deref()?,
            at: request.event_time?,
        };
        let fits = keys::fits(&keys::session(asked.app, asked.session_id))
            && keys::fits(&keys::user(asked.app, asked.user_id));
        fits.then_some(asked)
    }

    async fn decide(
        &self,
        callback: &Callback,
        request: &AssignRequest,
        asked: Option<Asked<'_>>,
        arrival: &Arrival,
    ) -> DecisionRecord {
        let at = asked.map(|asked| asked.at).or(request.event_time);
        let at = at.or(EventTime::from_ms(arrival.at_ms).ok()).unwrap_or(EventTime::MAX);
        let mut facts = facts::given(callback, request);
        // The facts that the rules in memory look at are read while those rules are made sure of.
        let expected =
            self.rules.in_memory(callback.app).map_or(Needs::default(), |rules| rules.ruleset.needs);
        let (rules, ()) = futures_util::join!(
            arrival.stage("rules", self.rules.current(&self.store, callback.app, arrival)),
            arrival.stage(
                "facts",
                facts::fetch(&self.store, callback.app, request, at, expected, &mut facts, arrival)
            ),
        );
        let Some(rules) = rules else {
            arrival.count(Metric::RulesetMissing);
            return self.fall_back(facts, None, at.as_ms());
        };
        let missing = rules.ruleset.needs.without(expected);
        let rest = facts::fetch(&self.store, callback.app, request, at, missing, &mut facts, arrival);
        arrival.stage("facts", rest).await;
        let version = Some(rules.version());
        let decision = decide(&Question::new(&rules.ruleset, &facts, timestamp(at)));
        match decision.reply() {
            Some(answer) => {
                let rule = decision.rule.to_owned();
                DecisionRecord { rule, version, answer, facts, omitted: Vec::new(), at: timestamp(at) }
            }
            None => self.fall_back(facts, version, at.as_ms()),
        }
    }

    /// The last rungs: the environment's fallback, then a `FAIL` that says what to do.
    fn fall_back(&self, facts: Facts, version: Option<u64>, at_ms: u64) -> DecisionRecord {
        let Answering { fallback_group, fallback_agents, .. } = &self.answering;
        let answer = match version {
            _ if fallback_group.is_some() || !fallback_agents.is_empty() => {
                Reply::serve(*fallback_group, fallback_agents.clone())
            }
            Some(_) => Reply::fail(
                "the pool of the ruleset's default is closed; take another, or set FALLBACK_AGENT_GROUP_ID",
            ),
            None => {
                Reply::fail("no ruleset is at hand for this app; publish one, or set FALLBACK_AGENT_GROUP_ID")
            }
        };
        let at = timestamp(EventTime::from_ms(at_ms).unwrap_or(EventTime::MAX));
        DecisionRecord { rule: FALLBACK.to_owned(), version, answer, facts, omitted: Vec::new(), at }
    }

    /// Records the decision, and returns the earlier answer of a question that was answered before, which
    /// counts. A failing record never costs an answer.
    async fn record(
        &self,
        asked: Asked<'_>,
        record: &DecisionRecord,
        arrival: &Arrival,
    ) -> Option<RecordedAnswer> {
        // A rule may refuse, and then a retry is refused too. But a retry may get a better answer than one
        // that no ruleset gave.
        let counts = record.version.is_some() && (record.answer.error_code == 0 || record.rule != FALLBACK);
        let earlier = async {
            if counts {
                self.store.record(asked, record, arrival.at_ms).await
            } else {
                self.store.recorded(asked).await
            }
        };
        let earlier = arrival.stage("record", arrival.within(budget::RECORD, earlier)).await;
        match earlier.unwrap_or_else(|Late| Err(StoreError::late("the record"))) {
            Ok(earlier) => earlier,
            Err(error) if counts => {
                arrival.problem("the decision is not recorded", error);
                arrival.count(Metric::NotRecorded);
                None
            }
            Err(error) => {
                arrival.problem("whether the question was answered before is unknown", error);
                None
            }
        }
    }
}

impl<S: FindRules + ReadFacts + RecordDecision> Handler for AssignAgent<S> {
    fn door(&self) -> &Door {
        &self.door
    }

    async fn warm_up(&self, arrival: &Arrival) {
        let apps = self.door.apps().map(|app| self.rules.current(&self.store, app, arrival));
        futures_util::future::join_all(apps).await;
    }

    async fn take(&self, callback: Callback, arrival: &Arrival) -> HttpReply {
        HttpReply::answer(self.answer(&callback, arrival).await)
    }
}

//! What a session came to: a fold over its story.
//!
//! A pure function of what stands in the story, in the order of its keys: neither the order in which
//! things arrived nor how often changes it. Nothing is counted up from an earlier summary.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

use crate::protocol::{EventKind, EventTime, SessionEvent};

/// The form of summaries that this version makes; a newer one replaces those of an older one.
pub const FOLD: u64 = 1;

/// One item of a session's story.
#[derive(Clone, Copy, Debug)]
pub enum Entry<'a> {
    /// The platform reported something.
    Event(&'a SessionEvent),
    /// The platform reported something that this version cannot read.
    Unreadable(EventTime),
    /// A question was answered.
    Decision {
        /// When it was asked.
        at: EventTime,
        /// The rule that decided.
        rule: &'a str,
        /// The version of the ruleset.
        version: Option<u64>,
    },
}

/// What a session came to. Times are milliseconds since the epoch, durations (`_ms`) milliseconds.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Summary {
    /// The earliest moment that is known.
    pub began_at: Option<EventTime>,
    /// When it ended.
    pub ended_at: Option<EventTime>,
    /// Why it ended: the name of the specific end event, `SessionEnd` if only that came.
    pub end: Option<String>,
    /// The end user.
    pub user: Option<String>,
    /// `SDK`, `Web` or another.
    pub channel: Option<String>,
    /// The customer-service account.
    pub customer_service_id: Option<String>,
    /// Who held the session, in order. Of more than 100, the last one has the latest agent.
    pub agents: Vec<Stint>,
    /// How often an agent handed the session to another.
    pub transfers: u64,
    /// How long agents held the session together: handle time, without work after the session.
    pub handle_ms: Option<u64>,
    /// Messages by who wrote them to whom.
    pub messages: Messages,
    /// The way from the bot to an agent, if the user asked for one.
    pub handoff: Option<Handoff>,
    /// How long the user waited for an agent's first word.
    pub first_response: FirstResponse,
    /// The latest rating, 1 to 5.
    pub rating: Option<i64>,
    /// When it was given; often after the end.
    pub rated_at: Option<EventTime>,
    /// The rule that routed the session.
    pub rule: Option<String>,
    /// The version of its ruleset.
    pub version: Option<u64>,
    /// Whether the beginning is known, and not only what came after it.
    pub has_begin: bool,
    /// Whether the end is known.
    pub has_end: bool,
    /// Items that this version does not understand, event values that it does not know among them.
    pub not_understood: u64,
    /// Items of the story.
    pub items: u64,
}

/// The time that an agent held the session.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Stint {
    /// The agent.
    pub agent: String,
    /// Since when.
    pub from: EventTime,
    /// Until when; none while it lasts.
    pub until: Option<EventTime>,
}

/// Messages by who wrote them to whom.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct Messages {
    /// The user's to the bot.
    pub user_to_bot: u64,
    /// The bot's.
    pub bot: u64,
    /// The user's to an agent.
    pub user_to_agent: u64,
    /// The agents'.
    pub agent: u64,
}

/// The way from the bot to an agent.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Handoff {
    /// When the user asked.
    pub asked_at: EventTime,
    /// When the user was put into the queue; none if an agent was free.
    pub queued_at: Option<EventTime>,
    /// When an agent took the session; none although answered if only what the agent wrote is known.
    pub answered_at: Option<EventTime>,
    /// When the user gave up.
    pub abandoned_at: Option<EventTime>,
    /// How often no agent was online.
    pub no_agent: u64,
    /// What became of it.
    pub outcome: HandoffOutcome,
    /// From asking to an agent, to giving up, or to learning that there is no agent.
    pub wait_ms: Option<u64>,
    /// Time in queue: from the queue to an agent, or to giving up.
    pub queue_ms: Option<u64>,
}

/// What became of a [`Handoff`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum HandoffOutcome {
    /// An agent took the session.
    Answered,
    /// The user left before: abandonment.
    Abandoned,
    /// There was no agent, or the session ended otherwise.
    Unanswered,
    /// The user waits, as far as is known.
    Waiting,
}

/// How long the user waited for an agent's first word. Contact centres start this clock at different
/// moments, hence three readings.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(default)]
pub struct FirstResponse {
    /// From asking for an agent.
    pub from_handoff_ms: Option<u64>,
    /// From the agent taking the session.
    pub from_assignment_ms: Option<u64>,
    /// From the user's first message, the bot's phase included.
    pub from_first_message_ms: Option<u64>,
}

/// Folds a story. Each entry comes with its sort key, which says where it stands; the same key twice
/// is the same entry.
pub fn fold<'a>(story: impl IntoIterator<Item = (&'a str, Entry<'a>)>) -> Summary {
    let story: BTreeMap<_, _> = story.into_iter().collect();
    let mut folding = Folding::default();
    for entry in story.values() {
        folding.take(entry);
    }
    folding.finish(story.len() as u64)
}

/// The limits of a summary's stints, and of the bytes of their agents' ids: a stored item has room for 400 KB.
const MAX_STINTS: usize = 100;
const MAX_AGENT_BYTES: usize = 16 * 1024;

/// What is known so far, beside the summary itself.
#[derive(Default)]
struct Folding {
    /// The bytes of all agents' ids.
    agent_bytes: usize,
    summary: Summary,
    asked_at: Option<EventTime>,
    queued_at: Option<EventTime>,
    answered_at: Option<EventTime>,
    no_agent: u64,
    /// Since when nobody looks for an agent any more.
    refused_at: Option<EventTime>,
    /// An agent wrote, or had the session handed on: one has taken it, whether that was reported or not.
    served: bool,
    first_user_message: Option<EventTime>,
    first_agent_message: Option<EventTime>,
    last_end: Option<EventTime>,
}

impl Folding {
    fn take(&mut self, entry: &Entry<'_>) {
        let at = match entry {
            Entry::Event(event) => event.event_time,
            Entry::Unreadable(at) | Entry::Decision { at, .. } => *at,
        };
        self.summary.began_at.get_or_insert(at);
        match entry {
            Entry::Event(event) => self.event(event, at),
            Entry::Unreadable(_) => self.summary.not_understood += 1,
            Entry::Decision { rule, version, .. } => {
                self.ask(at);
                // What was asked before an agent came has routed the session.
                if self.answered_at.is_none() {
                    self.summary.rule = Some((*rule).to_owned());
                    self.summary.version = *version;
                }
            }
        }
    }

    fn event(&mut self, event: &SessionEvent, at: EventTime) {
        let summary = &mut self.summary;
        let first = |known: &mut Option<String>, said: &Option<String>| {
            if known.is_none() {
                known.clone_from(said);
            }
        };
        first(&mut summary.user, &event.client_user_id);
        first(&mut summary.channel, &event.channel_type);
        first(&mut summary.customer_service_id, &event.customer_service_id);
        match &event.event {
            EventKind::SessionBegin => summary.has_begin = true,
            EventKind::ChatBotUserSendMsg => {
                summary.messages.user_to_bot += 1;
                self.first_user_message.get_or_insert(at);
            }
            EventKind::ChatBotRobotSendMsg => summary.messages.bot += 1,
            EventKind::HumanUserSendMsg => {
                summary.messages.user_to_agent += 1;
                self.first_user_message.get_or_insert(at);
            }
            EventKind::HumanAgentSendMsg => {
                summary.messages.agent += 1;
                self.first_agent_message.get_or_insert(at);
                self.served = true;
                if !self.is_held() {
                    self.hold(event.agent_id.as_deref(), at);
                }
            }
            EventKind::TransferringToHuman => self.ask(at),
            EventKind::TransferringToHumanWait => {
                self.ask(at);
                if self.answered_at.is_none() {
                    self.queued_at.get_or_insert(at);
                }
            }
            EventKind::NoAgentOnline => {
                self.ask(at);
                self.no_agent += 1;
                self.refused_at = Some(at);
            }
            // That an agent has the session does not say that the user asked for one.
            EventKind::TransferToHumanSuccess => {
                self.answered_at.get_or_insert(at);
                self.hold(event.agent_id.as_deref(), at);
            }
            EventKind::AgentForward => {
                summary.transfers += 1;
                self.served = true;
                self.hold(event.agent_id.as_deref(), at);
            }
            EventKind::SatisfactionSelected => {
                if let Some(rating) = event.rating() {
                    (summary.rating, summary.rated_at) = (Some(rating), Some(at));
                }
            }
            EventKind::SessionUserEnd
            | EventKind::SessionAgentEnd
            | EventKind::SessionUserTimeoutEnd
            | EventKind::SessionAgentTimeoutEnd
            | EventKind::SessionPendingAutoFinishEnd => {
                summary.end.get_or_insert_with(|| event.event.as_str().to_owned());
                summary.ended_at.get_or_insert(at);
            }
            EventKind::SessionEnd => {
                self.last_end.get_or_insert(at);
            }
            EventKind::Other(_) => summary.not_understood += 1,
        }
    }

    /// Somebody looks for an agent, from now on or still.
    fn ask(&mut self, at: EventTime) {
        self.asked_at.get_or_insert(at);
        self.refused_at = None;
    }

    fn is_held(&self) -> bool {
        self.summary.agents.last().is_some_and(|stint| stint.until.is_none())
    }

    /// From now on this agent holds the session. Who is not named changes nothing.
    fn hold(&mut self, agent: Option<&str>, at: EventTime) {
        let Some(agent) = agent else { return };
        let agents = &mut self.summary.agents;
        match agents.last_mut().filter(|stint| stint.until.is_none()) {
            Some(stint) if stint.agent == agent => return,
            Some(stint) => stint.until = Some(at),
            None => {}
        }
        self.agent_bytes += agent.len();
        if (agents.len() == MAX_STINTS || self.agent_bytes > MAX_AGENT_BYTES)
            && let Some(last) = agents.last_mut()
        {
            (last.agent, last.until) = (agent.to_owned(), None);
            return;
        }
        agents.push(Stint { agent: agent.to_owned(), from: at, until: None });
    }

    fn finish(mut self, items: u64) -> Summary {
        let summary = &mut self.summary;
        summary.items = items;
        // `SessionEnd` follows the specific end, and stands for it where that is missing.
        if let (None, Some(end)) = (summary.ended_at, self.last_end) {
            summary.ended_at = Some(end);
            summary.end = Some(EventKind::SessionEnd.as_str().to_owned());
        }
        summary.has_end = summary.ended_at.is_some();
        if let Some(ended_at) = summary.ended_at
            && let Some(stint) = summary.agents.last_mut()
        {
            stint.until.get_or_insert(ended_at.max(stint.from));
        }
        let held = summary.agents.iter().map(|stint| Some(between(stint.from, stint.until?)));
        summary.handle_ms = held.sum::<Option<u64>>().filter(|_| !summary.agents.is_empty());
        self.summary.handoff = self.handoff();
        let since = |start: Option<EventTime>| {
            let (start, word) = (start?, self.first_agent_message?);
            (start <= word).then(|| between(start, word))
        };
        self.summary.first_response = FirstResponse {
            from_handoff_ms: since(self.asked_at),
            from_assignment_ms: since(self.answered_at),
            from_first_message_ms: since(self.first_user_message),
        };
        self.summary
    }

    fn handoff(&self) -> Option<Handoff> {
        let asked_at = self.asked_at?;
        let left = ["SessionUserEnd", "SessionUserTimeoutEnd", "SessionPendingAutoFinishEnd"];
        let answered = self.answered_at.is_some() || self.served;
        let outcome = match self.summary.end.as_deref() {
            _ if answered => HandoffOutcome::Answered,
            _ if self.refused_at.is_some() => HandoffOutcome::Unanswered,
            None => HandoffOutcome::Waiting,
            Some(end) if left.contains(&end) => HandoffOutcome::Abandoned,
            Some(_) => HandoffOutcome::Unanswered,
        };
        let abandoned_at = self.summary.ended_at.filter(|_| outcome == HandoffOutcome::Abandoned);
        let over = self.answered_at.or(abandoned_at).or(self.refused_at.filter(|_| !answered));
        Some(Handoff {
            asked_at,
            queued_at: self.queued_at,
            answered_at: self.answered_at,
            abandoned_at,
            no_agent: self.no_agent,
            outcome,
            wait_ms: over.map(|over| between(asked_at, over)),
            queue_ms: self.queued_at.and_then(|queued| over.map(|over| between(queued, over))),
        })
    }
}

/// From one moment to another, in milliseconds; none if it lies before.
fn between(from: EventTime, to: EventTime) -> u64 {
    to.as_ms().saturating_sub(from.as_ms())
}

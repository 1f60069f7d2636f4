//! A session's story, for people and for programs.

use desk_webhooks::{
    protocol::{AppId, Element, EventKind, Reply, SessionEvent},
    routing::Facts,
    session::{HandoffOutcome, Summary},
    store::{Moment, Store},
};
use jiff::{Timestamp, tz::TimeZone};
use serde::Serialize;
use serde_json::value::{RawValue, to_raw_value};

use super::rules;
use crate::{
    error::CliError,
    output::{
        self, Text, bold, duration, faint, green, moment, now_ms, padded, reply, say, text, timestamp,
        yellow, zone_name,
    },
};

/// A silence of at least so long is shown.
const SILENCE_MS: u64 = 10_000;

/// What `desk sessions show` is asked for.
pub(super) struct Wanted {
    pub(super) session: String,
    pub(super) app: AppId,
    pub(super) zone: Option<String>,
    pub(super) json: bool,
}

pub(super) async fn run(store: &Store, wanted: Wanted) -> Result<(), CliError> {
    let Wanted { session, app, zone, json } = wanted;
    let story = store.story(app, &session, now_ms() / 1000).await?;
    if story.is_empty() {
        return Err(CliError::said(format!("nothing is known of session {session} of app {app}")));
    }
    let summary = store.summary(app, &session).await?;
    if json {
        let timeline: Vec<_> = story.iter().map(moment_json).collect();
        let summary = summary.as_ref();
        return output::json(&SessionJson { session: &session, app, summary, timeline });
    }
    let zone = match zone {
        Some(name) => TimeZone::get(&name).map_err(|_| {
            CliError::said(format!("`{name}` is no time zone; write one such as Asia/Shanghai"))
        })?,
        None => rules::zone(store, app).await,
    };
    show(&session, app, summary.as_ref(), &story, &zone)
}

/// An item of a session's timeline.
#[derive(Serialize)]
#[serde(tag = "kind", rename_all = "snake_case")]
pub(super) enum MomentJson<'a> {
    Event {
        at: Option<Timestamp>,
        event: Option<&'a str>,
        received_at: Timestamp,
        odd_time: bool,
        /// The JSON as it was received; a string if it is not JSON.
        body: Option<Box<RawValue>>,
    },
    Decision {
        at: Timestamp,
        rule: &'a str,
        version: Option<u64>,
        answer: &'a Reply,
        facts: &'a Facts,
        omitted: &'a [String],
    },
    Unreadable {
        at: Option<Timestamp>,
        problem: String,
    },
}

/// A session with its whole timeline.
#[derive(Serialize)]
struct SessionJson<'a> {
    session: &'a str,
    app: AppId,
    summary: Option<&'a Summary>,
    timeline: Vec<MomentJson<'a>>,
}

pub(super) fn moment_json(moment: &Moment) -> MomentJson<'_> {
    match moment {
        Moment::Event { body, event, received_at_ms, odd_time } => MomentJson::Event {
            at: event.as_ref().map(|event| timestamp(event.event_time.as_ms())),
            event: event.as_ref().map(|event| event.event.as_str()),
            received_at: timestamp(*received_at_ms),
            odd_time: *odd_time,
            body: serde_json::from_str(body).or_else(|_| to_raw_value(body)).ok(),
        },
        Moment::Decision(record) => MomentJson::Decision {
            at: record.at,
            rule: &record.rule,
            version: record.version,
            answer: &record.answer,
            facts: &record.facts,
            omitted: &record.omitted,
        },
        Moment::Unreadable { at, error } => {
            MomentJson::Unreadable { at: at.map(|at| timestamp(at.as_ms())), problem: error.to_string() }
        }
    }
}

/// One line of the story.
struct Line {
    at: Option<Timestamp>,
    who: String,
    /// One or more lines.
    what: Vec<Text>,
}

/// What the session came to, a line each; nothing where there is only a stub.
fn show_summary(summary: &Summary) -> Result<(), CliError> {
    let line = |name: &str, what: String| {
        if what.is_empty() { Ok(()) } else { say!("  {}  {}", faint(padded(name, 14)), what) }
    };
    let after = |wait: Option<u64>| wait.map(|wait| format!(" after {}", duration(wait))).unwrap_or_default();
    let agents = summary.agents.iter().map(|stint| {
        let held = stint.until.map(|until| until.as_ms().saturating_sub(stint.from.as_ms()));
        format!("{} ({})", stint.agent, held.map_or("holds it".into(), duration))
    });
    line("agents", agents.collect::<Vec<_>>().join(", "))?;
    if let Some(handoff) = &summary.handoff {
        let queued = handoff.queue_ms.map(|queued| format!(", {} of them in the queue", duration(queued)));
        let outcome = match handoff.outcome {
            HandoffOutcome::Answered => "answered",
            HandoffOutcome::Abandoned => "abandoned",
            HandoffOutcome::Unanswered => "not answered",
            HandoffOutcome::Waiting => "waiting",
        };
        line("handoff", format!("{outcome}{}{}", after(handoff.wait_ms), queued.unwrap_or_default()))?;
    }
    let version = summary.version.map(|version| format!(" (version {version})")).unwrap_or_default();
    let rule = summary.rule.as_ref().map(|rule| format!("{rule}{version}"));
    line("routed by", rule.unwrap_or_default())?;
    let first = summary.first_response.from_assignment_ms;
    line("first response", first.map(duration).unwrap_or_default())?;
    let messages = &summary.messages;
    line(
        "messages",
        format!(
            "{} to the bot, {} of the bot, {} to agents, {} of agents",
            messages.user_to_bot, messages.bot, messages.user_to_agent, messages.agent
        ),
    )?;
    line("rating", summary.rating.map(|rating| format!("{rating} of 5")).unwrap_or_default())?;
    line("end", summary.end.clone().unwrap_or_default())?;
    say!("")
}

fn show(
    session: &str,
    app: AppId,
    summary: Option<&Summary>,
    story: &[Moment],
    zone: &TimeZone,
) -> Result<(), CliError> {
    let is_event = |moment: &&Moment| matches!(moment, Moment::Event { .. });
    let is_odd = |moment: &Moment| matches!(moment, Moment::Event { odd_time: true, .. });
    let all_odd = story.len() > 1 && story.iter().filter(is_event).all(is_odd);
    let lines: Vec<_> = story.iter().map(|moment| line(moment, all_odd, zone)).collect();
    let widest = lines.iter().map(|line| text!("{}", line.who).width()).max().unwrap_or_default();
    say!("{} {} of app {}, times in {}\n", bold("Session"), session, app, zone_name(zone))?;
    if let Some(summary) = summary {
        show_summary(summary)?;
    }
    if all_odd {
        say!("{}\n", yellow("Every time is more than a day off the moment when it came in."))?;
    }
    let (mut day, mut before) = (String::new(), None::<Timestamp>);
    for Line { at, who, what } in lines {
        let silence = before.zip(at).map(|(before, at)| at.duration_since(before).as_millis());
        if let Some(silence) = silence.and_then(|ms| u64::try_from(ms).ok()).filter(|ms| *ms >= SILENCE_MS) {
            say!("{}", faint(format!("{:14}{} later", "", duration(silence))))?;
        }
        before = at.or(before);
        let local = at.map(|at| at.to_zoned(zone.clone()));
        let date = local.as_ref().map(|local| local.strftime("%Y-%m-%d").to_string()).unwrap_or_default();
        if date != day {
            say!("{}", bold(&date))?;
            day = date;
        }
        let time = local.map(|local| local.strftime("%H:%M:%S%.3f").to_string()).unwrap_or_default();
        let mut beside = text!("{}  {}", faint(padded(&time, 12)), padded(&who, widest));
        for line in what {
            say!("{}  {}", beside, line)?;
            beside = padded("", 14 + widest);
        }
    }
    Ok(())
}

/// What is odd about all of them is said once.
fn line(happened: &Moment, all_odd: bool, zone: &TimeZone) -> Line {
    match happened {
        Moment::Event { event: Some(event), received_at_ms, odd_time, .. } => {
            let mut what = what(event);
            if *odd_time && !all_odd {
                let received = moment(timestamp(*received_at_ms), zone);
                let received = format!("(its time is odd: it came in at {received})");
                what.push(yellow(received));
            }
            Line { at: Some(timestamp(event.event_time.as_ms())), who: who(event), what }
        }
        Moment::Event { event: None, .. } => Line {
            at: None,
            who: String::new(),
            what: vec![faint("an event that this version of desk cannot read; --json shows it")],
        },
        Moment::Unreadable { at, error } => Line {
            at: at.map(|at| timestamp(at.as_ms())),
            who: String::new(),
            what: vec![faint(format!("an item that this version of desk cannot read: {error}"))],
        },
        Moment::Decision(record) => {
            let version = record.version.map(|version| format!(" (version {version})")).unwrap_or_default();
            let rule = text!("{} {}{}", green("assigned by rule"), bold(&record.rule), version);
            let what = text!("{}: {}", rule, reply(&record.answer));
            Line { at: Some(record.at), who: "assign-agent".into(), what: vec![what] }
        }
    }
}

fn who(event: &SessionEvent) -> String {
    let named = |name: &Option<String>, otherwise: &str| name.as_deref().unwrap_or(otherwise).to_owned();
    match event.event {
        EventKind::ChatBotUserSendMsg | EventKind::HumanUserSendMsg => named(&event.client_user_id, "user"),
        EventKind::ChatBotRobotSendMsg => "bot".into(),
        EventKind::HumanAgentSendMsg => named(&event.agent_id, "agent"),
        _ => String::new(),
    }
}

/// A message has a line for each of its own.
fn what(event: &SessionEvent) -> Vec<Text> {
    use EventKind::*;
    let agent = event.agent_id.as_deref().unwrap_or("an agent");
    let said = match &event.event {
        ChatBotUserSendMsg | ChatBotRobotSendMsg | HumanUserSendMsg | HumanAgentSendMsg => {
            let elements: Vec<_> = event.msg_body.elements().iter().map(element).collect();
            return elements
                .join("\n")
                .split('\n')
                .map(|line| text!("{}", line.trim_end_matches('\r')))
                .collect();
        }
        SessionBegin => match &event.channel_type {
            Some(channel) => format!("the session begins, by {channel}"),
            None => "the session begins".into(),
        },
        TransferringToHuman => "a transfer to an agent is under way".into(),
        TransferringToHumanWait => "the user waits in the queue".into(),
        TransferToHumanSuccess => format!("{agent} has the session"),
        NoAgentOnline => "no agent is online".into(),
        AgentForward => match &event.forward_from_agent_id {
            Some(from) => format!("{from} hands the session to {agent}"),
            None => format!("the session goes to {agent}"),
        },
        SatisfactionSelected => match event.satisfaction_selected {
            Some(rating) => format!("the user rates the service {rating} of 5"),
            None => "the user rates the service".into(),
        },
        SessionUserEnd => "the user ends the session".into(),
        SessionAgentEnd => format!("{agent} ends the session"),
        SessionUserTimeoutEnd => "the session ends: the user did not answer in time".into(),
        SessionAgentTimeoutEnd => "the session ends: the agent did not answer in time".into(),
        SessionPendingAutoFinishEnd => "the queueing ends: the user went offline".into(),
        SessionEnd => "the session is over".into(),
        Other(name) => name.clone(),
    };
    vec![faint(said)]
}

fn element(element: &Element) -> String {
    match element {
        Element::Text { text } => text.clone(),
        Element::Face { index } => format!("[sticker {index}]"),
        Element::Location { description, latitude, longitude } => {
            format!("[place] {description} ({latitude}, {longitude})")
        }
        Element::Custom { data, description } => format!("[custom] {description} {data}"),
        Element::Sound { url, seconds } => format!("[sound, {seconds} s] {url}"),
        Element::Image { urls } => {
            format!("[image] {}", urls.first().map(String::as_str).unwrap_or_default())
        }
        Element::File { name, url, size_bytes } => format!("[file] {name}, {size_bytes} bytes, {url}"),
        Element::Video { url, seconds } => format!("[video, {seconds} s] {url}"),
        Element::Relay { title, count, abstracts } => {
            format!("[{count} messages passed on] {title}: {}", abstracts.join(" / "))
        }
        Element::Other { msg_type } if msg_type.is_empty() => "[an element that cannot be read]".into(),
        Element::Other { msg_type } => format!("[{msg_type}]"),
    }
}

//! `make demo`: every sample callback, sent as the platform would, and what came of it.

use std::{error::Error, path::Path, time::Instant};

use desk_local::{
    callbacks::{self, Callback},
    stage::{APP, repository, store_at},
};
use desk_webhooks::{
    protocol::{AppId, AssignRequest, read},
    routing::timestamp,
    store::{Moment, Store},
};
use serde_json::Value;
use ureq::{Agent, http};

use crate::stack::{Ports, Stack};

/// The session of the samples that is told from beginning to end.
const STORY: &str = "s-1001";

/// Runs the demo.
///
/// # Errors
/// The stack does not start, or an answer is not the expected one.
pub(crate) async fn run() -> Result<(), Box<dyn Error>> {
    let samples = callbacks::load(&repository().join("events"))?;
    let log = repository().join("target/demo.log");
    println!("Starting DynamoDB and both functions (their log: target/demo.log)");
    let stack = Stack::start(Ports { dynamodb: 0, functions: 0 }, &[], Some(&log)).await?;
    println!("\nPublishing rules/example.yaml, and li.wei is a VIP");
    stack.desk(&["rules", "publish", "rules/example.yaml", "--app", APP, "--note", "make demo"])?;
    stack.desk(&["users", "set", "--app", APP, "li.wei", "--tag", "vip"])?;

    println!("\nSending {} callbacks, as the platform would", samples.len());
    let sender = Sender::new(&stack)?;
    let mut unexpected = 0;
    for sample in &samples {
        let outcome = sender.send(sample).await?;
        unexpected += usize::from(!outcome.differences.is_empty());
        println!("{}", outcome.line(sample));
    }
    println!("\nThe story of {STORY}, read back from the store\n");
    stack.desk(&["sessions", "show", STORY, "--app", APP])?;
    if unexpected > 0 {
        return Err(format!("{unexpected} of {} answers were not the expected ones", samples.len()).into());
    }
    println!("\nAll {} answers were the expected ones.", samples.len());
    Ok(())
}

struct Sender {
    agent: Agent,
    url: String,
    app: AppId,
    store: Store,
}

/// What came back.
struct Outcome {
    status: u16,
    reply: Value,
    rule: Option<String>,
    ms: f64,
    differences: Vec<String>,
}

impl Sender {
    fn new(stack: &Stack) -> Result<Self, Box<dyn Error>> {
        // A refusal is an answer here. A GET with a body is no mistake of ours.
        let config = Agent::config_builder().http_status_as_error(false).build();
        let store = store_at(stack.dynamodb());
        Ok(Self { agent: config.into(), url: stack.url(), app: APP.parse()?, store })
    }

    async fn send(&self, sample: &Callback) -> Result<Outcome, Box<dyn Error>> {
        let started = Instant::now();
        let (status, reply) = if sample.only_by_invoke { self.invoke(sample)? } else { self.post(sample)? };
        let ms = started.elapsed().as_secs_f64() * 1000.0;
        let rule = self.rule(sample).await?;
        let mut differences = sample.differences(status, &reply);
        if sample.rule.is_some() && rule != sample.rule {
            differences.push(format!("rule {rule:?} instead of {:?}", sample.rule));
        }
        Ok(Outcome { status, reply, rule, ms, differences })
    }

    /// Over HTTP, to the path and with the query that the event has.
    fn post(&self, sample: &Callback) -> Result<(u16, Value), Box<dyn Error>> {
        let text = |value: &Value| value.as_str().unwrap_or_default().to_owned();
        let event = &sample.event;
        let (path, query) = (text(&event["rawPath"]), text(&event["rawQueryString"]));
        let question_mark = if query.is_empty() { "" } else { "?" };
        let request = http::Request::builder()
            .method(text(&event["requestContext"]["http"]["method"]).as_str())
            .uri(format!("{}{path}{question_mark}{query}", self.url))
            .body(text(&event["body"]))?;
        let agent = self.agent.configure_request(request).allow_non_standard_methods(true).build();
        let mut response = self.agent.run(agent)?;
        Ok((response.status().as_u16(), serde_json::from_str(&response.body_mut().read_to_string()?)?))
    }

    /// Through the Lambda API, the event as it is.
    fn invoke(&self, sample: &Callback) -> Result<(u16, Value), Box<dyn Error>> {
        let function = if sample.goes_to("/assign-agent") { "assign-agent" } else { "session-events" };
        let url = format!("{}/2015-03-31/functions/{function}/invocations", self.url);
        let response: Value = self.agent.post(url).send_json(&sample.event)?.body_mut().read_json()?;
        let status = response["statusCode"].as_u64().unwrap_or_default();
        let body = response["body"].as_str().unwrap_or_default();
        Ok((status as u16, serde_json::from_str(body)?))
    }

    /// The rule that the record of a question names.
    async fn rule(&self, sample: &Callback) -> Result<Option<String>, Box<dyn Error>> {
        if sample.rule.is_none() {
            return Ok(None);
        }
        let body = sample.body();
        let question: AssignRequest = read(&body)?;
        let (Some(session), Some(at)) = (question.session_id, question.event_time) else { return Ok(None) };
        let story = self.store.story(self.app, &session, 0).await?;
        Ok(story.into_iter().find_map(|moment| match moment {
            Moment::Decision(record) if record.at == timestamp(at) => Some(record.rule),
            _ => None,
        }))
    }
}

impl Outcome {
    fn line(&self, sample: &Callback) -> String {
        let file = Path::new(&sample.name).with_extension("");
        let mark = if self.differences.is_empty() { "as expected" } else { "UNEXPECTED" };
        let line = format!(
            "  {:<46} {} {:<56} {:>6.1} ms  {mark}",
            file.display().to_string(),
            self.status,
            self.answer(),
            self.ms
        );
        self.differences.iter().fold(line, |line, difference| format!("{line}\n      {difference}"))
    }

    /// The answer for a person: who serves by which rule, or what was wrong.
    fn answer(&self) -> String {
        let reply = &self.reply;
        let text = |field: &str| reply[field].as_str().unwrap_or_default();
        let mut parts = vec![text("ActionStatus").to_owned()];
        parts.extend(self.rule.iter().map(|rule| format!("rule {rule}:")));
        parts.extend(reply["AgentGroupId"].as_u64().map(|group| format!("group {group}")));
        let agents = reply["AgentIdList"].as_array().into_iter().flatten();
        parts.extend(agents.filter_map(Value::as_str).map(str::to_owned));
        parts.push(text("ErrorInfo").to_owned());
        parts.join(" ")
    }
}

//! `make storm`: many sandboxes at once on a DynamoDB that throttles, fails, stalls and for a while is not
//! there at all. The queue is healthy: so every event must be acknowledged, no answer may be late, and in the end
//! every event must be kept, once.

use std::{
    collections::BTreeMap,
    error::Error,
    sync::{
        Arc,
        atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering},
    },
    time::{Duration, Instant, SystemTime, UNIX_EPOCH},
};

use desk_local::{
    engine::SESSIONS_TABLE,
    proxy::{Call, Proxy, Verdict},
    queue::Queue,
    runtime_api::Sandbox,
    stage::{APP, Services, Stage, repository},
};
use serde_json::{Value, json};
use tokio::time::sleep;
use xxhash_rust::xxh3::xxh3_64;

const SESSIONS: usize = 2000;
const EVENTS: usize = 20_000;
const CONNECTIONS: usize = 32;
/// The template's limit of sandboxes that drain at once.
const DRAINERS: usize = 5;
/// The longest delay of a message in the queue: that of a rebuild.
const DELAY: Duration = Duration::from_secs(300);
/// The sender waits for 2 s; what is later than this is too near.
const LATEST: Duration = Duration::from_millis(1500);
/// DynamoDB is not there while these events are sent.
const OUTAGE: std::ops::Range<usize> = 9000..11_000;

/// The kinds of a session's ten events, in their order.
const STORY: [&str; EVENTS / SESSIONS] = [
    "SessionBegin",
    "ChatBot.UserSendMsg",
    "ChatBot.RobotSendMsg",
    "ChatBot.UserSendMsg",
    "TransferringToHuman",
    "TransferToHumanSuccess",
    "Human.AgentSendMsg",
    "Human.UserSendMsg",
    "SatisfactionSelected",
    "SessionEnd",
];

/// What the proxy does to DynamoDB, and how often it did.
#[derive(Debug, Default)]
struct Weather {
    calm: AtomicBool,
    outage: AtomicBool,
    throttled: AtomicU64,
    failed: AtomicU64,
    reset: AtomicU64,
    stalled: AtomicU64,
    refused_in_outage: AtomicU64,
}

impl Weather {
    /// Draws by the call's number, so that two runs see the same weather.
    fn judge(&self, call: &Call<'_>) -> Verdict {
        let count = |counter: &AtomicU64| counter.fetch_add(1, Ordering::Relaxed);
        if self.calm.load(Ordering::Relaxed) {
            return Verdict::Pass;
        }
        if self.outage.load(Ordering::Relaxed) {
            count(&self.refused_in_outage);
            return Verdict::Reset;
        }
        let throttled = r#"{"__type":"com.amazonaws.dynamodb.v20120810#ThrottlingException"}"#;
        let failed = r#"{"__type":"com.amazonaws.dynamodb.v20120810#InternalServerError"}"#;
        let (counter, verdict) = match xxh3_64(&call.number.to_le_bytes()) % 1000 {
            0..300 => (&self.throttled, Verdict::Answer(400, throttled.into())),
            300..320 => (&self.failed, Verdict::Answer(500, failed.into())),
            320..330 => (&self.reset, Verdict::Reset),
            330..340 => (&self.reset, Verdict::LoseAnswer),
            340..345 => (&self.stalled, Verdict::Stall(Duration::from_secs(3))),
            _ => return Verdict::Pass,
        };
        count(counter);
        verdict
    }
}

/// One answer.
struct Answered {
    event: usize,
    status: u64,
    took: Duration,
}

/// Sends all events, and compares the acknowledged ones with the stored ones.
pub(crate) async fn run() -> Result<(), Box<dyn Error>> {
    let stage = Stage::start().await?;
    let weather = Arc::new(Weather::default());
    let dynamodb = {
        let weather = Arc::clone(&weather);
        Proxy::start(&stage.endpoint(), move |call| weather.judge(call)).await?
    };
    let services = Services::start().await?;
    let queue = Arc::new(services.queue()?);
    let binary = repository().join("target/release/session-events");
    let env = [
        ("AWS_ENDPOINT_URL_DYNAMODB", &*dynamodb.endpoint()),
        ("AWS_ENDPOINT_URL_SQS", &*services.endpoint()),
        ("SPILL_QUEUE_URL", queue.url()),
        ("AWS_LAMBDA_LOG_LEVEL", "ERROR"),
    ];
    let (mut senders, mut drainers) = (Vec::new(), Vec::new());
    for number in 0..CONNECTIONS + DRAINERS {
        let sandbox = stage.function_with(&binary.to_string_lossy(), &env).await?;
        if number < CONNECTIONS { senders.push(sandbox) } else { drainers.push(sandbox) }
    }

    let begun = Instant::now();
    let started_at = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_millis() as u64;
    let drained = tokio::spawn(drain(Arc::clone(&queue), drainers, Arc::clone(&weather)));
    let answers = send(senders, &weather, started_at).await?;
    println!("{EVENTS} events of {SESSIONS} sessions by {CONNECTIONS} sandboxes in {:.1?}", begun.elapsed());
    report(&weather, &answers);

    weather.calm.store(true, Ordering::Relaxed);
    let begun = Instant::now();
    let during = drained.await??;
    services.pass(DELAY).await;
    let delayed = drain(queue, during.drainers, weather).await?;
    println!(
        "the queue: {} messages done, {} failures; empty {:.1?} after the storm",
        during.done + delayed.done,
        during.failed + delayed.failed,
        begun.elapsed()
    );

    let broken = verify(&stage, &answers, started_at).await?;
    if broken.is_empty() {
        println!(
            "every event was acknowledged and is kept, each once, and in its summary; no answer took longer than {LATEST:?}"
        );
        return Ok(());
    }
    Err(broken.join("; ").into())
}

/// The result of draining.
struct Drained {
    drainers: Vec<Sandbox>,
    /// The number of messages that were done.
    done: usize,
    /// The number of times that a message failed.
    failed: usize,
}

/// Drains the queue as Lambda does, all the time, until the storm is over and nothing waits.
async fn drain(queue: Arc<Queue>, drainers: Vec<Sandbox>, weather: Arc<Weather>) -> Result<Drained, String> {
    let mut tasks = Vec::new();
    for mut sandbox in drainers {
        let (queue, weather) = (Arc::clone(&queue), Arc::clone(&weather));
        tasks.push(tokio::spawn(async move {
            let (mut all_done, mut failed) = (0, 0);
            loop {
                // Read before the queue, which has every message that was spilled until then.
                let over = weather.calm.load(Ordering::Relaxed);
                let drained = queue.drain_once(async |batch| sandbox.take(&batch).await).await;
                let (there_were, done) = drained.map_err(|error| error.to_string())?;
                all_done += done;
                failed += there_were - done;
                match there_were {
                    0 if over => return Ok::<_, String>((sandbox, all_done, failed)),
                    0 => sleep(Duration::from_millis(100)).await,
                    // Lambda too takes less from a queue whose batches fail.
                    _ if done < there_were => sleep(Duration::from_secs(1)).await,
                    _ => {}
                }
            }
        }));
    }
    let mut drained = Drained { drainers: Vec::new(), done: 0, failed: 0 };
    for task in tasks {
        let (sandbox, done, failed) = task.await.map_err(|error| error.to_string())??;
        drained.drainers.push(sandbox);
        drained.done += done;
        drained.failed += failed;
    }
    Ok(drained)
}

/// Each sandbox takes the next event as soon as it has answered the one before.
async fn send(
    sandboxes: Vec<Sandbox>,
    weather: &Arc<Weather>,
    started_at: u64,
) -> Result<Vec<Answered>, Box<dyn Error>> {
    let next = Arc::new(AtomicUsize::new(0));
    let mut tasks = Vec::new();
    for mut sandbox in sandboxes {
        let (next, weather) = (Arc::clone(&next), Arc::clone(weather));
        tasks.push(tokio::spawn(async move {
            let mut answers = Vec::new();
            loop {
                let event = next.fetch_add(1, Ordering::Relaxed);
                if event >= EVENTS {
                    return Ok::<_, String>(answers);
                }
                weather.outage.store(OUTAGE.contains(&event), Ordering::Relaxed);
                if event % 2000 == 0 {
                    eprintln!("{event} events sent");
                }
                let invocation = invocation(event, started_at);
                let answer = sandbox.invoke(&invocation).await.map_err(|error| error.to_string())?;
                let status = answer.response.map_err(|error| error.to_string())?["statusCode"].as_u64();
                let status = status.unwrap_or_default();
                if status != 200 {
                    let log = sandbox.log();
                    eprintln!("event {event} got HTTP {status}: {}", log.lines().last().unwrap_or_default());
                }
                answers.push(Answered { event, status, took: answer.took });
            }
        }));
    }
    let mut answers = Vec::new();
    for task in tasks {
        answers.extend(task.await??);
    }
    Ok(answers)
}

/// Sessions run side by side: an event's session and its place in that follow from its number.
fn place(event: usize) -> (String, usize) {
    (format!("s-{}", event % SESSIONS), event / SESSIONS)
}

fn invocation(event: usize, started_at: u64) -> Value {
    let (session, step) = place(event);
    let said =
        json!([{ "MsgType": "TIMTextElem", "MsgContent": { "Text": format!("this is message {event}") } }]);
    let mut body = json!({
        "CallbackCommand": "Desk.SessionEventNotify", "SessionId": session, "Event": STORY[step],
        "EventTime": started_at + event as u64, "ClientUserId": format!("user-{session}"), "ChannelType": "Web",
    });
    if STORY[step].ends_with("SendMsg") {
        body["MsgKey"] = json!(format!("{event}"));
        body["MsgBody"] = said;
    }
    json!({
        "rawQueryString": format!("SdkAppid={APP}&CallbackCommand=Desk.SessionEventNotify"),
        "requestContext": { "http": { "method": "POST" } },
        "body": body.to_string(),
    })
}

fn report(weather: &Weather, answers: &[Answered]) {
    let read = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
    println!(
        "DynamoDB: {} calls throttled, {} failed, {} connections reset, {} stalled for 3 s, {} met the outage",
        read(&weather.throttled),
        read(&weather.failed),
        read(&weather.reset),
        read(&weather.stalled),
        read(&weather.refused_in_outage),
    );
    let mut statuses = BTreeMap::new();
    for answer in answers {
        *statuses.entry(answer.status).or_insert(0) += 1;
    }
    let mut took: Vec<_> = answers.iter().map(|answer| answer.took).collect();
    took.sort();
    let at = |share: f64| took.get((took.len() as f64 * share) as usize).copied().unwrap_or_default();
    println!(
        "answers by status: {statuses:?}; median {:.1?}, p99 {:.1?}, the latest {:.1?}",
        at(0.5),
        at(0.99),
        took.last().copied().unwrap_or_default(),
    );
}

/// What stands in the table.
#[derive(Default)]
struct Kept {
    /// How often each event does, by its number.
    events: BTreeMap<usize, usize>,
    /// How many items each session's story has.
    stories: BTreeMap<String, u64>,
    /// How many its summary is of; 0 for a stub.
    summaries: BTreeMap<String, u64>,
}

impl Kept {
    async fn read(stage: &Stage, started_at: u64) -> Result<Self, Box<dyn Error>> {
        let mut kept = Self::default();
        let mut items = stage.client().scan().table_name(SESSIONS_TABLE).into_paginator().items().send();
        while let Some(item) = items.next().await {
            let item = item?;
            let text = |name| item.get(name).and_then(|value| value.as_s().ok()).map_or("", String::as_str);
            let session = text("pk").rsplit('#').next().unwrap_or_default().to_owned();
            if text("sk") == "SUMMARY" {
                let items = item.get("items").and_then(|value| value.as_n().ok()?.parse().ok());
                kept.summaries.insert(session, items.unwrap_or_default());
            } else if text("sk").starts_with("AT#") {
                let body: Value = serde_json::from_str(text("body"))?;
                let at = body["EventTime"].as_u64().ok_or("an event without its time")?;
                *kept.events.entry((at - started_at) as usize).or_default() += 1;
                *kept.stories.entry(session).or_default() += 1;
            }
        }
        Ok(kept)
    }
}

/// What is not as it must be.
async fn verify(stage: &Stage, answers: &[Answered], started_at: u64) -> Result<Vec<String>, Box<dyn Error>> {
    let kept = Kept::read(stage, started_at).await?;
    let stale =
        kept.stories.iter().filter(|(session, items)| kept.summaries.get(*session) != Some(items)).count();
    println!("kept: {} events of {} sessions", kept.events.len(), kept.stories.len());
    let (acknowledged, refused): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    let lost = acknowledged.iter().filter(|answer| !kept.events.contains_key(&answer.event)).count();
    let twice = kept.events.values().filter(|times| **times > 1).count();
    let late = answers.iter().filter(|answer| answer.took > LATEST).count();
    let unfound = kept.stories.keys().filter(|session| !kept.summaries.contains_key(*session)).count();
    let broken = [
        (lost, "acknowledged events are lost"),
        (twice, "events are kept twice"),
        (late, "answers came too late"),
        (unfound, "sessions cannot be found"),
        (stale, "summaries miss an event"),
        (refused.len(), "events were refused although the queue was healthy"),
    ];
    Ok(broken.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect())
}

//! The keys of the two tables. Other programs rely on them: `docs/data-model.md` lists them.
//!
//! An id always stands last in its key, as it came, so that no character of it can be mistaken
//! for a separator.

use crate::{
    digest,
    protocol::{AppId, EventKind, EventTime, SessionEvent},
};

/// The longest partition key that DynamoDB takes, in bytes.
const PARTITION_KEY_BYTES: usize = 2048;
/// A `MsgKey` up to this length stands in its key as it came; a longer one by its digest.
const MSG_KEY_BYTES: usize = 200;
/// The by-day index spreads each day over this many partitions.
pub const DAY_SHARDS: u8 = 16;

/// The pointer to the active ruleset, in the partition of its app.
pub const RULES_ACTIVE: &str = "RULES#ACTIVE";
/// What every item of a session's story starts with.
pub const TIMELINE: &str = "AT#";
/// Greater than the sort keys of the whole timeline, and less than those of the parts of bodies.
pub const BEHIND_TIMELINE: &str = "AT#~";
/// A session's summary.
pub const SUMMARY: &str = "SUMMARY";
/// The beginning of the sort key of a further user of a session.
pub const FURTHER_USER: &str = "USER#";
/// Greater than the sort keys of all further users, and of everything else in a session's partition.
pub const BEHIND_FURTHER_USERS: &str = "USER#~";
/// What the business says of a user: tags, language, attributes.
pub const ATTRIBUTES: &str = "ATTRIBUTES";
/// What sessions say of a user: last agent, last rating.
pub const PROFILE: &str = "PROFILE";
/// An agent's current status.
pub const STATUS: &str = "STATUS";

/// Whether DynamoDB takes this as a partition key.
pub fn fits(partition_key: &str) -> bool {
    partition_key.len() <= PARTITION_KEY_BYTES
}

/// The partition of an app's rulesets.
pub fn app(app: AppId) -> String {
    format!("APP#{app}")
}

/// One immutable version of a ruleset.
pub fn rules_version(version: u64) -> String {
    format!("RULES#V#{version:010}")
}

/// One entry of the log of who moved the pointer.
pub fn rules_log(at_ms: u64) -> String {
    format!("RULES#LOG#{at_ms:013}")
}

/// The partition of a session.
pub fn session(app: AppId, session_id: &str) -> String {
    format!("APP#{app}#SESSION#{session_id}")
}

/// The partition of a user, in both tables.
pub fn user(app: AppId, user_id: &str) -> String {
    format!("APP#{app}#USER#{user_id}")
}

/// The item through which a further user finds the session: a user that it does not belong to.
pub fn further_user(user_id: &str) -> String {
    format!("{FURTHER_USER}{}", digest::of_fields([Some(user_id)]))
}

/// The partition of an agent.
pub fn agent(app: AppId, member_id: &str) -> String {
    format!("APP#{app}#AGENT#{member_id}")
}

/// One status of an agent's past. The digest of the body tells two of one millisecond apart.
pub fn past_status(at: EventTime, body_digest: &str) -> String {
    format!("STATUS#{at}#{body_digest}")
}

/// The partition of what was verified on this day (`2027-02-01`, UTC) but not understood.
pub fn quarantine(app: AppId, day: &str) -> String {
    format!("APP#{app}#QUARANTINE#{day}")
}

/// Ids of entries of the quarantine begin with a digit; parts of their bodies stand behind them.
pub const FIRST_QUARANTINED: &str = "0";
/// Behind the last entry of a day's quarantine, before the parts.
pub const AFTER_QUARANTINED: &str = ":";

/// One entry of the quarantine.
pub fn quarantined(received_at_ms: u64, body_digest: &str) -> String {
    format!("{received_at_ms:013}#{body_digest}")
}

/// One shard of a day (`2027-02-01`, UTC) in the by-day index.
pub fn day(app: AppId, day: &str, shard: u8) -> String {
    format!("APP#{app}#DAY#{day}#{shard:02}")
}

/// The shard of the by-day index that a session stands in, below [`DAY_SHARDS`].
pub fn day_shard(session_id: &str) -> u8 {
    let digest = digest::sha256_hex(session_id.as_bytes());
    u8::from_str_radix(&digest[..2], 16).unwrap_or_default() % DAY_SHARDS
}

/// The recorded decision for a question asked at this time.
pub fn decision(at: EventTime) -> String {
    format!("{TIMELINE}{at}#{DECISION_RANK:02}#DECISION")
}

/// Behind everything that stands in a session's story up to this time.
pub fn end_of(at: EventTime) -> String {
    format!("{TIMELINE}{at}#~")
}

/// The time at which an item of a session's story stands.
pub fn time_of(key: &str) -> Option<EventTime> {
    let ms = key.strip_prefix(TIMELINE)?.split('#').next()?.parse().ok()?;
    EventTime::from_ms(ms).ok()
}

/// The event's place in its session: its time, its rank among equal times, and what it is.
pub fn event(event: &SessionEvent) -> String {
    format!("{TIMELINE}{}#{:02}#EVENT#{}", event.event_time, rank(&event.event), event_id(event))
}

/// A further event under a key that is taken by another content.
pub fn conflict(key: &str, body_digest: &str) -> String {
    format!("{key}#{body_digest}")
}

/// The key that an event's was before another content was found under it.
pub fn without_conflict(key: &str) -> &str {
    let digest = |tail: &str| tail.len() == 64 && tail.bytes().all(|byte| byte.is_ascii_hexdigit());
    match key.rsplit_once('#') {
        Some((base, tail)) if digest(tail) && !base.ends_with("EVENT") => base,
        _ => key,
    }
}

/// Tells an event from the others of its session and millisecond: the wire has no event id.
fn event_id(event: &SessionEvent) -> String {
    match &event.msg_key {
        Some(key) if key.len() <= MSG_KEY_BYTES => key.clone(),
        Some(key) => digest::of_fields([Some(key.as_str())]),
        None => {
            let rating = event.satisfaction_selected.map(|rating| rating.to_string());
            digest::of_fields([
                Some(event.event.as_str()),
                event.client_user_id.as_deref(),
                event.agent_id.as_deref(),
                event.forward_from_agent_id.as_deref(),
                rating.as_deref(),
            ])
        }
    }
}

/// A question comes after the transfer began and before it is decided.
const DECISION_RANK: u8 = 45;

/// Orders the events of one millisecond as they follow each other in a session.
fn rank(kind: &EventKind) -> u8 {
    use EventKind::*;
    match kind {
        SessionBegin => 10,
        ChatBotUserSendMsg => 20,
        ChatBotRobotSendMsg => 30,
        TransferringToHuman => 40,
        TransferringToHumanWait | NoAgentOnline | Other(_) => 50,
        TransferToHumanSuccess => 60,
        HumanUserSendMsg | HumanAgentSendMsg => 70,
        AgentForward => 75,
        SatisfactionSelected => 80,
        SessionUserEnd
        | SessionAgentEnd
        | SessionUserTimeoutEnd
        | SessionAgentTimeoutEnd
        | SessionPendingAutoFinishEnd => 90,
        SessionEnd => 95,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::read;

    fn key_of(fields: &str) -> String {
        event(&read(&format!(r#"{{"SessionId":"s","EventTime":1777777777777,{fields}}}"#)).unwrap())
    }

    #[test]
    fn keys_are_those_that_other_programs_rely_on() {
        let id: AppId = "1400000001".parse().unwrap();
        let at = EventTime::from_ms(5).unwrap();
        assert_eq!(session(id, "a#b"), "APP#1400000001#SESSION#a#b");
        assert_eq!(user(id, "maya"), "APP#1400000001#USER#maya");
        assert_eq!(agent(id, "bo@example.com"), "APP#1400000001#AGENT#bo@example.com");
        assert_eq!(rules_version(7), "RULES#V#0000000007");
        assert_eq!(rules_log(5), "RULES#LOG#0000000000005");
        assert_eq!(past_status(at, "d"), "STATUS#0000000000005#d");
        assert_eq!(quarantine(id, "2027-02-01"), "APP#1400000001#QUARANTINE#2027-02-01");
        assert_eq!(quarantined(5, "d"), "0000000000005#d");
        assert_eq!(further_user("maya"), "USER#2dd11ddff50c2e9a8cdf2dc2173fba45");
        assert_eq!(decision(at), "AT#0000000000005#45#DECISION");
        assert_eq!(
            key_of(r#""Event":"Human.UserSendMsg","MsgKey":"1_2_3""#),
            "AT#1777777777777#70#EVENT#1_2_3"
        );
    }

    #[test]
    fn events_of_one_millisecond_are_told_apart_and_ordered() {
        let story = [
            key_of(r#""Event":"SessionBegin""#),
            key_of(r#""Event":"TransferringToHuman""#),
            decision(EventTime::from_ms(1_777_777_777_777).unwrap()),
            key_of(r#""Event":"AgentForward","AgentId":"a","ForwardFromAgentId":"b""#),
            key_of(r#""Event":"SatisfactionSelected","SatisfactionSelected":4"#),
            key_of(r#""Event":"SessionUserEnd""#),
            key_of(r#""Event":"SessionEnd""#),
        ];
        assert!(story.is_sorted());
        assert_ne!(
            key_of(r#""Event":"AgentForward","AgentId":"a","ForwardFromAgentId":"b""#),
            key_of(r#""Event":"AgentForward","AgentId":"b","ForwardFromAgentId":"a""#)
        );
    }

    #[test]
    fn every_key_fits_whatever_the_message_is_called() {
        let long = "界".repeat(10_000);
        let key = key_of(&format!(r#""Event":"Human.UserSendMsg","MsgKey":"{long}""#));
        assert!(conflict(&key, &digest::sha256_hex(b"")).len() <= 1024);
    }
}

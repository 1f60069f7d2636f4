use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::{EventTime, MsgBody, lenient, open_set::open_set};

open_set! {
    /// `Event` of a session event (1229/68989).
    pub enum EventKind {
        /// The session starts.
        SessionBegin = "SessionBegin",
        /// The user's message while the bot serves.
        ChatBotUserSendMsg = "ChatBot.UserSendMsg",
        /// The bot's reply.
        ChatBotRobotSendMsg = "ChatBot.RobotSendMsg",
        /// The user's message while an agent serves.
        HumanUserSendMsg = "Human.UserSendMsg",
        /// The agent's message.
        HumanAgentSendMsg = "Human.AgentSendMsg",
        /// A transfer to an agent is under way.
        TransferringToHuman = "TransferringToHuman",
        /// The user waits in the queue.
        TransferringToHumanWait = "TransferringToHumanWait",
        /// An agent has the session.
        TransferToHumanSuccess = "TransferToHumanSuccess",
        /// The transfer found no agent.
        NoAgentOnline = "NoAgentOnline",
        /// One agent hands the session to another.
        AgentForward = "AgentForward",
        /// The user rated the service.
        SatisfactionSelected = "SatisfactionSelected",
        /// The user ended the session.
        SessionUserEnd = "SessionUserEnd",
        /// The agent ended the session.
        SessionAgentEnd = "SessionAgentEnd",
        /// The session ended because the user did not answer in time.
        SessionUserTimeoutEnd = "SessionUserTimeoutEnd",
        /// The session ended because the agent did not answer in time.
        SessionAgentTimeoutEnd = "SessionAgentTimeoutEnd",
        /// Queueing ended by itself, the user went offline.
        SessionPendingAutoFinishEnd = "SessionPendingAutoFinishEnd",
        /// The session is over; follows the specific end event.
        SessionEnd = "SessionEnd",
    }
}

impl EventKind {
    /// Whether somebody said something; everything else changes the session's state.
    pub fn is_message(&self) -> bool {
        use EventKind::{ChatBotRobotSendMsg, ChatBotUserSendMsg, HumanAgentSendMsg, HumanUserSendMsg};
        matches!(self, ChatBotUserSendMsg | ChatBotRobotSendMsg | HumanUserSendMsg | HumanAgentSendMsg)
    }

    /// Whether the session is over with it.
    pub fn is_end(&self) -> bool {
        use EventKind::{
            SessionAgentEnd, SessionAgentTimeoutEnd, SessionEnd, SessionPendingAutoFinishEnd, SessionUserEnd,
            SessionUserTimeoutEnd,
        };
        matches!(
            self,
            SessionUserEnd
                | SessionAgentEnd
                | SessionUserTimeoutEnd
                | SessionAgentTimeoutEnd
                | SessionPendingAutoFinishEnd
                | SessionEnd
        )
    }
}

/// A message or a state change of a session: the body of `Desk.SessionEventNotify` (1229/68989).
///
/// Only `SessionId`, `Event` and `EventTime` must be there: without them an event has no place to
/// be kept under. Any other field that is not of its documented type reads as absent; the body as
/// received is what is stored.
///
/// It serialises without what may be large and only readers of the session ask for: the message, its
/// key, and custom data.
#[derive(Clone, Debug, Deserialize, Serialize)]
#[serde(rename_all = "PascalCase")]
pub struct SessionEvent {
    /// The session.
    #[serde(deserialize_with = "lenient::required_text")]
    pub session_id: String,
    /// What happened.
    pub event: EventKind,
    /// When it happened.
    pub event_time: EventTime,
    /// `SDK` or `Web`; an open set.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub channel_type: Option<String>,
    /// The end user.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub client_user_id: Option<String>,
    /// The customer-service account.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub customer_service_id: Option<String>,
    /// The agent who serves, or who got the session.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub agent_id: Option<String>,
    /// The previous agent of an [`EventKind::AgentForward`], by its name; newer page only.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing_if = "Option::is_none")]
    pub forward_from_agent_id: Option<String>,
    /// Messages only: sequence, random and time joined by `_`.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing)]
    pub msg_key: Option<String>,
    /// Messages only: the elements.
    #[serde(default, skip_serializing)]
    pub msg_body: MsgBody,
    /// An opaque text, often JSON.
    #[serde(default, deserialize_with = "lenient::text", skip_serializing)]
    pub cloud_custom_data: Option<String>,
    /// Whether the agent opened the conversation.
    #[serde(default, deserialize_with = "lenient::boolean", skip_serializing_if = "Option::is_none")]
    pub is_contact_user: Option<bool>,
    /// 1 to 5.
    #[serde(default, deserialize_with = "lenient::integer", skip_serializing_if = "Option::is_none")]
    pub satisfaction_selected: Option<i64>,
}

impl SessionEvent {
    /// The rating, if it is one.
    pub fn rating(&self) -> Option<i64> {
        self.satisfaction_selected.filter(|rating| (1..=5).contains(rating))
    }
}

impl<'de> Deserialize<'de> for EventKind {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        lenient::required_text(deserializer).map(|name| Self::from_wire(&name))
    }
}

impl Serialize for EventKind {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::{Element, read};

    #[test]
    fn all_17_values_are_known_by_name() {
        assert_eq!(EventKind::KNOWN.len(), 17);
        for name in EventKind::KNOWN {
            let kind = EventKind::from_wire(name);
            assert!(!matches!(kind, EventKind::Other(_)), "{name}");
            assert_eq!(kind.as_str(), *name);
        }
    }

    #[test]
    fn a_message_is_read_with_its_elements() {
        let event: SessionEvent = read(
            r#"{"SessionId":"s","Event":"Human.UserSendMsg","EventTime":1777777777777,"AgentId":"",
                "MsgKey":"1_2_3","MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"hello"}}]}"#,
        )
        .unwrap();
        assert_eq!(event.agent_id, None);
        assert_eq!(event.msg_body.elements(), [Element::Text { text: "hello".into() }]);
    }

    #[test]
    fn a_field_that_the_key_does_not_need_costs_nothing() {
        let event: SessionEvent = read(
            r#"{"SessionId":"s","Event":"Brand.New","EventTime":"5","ClientUserId":12,"IsContactUser":"yes",
                "MsgBody":"no array","SatisfactionSelected":"4","CloudCustomData":{"a":1}}"#,
        )
        .unwrap();
        assert_eq!(event.event, EventKind::Other("Brand.New".into()));
        assert_eq!((event.client_user_id, event.is_contact_user), (None, None));
        assert_eq!(event.satisfaction_selected, Some(4));
        assert_eq!(event.msg_body.elements(), []);
    }

    #[test]
    fn half_an_emoji_costs_its_own_field_only() {
        let event: SessionEvent = read(
            r#"{"SessionId":"s","Event":"Human.UserSendMsg","EventTime":1,"CloudCustomData":"\ud83d",
                "MsgBody":[{"MsgType":"TIMTextElem","MsgContent":{"Text":"\ud83d"}},
                           {"MsgType":"TIMTextElem","MsgContent":{"Text":"here"}}]}"#,
        )
        .unwrap();
        assert_eq!(event.cloud_custom_data, None);
        assert_eq!(event.msg_body.texts(), ["here"]);
    }

    #[test]
    fn what_the_key_needs_is_named_when_it_is_missing() {
        let cases = [
            (r#"{"Event":"SessionEnd","EventTime":1}"#, "."),
            (r#"{"SessionId":"","Event":"SessionEnd","EventTime":1}"#, "SessionId"),
            (r#"{"SessionId":5,"Event":"SessionEnd","EventTime":1}"#, "SessionId"),
            (r#"{"SessionId":"s","Event":"","EventTime":1}"#, "Event"),
            (r#"{"SessionId":"s","Event":"SessionEnd","EventTime":-1}"#, "EventTime"),
        ];
        for (body, path) in cases {
            assert_eq!(read::<SessionEvent>(body).unwrap_err().path, path, "{body}");
        }
    }

    #[test]
    fn depth_does_not_matter_to_an_event() {
        let deep = format!("{}{}", "[".repeat(100_000), "]".repeat(100_000));
        for field in ["MsgBody", "AgentId", "NotKnown"] {
            let body = format!(r#"{{"SessionId":"s","Event":"SessionEnd","EventTime":1,"{field}":{deep}}}"#);
            let event: SessionEvent = read(&body).unwrap();
            assert_eq!(event.msg_body.elements().len(), usize::from(field == "MsgBody"), "{field}");
        }
    }
}

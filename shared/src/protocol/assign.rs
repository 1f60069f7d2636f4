use serde::Deserialize;

use super::{EventTime, lenient};

/// "Which agents, which group?": the body of both assignment commands (1229/68988, 1047/63270).
///
/// Every field is optional here, although the documents require most of them: a question is
/// answered from what is known, whatever is missing.
#[derive(Clone, Debug, Default, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
pub struct AssignRequest {
    /// The session that asks.
    #[serde(deserialize_with = "lenient::text")]
    pub session_id: Option<String>,
    /// The end user who asks.
    #[serde(deserialize_with = "lenient::text")]
    pub client_user_id: Option<String>,
    /// When the user asked; absent when it is no usable time.
    #[serde(deserialize_with = "lenient::time")]
    pub event_time: Option<EventTime>,
    /// The customer-service account, an entry point and not a person. Newer pages only.
    #[serde(deserialize_with = "lenient::text")]
    pub customer_service_id: Option<String>,
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::protocol::read;

    #[test]
    fn a_question_of_either_page_is_read() {
        let question: AssignRequest = read(
            r#"{"CallbackCommand":"ChatBot.OnAssignAgent","SessionId":"s","ClientUserId":"maya",
                "EventTime":"1777777777777","CustomerServiceId":"","Later":{"added":[1]}}"#,
        )
        .unwrap();
        assert_eq!(
            question,
            AssignRequest {
                session_id: Some("s".into()),
                client_user_id: Some("maya".into()),
                event_time: Some(EventTime::from_ms(1_777_777_777_777).unwrap()),
                customer_service_id: None,
            }
        );
    }

    #[test]
    fn fields_of_the_wrong_type_are_absent() {
        let question: AssignRequest =
            read(r#"{"SessionId":7,"ClientUserId":["maya"],"EventTime":{"ms":1},"CustomerServiceId":null}"#)
                .unwrap();
        assert_eq!(question, AssignRequest::default());
    }
}

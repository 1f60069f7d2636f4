use serde::{Deserialize, Serialize};

/// The JSON body that answers every callback (1229/68988, 1229/68989).
///
/// A body that is not JSON counts as a failed callback at the sender, so every answer is one of
/// these, refusals included.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "PascalCase")]
pub struct Reply {
    /// Whether the callback succeeded.
    pub action_status: ActionStatus,
    /// Empty on success; otherwise what went wrong, in words that tell a stranger nothing.
    pub error_info: String,
    /// 0 on success, 1 on failure.
    pub error_code: u8,
    /// The group to serve the user; alone, the platform picks an agent of it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub agent_group_id: Option<u64>,
    /// The agents to serve the user, tried in this order by the platform's own availability rule.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub agent_id_list: Vec<String>,
}

/// `ActionStatus` of a [`Reply`].
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "UPPERCASE")]
pub enum ActionStatus {
    /// The callback succeeded.
    Ok,
    /// The callback failed.
    Fail,
}

impl Reply {
    /// The callback is acknowledged.
    pub fn ok() -> Self {
        Self::serve(None, Vec::new())
    }

    /// These shall serve the user.
    pub fn serve(group: Option<u64>, agents: Vec<String>) -> Self {
        Self {
            action_status: ActionStatus::Ok,
            error_info: String::new(),
            error_code: 0,
            agent_group_id: group,
            agent_id_list: agents,
        }
    }

    /// The callback failed; `info` is read by whoever watches the platform's side.
    pub fn fail(info: impl Into<String>) -> Self {
        Self {
            action_status: ActionStatus::Fail,
            error_info: info.into(),
            error_code: 1,
            agent_group_id: None,
            agent_id_list: Vec::new(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_reply_has_the_names_of_the_wire_and_nothing_empty_but_the_error() {
        let json = |reply: &Reply| serde_json::to_string(reply).unwrap();
        assert_eq!(json(&Reply::ok()), r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0}"#);
        assert_eq!(
            json(&Reply::serve(Some(6521), vec!["anna@example.com".into()])),
            r#"{"ActionStatus":"OK","ErrorInfo":"","ErrorCode":0,"AgentGroupId":6521,"AgentIdList":["anna@example.com"]}"#
        );
        assert_eq!(json(&Reply::fail("no")), r#"{"ActionStatus":"FAIL","ErrorInfo":"no","ErrorCode":1}"#);
    }
}

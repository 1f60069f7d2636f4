use super::keys;
use crate::protocol::{AppId, Command, MemberEvent, NotUnderstood, SessionEvent, read};

/// What a callback of the session-events endpoint reports.
#[derive(Clone, Debug)]
pub enum Understood {
    /// Something happened in a session.
    Session(Box<SessionEvent>),
    /// An agent's status changed.
    Member(MemberEvent),
}

/// What a callback says, if it can be kept under a key of its own. What would not fit into a key, or
/// would take the room of an item beside its body, is no value that anybody meant.
///
/// # Errors
/// The field that stands in the way.
pub fn understand(
    app: AppId,
    command: &Command,
    body: &(impl AsRef<[u8]> + ?Sized),
) -> Result<Understood, NotUnderstood> {
    let fits = |field, value: &str| {
        if keys::fits(value) { Ok(()) } else { Err(NotUnderstood::new(field, "is too long to be kept")) }
    };
    match command {
        Command::SessionEvent => {
            let event: SessionEvent = read(body)?;
            fits("SessionId", &keys::session(app, &event.session_id))?;
            fits("Event", event.event.as_str())?;
            if let Some(user) = &event.client_user_id {
                fits("ClientUserId", &keys::user(app, user))?;
            }
            fits("ChannelType", event.channel_type.as_deref().unwrap_or_default())?;
            fits("CustomerServiceId", event.customer_service_id.as_deref().unwrap_or_default())?;
            fits("AgentId", event.agent_id.as_deref().unwrap_or_default())?;
            fits("ForwardFromAgentId", event.forward_from_agent_id.as_deref().unwrap_or_default())?;
            Ok(Understood::Session(Box::new(event)))
        }
        Command::MemberEvent => {
            let event: MemberEvent = read(body)?;
            fits("MemberId", &keys::agent(app, &event.member_id))?;
            fits("Status", &event.status)?;
            Ok(Understood::Member(event))
        }
        _ => Err(NotUnderstood::new("CallbackCommand", "is not known to this version")),
    }
}

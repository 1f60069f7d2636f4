use super::open_set::open_set;

open_set! {
    /// `CallbackCommand`, in the query and in the body.
    pub enum Command {
        /// The user asks for a live agent (1229/68988, 679/116643).
        AssignHuman = "ChatBot.OnAssignHuman",
        /// The same question on the earlier Chat-based Desk (1047/63270).
        AssignAgent = "ChatBot.OnAssignAgent",
        /// A message or a state change of a session (1229/68989, 269/111212).
        SessionEvent = "Desk.SessionEventNotify",
        /// An agent's status changed (269/133254).
        MemberEvent = "Member.EventNotify",
    }
}

/// The two addresses that the platform is given, one per function.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Endpoint {
    /// `POST /assign-agent`: who shall serve this user?
    AssignAgent,
    /// `POST /session-events`: what happened.
    SessionEvents,
}

impl Endpoint {
    /// The path, without the URL key that may follow it.
    pub fn path(self) -> &'static str {
        match self {
            Self::AssignAgent => "/assign-agent",
            Self::SessionEvents => "/session-events",
        }
    }
}

impl Command {
    /// Where this command belongs; `None` for a command that is not known.
    pub fn endpoint(&self) -> Option<Endpoint> {
        match self {
            Self::AssignHuman | Self::AssignAgent => Some(Endpoint::AssignAgent),
            Self::SessionEvent | Self::MemberEvent => Some(Endpoint::SessionEvents),
            Self::Other(_) => None,
        }
    }
}

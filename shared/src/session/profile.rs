use crate::protocol::{EventKind, SessionEvent};

/// What one event says of its user that outlives the session.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ProfileChange {
    /// This agent serves the user from now on.
    LastAgent(String),
    /// The user rated the service, 1 to 5.
    LastRating(i64),
}

impl ProfileChange {
    /// The fields that changes may change.
    pub const FIELDS: [&str; 2] = ["last_agent", "last_rating"];

    /// The field of the profile that it changes.
    pub fn field(&self) -> &'static str {
        match self {
            Self::LastAgent(_) => "last_agent",
            Self::LastRating(_) => "last_rating",
        }
    }

    /// What `event` changes, if anything.
    pub fn of(event: &SessionEvent) -> Option<Self> {
        match event.event {
            EventKind::TransferToHumanSuccess | EventKind::AgentForward => {
                event.agent_id.clone().map(Self::LastAgent)
            }
            EventKind::SatisfactionSelected => event.rating().map(Self::LastRating),
            _ => None,
        }
    }
}

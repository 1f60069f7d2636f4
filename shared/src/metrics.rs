//! What is counted and measured of requests, in CloudWatch's namespace `DeskWebhooks`.

/// The namespace in CloudWatch.
pub const NAMESPACE: &str = "DeskWebhooks";

/// Something that is counted or measured, by function.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Metric {
    /// From bytes in to the answer of a callback, in milliseconds.
    Duration,
    /// The first request of a sandbox.
    ColdStart,
    /// A panic, which is a defect of the software.
    Panicked,
    /// A request that did not get in, by its cause.
    Refused,
    /// Answered with HTTP 503: the callback is lost unless it is sent again.
    Unavailable,
    /// A question answered, by the rule that decided.
    Answered,
    /// A question without any possible answer.
    Failed,
    /// A decision that could not be recorded.
    NotRecorded,
    /// The version of the ruleset that decided.
    RulesetVersion,
    /// How long ago that was known to be the version in force, in seconds.
    RulesetAge,
    /// A question answered by rules that could not be made sure of.
    RulesetStale,
    /// A question for which no ruleset was at hand.
    RulesetMissing,
    /// A published ruleset that cannot be used: altered, or made by a newer version of the software.
    RulesetRejected,
    /// A callback kept.
    Stored,
    /// A callback that had been kept before.
    Duplicate,
    /// An event under a key that another content has: both are kept.
    Conflict,
    /// A verified callback that was not understood.
    Quarantined,
    /// A callback that could not be kept at once and waits in the spill queue.
    Spilled,
    /// A message of the spill queue taken care of.
    Drained,
    /// A message of the spill queue that failed, and comes again.
    DrainFailed,
}

impl Metric {
    /// Its name in CloudWatch.
    pub fn name(self) -> &'static str {
        match self {
            Self::Duration => "Duration",
            Self::ColdStart => "ColdStart",
            Self::Panicked => "Panicked",
            Self::Refused => "Refused",
            Self::Unavailable => "Unavailable",
            Self::Answered => "Answered",
            Self::Failed => "Failed",
            Self::NotRecorded => "NotRecorded",
            Self::RulesetVersion => "RulesetVersion",
            Self::RulesetAge => "RulesetAge",
            Self::RulesetStale => "RulesetStale",
            Self::RulesetMissing => "RulesetMissing",
            Self::RulesetRejected => "RulesetRejected",
            Self::Stored => "Stored",
            Self::Duplicate => "Duplicate",
            Self::Conflict => "Conflict",
            Self::Quarantined => "Quarantined",
            Self::Spilled => "Spilled",
            Self::Drained => "Drained",
            Self::DrainFailed => "DrainFailed",
        }
    }

    /// Its unit, as CloudWatch names units.
    pub fn unit(self) -> &'static str {
        match self {
            Self::Duration => "Milliseconds",
            Self::RulesetAge => "Seconds",
            Self::RulesetVersion => "None",
            _ => "Count",
        }
    }

    /// By what it is told apart beside the function.
    pub fn dimension(self) -> Option<&'static str> {
        match self {
            Self::Answered => Some("Rule"),
            Self::Refused => Some("Cause"),
            _ => None,
        }
    }
}

//! Metrics, as lines in CloudWatch's embedded metric format: the log is the way, no call is made.

use serde_json::json;

use crate::edge::Arrival;

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A published ruleset cannot be used: it was altered, or a newer version of the software made it.
    RulesetRejected,
    /// A callback could not be kept at once and waits in the spill queue.
    Spilled,
    /// A callback could neither be kept nor spilled: it was refused.
    Unavailable,
    /// A verified callback was not understood and is kept in quarantine.
    Quarantined,
    /// An event came under a key that another content has: both are kept.
    Conflict,
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::RulesetRejected => "RulesetRejected",
            Self::Spilled => "Spilled",
            Self::Unavailable => "Unavailable",
            Self::Quarantined => "Quarantined",
            Self::Conflict => "Conflict",
        }
    }
}

/// Counts one, for this function.
pub fn count(metric: Metric, arrival: Arrival) {
    let name = metric.name();
    let function = std::env::var("AWS_LAMBDA_FUNCTION_NAME").unwrap_or_default();
    let line = json!({
        "_aws": {
            "Timestamp": arrival.at_ms,
            "CloudWatchMetrics": [{
                "Namespace": "DeskWebhooks",
                "Dimensions": [["Function"]],
                "Metrics": [{ "Name": name, "Unit": "Count" }],
            }],
        },
        "Function": function,
        name: 1,
    });
    println!("{line}");
}

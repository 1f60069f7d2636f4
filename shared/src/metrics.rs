//! Metrics, as lines in CloudWatch's embedded metric format: the log is the way, no call is made.

use serde_json::json;

use crate::edge::Arrival;

/// Something that is counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Metric {
    /// A published ruleset cannot be used: it was altered, or a newer version of the software made it.
    RulesetRejected,
}

impl Metric {
    fn name(self) -> &'static str {
        match self {
            Self::RulesetRejected => "RulesetRejected",
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

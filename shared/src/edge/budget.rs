//! The time that a callback has, and the share of each step.
//!
//! A step ends with its share or with the budget, whichever comes first. A share allows a second attempt, so that one
//! stalled call costs one attempt. The shares of steps that follow each other fit into the budget. Where they do not,
//! because a step reads what a new sandbox does not have in memory, the time for recording and for spilling stays.

use std::time::Duration;

/// The time from the first byte to the answer. The platform waits 2 s, network and cold start included.
pub const TOTAL: Duration = Duration::from_millis(1200);
/// The time after which the answer leaves if a handler does not keep to the budget.
pub const LAST_RESORT: Duration = Duration::from_millis(1350);
/// The time that the start waits for the first reads of a handler.
pub const WARM_UP: Duration = Duration::from_millis(500);

/// The time limit of one attempt of a call to AWS, connecting included.
pub const ATTEMPT: Duration = Duration::from_millis(180);
/// The same for calls that may carry a body of 1 MiB.
pub const BODY_ATTEMPT: Duration = Duration::from_millis(230);
/// The same for reading secrets: it is the first call of a sandbox, and SSM asks KMS.
pub const SECRETS_ATTEMPT: Duration = Duration::from_millis(275);
/// The part of an attempt that connecting may take.
pub const CONNECT: Duration = Duration::from_millis(150);
/// The longest pause between the first attempt and the second.
pub const BACKOFF: Duration = Duration::from_millis(25);

/// Reading secrets if none are in memory. Without them the request is refused, so this share is larger.
pub const FIRST_SECRETS: Duration = share(600, SECRETS_ATTEMPT);
/// Reading secrets that are old. One attempt is enough: if it fails, those in memory are valid.
pub const SECRETS: Duration = Duration::from_millis(210);
/// Looking for a newer ruleset than the one in memory.
pub const RULES: Duration = share(390, ATTEMPT);
/// Reading the pointer and the ruleset if none is in memory.
pub const FIRST_RULES: Duration = share(590, ATTEMPT);
/// Reading facts, all at once.
pub const FACTS: Duration = share(390, ATTEMPT);
/// Recording the decision, or reading the recorded one. Rules and facts leave this time.
pub const RECORD: Duration = share(390, ATTEMPT);
/// Spilling a callback that could not be written. Writing leaves this time, or half of the time if less is left.
pub const SPILL: Duration = share(490, BODY_ATTEMPT);
/// Rebuilding a summary, or leaving a note in the queue to do so later.
pub const FOLD: Duration = share(490, BODY_ATTEMPT);

/// A share in milliseconds. It does not compile if it is too short for a second attempt.
const fn share(ms: u64, attempt: Duration) -> Duration {
    let share = Duration::from_millis(ms);
    assert!(share.as_millis() >= 2 * attempt.as_millis() + BACKOFF.as_millis());
    share
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_share_allows_a_second_attempt() {
        for (step, share, attempt) in [
            ("first secrets", FIRST_SECRETS, SECRETS_ATTEMPT),
            ("rules", RULES, ATTEMPT),
            ("first rules", FIRST_RULES, ATTEMPT),
            ("facts", FACTS, ATTEMPT),
            ("record", RECORD, ATTEMPT),
            ("spill", SPILL, BODY_ATTEMPT),
            ("fold", FOLD, BODY_ATTEMPT),
        ] {
            assert!(share >= 2 * attempt + BACKOFF, "{step}");
            assert!(CONNECT < attempt, "{step}");
        }
        assert!(TOTAL < LAST_RESORT);
    }

    #[test]
    fn steps_that_follow_each_other_fit() {
        let one_stalled_call = ATTEMPT + BACKOFF;
        let event = 2 * BODY_ATTEMPT + BACKOFF;
        // The rules are read at the same time as the facts that the rules in memory need.
        let rules_and_facts = RULES.max(FACTS);
        for (path, steps) in [
            ("an event is spilled", vec![SECRETS, event, SPILL]),
            ("a new sandbox spills an event", vec![FIRST_SECRETS, BODY_ATTEMPT, BODY_ATTEMPT]),
            ("the rules in memory answer", vec![SECRETS, rules_and_facts, RECORD]),
            ("newer rules answer", vec![SECRETS, one_stalled_call, FACTS, RECORD]),
            ("newer rules answer after slow facts", vec![SECRETS, rules_and_facts, ATTEMPT, RECORD]),
            ("there are no rules in time", vec![SECRETS, FIRST_RULES, RECORD]),
            ("a new sandbox answers", vec![FIRST_SECRETS, ATTEMPT, RECORD]),
        ] {
            let sum: Duration = steps.iter().sum();
            assert!(sum <= TOTAL, "{path}: {sum:?}");
        }
        assert!(SECRETS >= ATTEMPT);
    }
}

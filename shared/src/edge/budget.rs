//! The time that a callback has, and the share of each step.
//!
//! A step ends with its share or with the budget, whichever comes first. Steps that run one after the other
//! may exceed the budget together only if each of them uses up its share; one stalled call costs one attempt.

use std::time::Duration;

/// The time from the first byte to the answer. The platform waits 2 s, network and cold start included.
pub const TOTAL: Duration = Duration::from_millis(1200);
/// The time after which the answer leaves if a handler does not keep to the budget.
pub const LAST_RESORT: Duration = Duration::from_millis(1350);
/// The time that the start waits for the first reads of a handler.
pub const WARM_UP: Duration = Duration::from_millis(500);

/// The time limit of one attempt of a call to AWS, connecting included.
pub const ATTEMPT: Duration = Duration::from_millis(185);
/// The same for calls that may carry a body of 1 MiB.
pub const BODY_ATTEMPT: Duration = Duration::from_millis(275);
/// The part of an attempt that connecting may take.
pub const CONNECT: Duration = Duration::from_millis(150);
/// The longest pause between the first attempt and the second.
pub const BACKOFF: Duration = Duration::from_millis(25);

/// Reading secrets that are old or were never read.
pub const SECRETS: Duration = share(400, ATTEMPT);
/// Looking for a newer ruleset than the one in memory.
pub const RULES: Duration = share(400, ATTEMPT);
/// Reading the pointer and the ruleset if none is in memory.
pub const FIRST_RULES: Duration = share(600, ATTEMPT);
/// Reading facts, all at once.
pub const FACTS: Duration = share(400, ATTEMPT);
/// Recording the decision, or reading the recorded one.
pub const RECORD: Duration = share(400, ATTEMPT);
/// Writing an event. The share of spilling stays for that.
pub const EVENT: Duration = share(600, BODY_ATTEMPT);
/// Spilling a callback that could not be written.
pub const SPILL: Duration = share(600, BODY_ATTEMPT);
/// Rebuilding a summary, or leaving a note in the queue to do so later.
pub const FOLD: Duration = share(600, BODY_ATTEMPT);

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
    fn every_share_allows_a_second_attempt_and_steps_that_follow_each_other_fit() {
        for (step, share, attempt) in [
            ("secrets", SECRETS, ATTEMPT),
            ("rules", RULES, ATTEMPT),
            ("first rules", FIRST_RULES, ATTEMPT),
            ("facts", FACTS, ATTEMPT),
            ("record", RECORD, ATTEMPT),
            ("event", EVENT, BODY_ATTEMPT),
            ("spill", SPILL, BODY_ATTEMPT),
            ("fold", FOLD, BODY_ATTEMPT),
        ] {
            assert!(share >= 2 * attempt + BACKOFF, "{step}");
            assert!(CONNECT < attempt, "{step}");
        }
        // The rules are read at the same time as the facts.
        assert!(SECRETS + RULES.max(FACTS) + RECORD <= TOTAL);
        assert!(EVENT + SPILL <= TOTAL);
        assert!(TOTAL < LAST_RESORT);
    }
}

//! Which conditions hold whenever others do: how a rule is found that is never reached.

use super::{Condition, Percent};

impl Condition {
    /// Whether this holds whatever is known.
    pub(in crate::routing) fn always(&self) -> bool {
        match self {
            Self::All(parts) => parts.iter().all(Self::always),
            Self::Any(parts) => parts.iter().any(Self::always),
            _ => false,
        }
    }

    /// Whether `other` holds whenever this does. What cannot be seen from their form counts as no.
    pub(in crate::routing) fn implies(&self, other: &Self) -> bool {
        /// Combinators in combinators; each level takes the product of both sides' parts.
        const DEPTH: usize = 6;
        self.implies_within(other, DEPTH)
    }

    fn implies_within(&self, other: &Self, depth: usize) -> bool {
        if self == other || other.always() {
            return true;
        }
        let Some(depth) = depth.checked_sub(1) else { return false };
        match (self, other) {
            // What is asked for is taken apart first, then what is given.
            (_, Self::All(wanted)) => wanted.iter().all(|wanted| self.implies_within(wanted, depth)),
            (Self::Any(given), _) => given.iter().all(|given| given.implies_within(other, depth)),
            (_, Self::Any(wanted)) if wanted.iter().any(|wanted| self.implies_within(wanted, depth)) => true,
            (Self::All(given), _) => given.iter().any(|given| given.implies_within(other, depth)),
            (Self::Not(given), Self::Not(wanted)) => wanted.implies_within(given, depth),
            (Self::AtLeast { n, of }, Self::AtLeast { n: wanted, of: others }) => n >= wanted && of == others,
            (_, Self::AtLeast { n, of }) => {
                of.iter().filter(|wanted| self.implies_within(wanted, depth)).count() >= *n
            }
            _ => self.leaf_implies(other),
        }
    }

    fn leaf_implies(&self, other: &Self) -> bool {
        match (self, other) {
            (Self::UserId(given), Self::UserId(wanted))
            | (Self::UserTag(given), Self::UserTag(wanted))
            | (Self::Language(given), Self::Language(wanted))
            | (Self::Channel(given), Self::Channel(wanted))
            | (Self::Platform(given), Self::Platform(wanted))
            | (Self::CustomerServiceId(given), Self::CustomerServiceId(wanted))
            | (Self::LastRating(given), Self::LastRating(wanted))
            | (Self::BotTurns(given), Self::BotTurns(wanted))
            | (Self::Attempt(given), Self::Attempt(wanted)) => given.implies(wanted),
            (Self::UserAttribute(name, given), Self::UserAttribute(other, wanted)) => {
                name == other && given.implies(wanted)
            }
            (Self::CustomData(place, given), Self::CustomData(other, wanted)) => {
                place == other && given.implies(wanted)
            }
            (Self::ClientIp(given), Self::ClientIp(wanted)) => {
                given.iter().all(|given| wanted.iter().any(|wanted| wanted.contains(given)))
            }
            (Self::TextContains(given), Self::TextContains(wanted)) => {
                let contains = |given: &String| wanted.iter().any(|wanted| given.contains(wanted));
                given.iter().all(contains)
            }
            (Self::TextStartsWith(given), Self::TextStartsWith(wanted)) => {
                given.iter().all(|given| wanted.iter().any(|wanted| given.starts_with(wanted)))
            }
            (Self::TextStartsWith(given), Self::TextContains(wanted)) => {
                given.iter().all(|given| wanted.iter().any(|wanted| given.contains(wanted)))
            }
            (Self::Percent(Percent { of, by, salt, .. }), Self::Percent(wanted)) => {
                *by == wanted.by && *salt == wanted.salt && *of <= wanted.of
            }
            _ => false,
        }
    }
}

//! A decision as a picture: the rules in order, what held, what failed, what was unknown.

use desk_webhooks::routing::{Condition, EMERGENCY, Explanation, Judgement, Question, Trial, Truth, Verdict};

use crate::{
    error::CliError,
    output::{Text, bold, faint, green, moment, padded, red, say, text, yellow, zone_name},
};

/// Prints it.
pub(super) fn show(question: &Question<'_>, explanation: &Explanation<'_>) -> Result<(), CliError> {
    let Explanation { decision, trials } = explanation;
    let zone = &question.ruleset.timezone;
    say!("Asked at {} ({})\n", moment(question.at, zone), zone_name(zone))?;
    let rules = &question.ruleset.rules;
    let width = rules.iter().map(|rule| rule.name.len()).max().unwrap_or_default().min(24);
    for trial in trials {
        show_trial(question, trial, width)?;
    }
    for rule in &rules[trials.len()..] {
        say!("{}", faint(text!("  · {}  not tried", padded(&rule.name, width))))?;
    }
    if decision.rule == EMERGENCY {
        say!("\n{}", yellow("The emergency switch is on: no rule is asked."))?;
    }
    let answer = match &decision.answer {
        Some(answer) => text!("{}", answer.describe()),
        None => red("nothing: its pool is closed; the function's fallback answers"),
    };
    say!("\n{} {}: {}", bold("Answer by"), green(decision.rule), answer)
}

/// One line for a rule; with what held and what its steps gave, if it matched.
fn show_trial(question: &Question<'_>, trial: &Trial<'_>, width: usize) -> Result<(), CliError> {
    let zone = &question.ruleset.timezone;
    let name = padded(&trial.rule.name, width);
    let skipped = |why: String| say!("{}", faint(text!("  · {}  {}", name, why)));
    match trial.verdict {
        Verdict::Off => skipped("switched off".into()),
        Verdict::Before(from) => skipped(format!("not before {}", moment(from, zone))),
        Verdict::Over(until) => skipped(format!("over since {}", moment(until, zone))),
        Verdict::Judged(Judgement { truth: Truth::True, .. }) => {
            say!("  {} {}", green("✓"), bold(name.trim_end()))?;
            show_condition(&trial.rule.when, question, 6)?;
            for (step, outcome) in &trial.steps {
                let step = padded(step.describe(question.ruleset), 42);
                say!("      → {}  {}", step, faint(outcome.describe(question)))?;
            }
            Ok(())
        }
        Verdict::Judged(judgement) => {
            let (mark, saw) = (mark(judgement.truth), saw(judgement.by, question));
            let line = text!("{}{}", padded(judgement, 36), saw);
            say!("  {} {}  {}", mark, name, line.trim_end())?;
            // Which of its parts failed it.
            judgement.by.parts().iter().try_for_each(|part| show_condition(part, question, 6))
        }
    }
}

fn mark(truth: Truth) -> Text {
    match truth {
        Truth::True => green("✓"),
        Truth::False => red("✗"),
        Truth::Unknown(_) => yellow("?"),
    }
}

fn saw(condition: &Condition, question: &Question<'_>) -> Text {
    const LONG: usize = 80;
    let mut seen = condition.seen(question);
    if let Some((end, _)) = seen.char_indices().nth(LONG) {
        seen = format!("{}… ({} characters)", &seen[..end], seen.chars().count());
    }
    if seen.is_empty() { Text::default() } else { text!("  {}", faint(format!("saw {seen}"))) }
}

/// A condition with what it saw, its parts below it.
fn show_condition(condition: &Condition, question: &Question<'_>, indent: usize) -> Result<(), CliError> {
    let mark = mark(condition.judge(question).truth);
    let name = padded(condition, 48_usize.saturating_sub(indent));
    let line = text!("{}{}", name, saw(condition, question));
    say!("{}{} {}", padded("", indent), mark, line.trim_end())?;
    condition.parts().iter().try_for_each(|part| show_condition(part, question, indent + 4))
}

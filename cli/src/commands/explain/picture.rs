//! A decision as a picture: the rules in order, what held, what failed, what was unknown.

use desk_webhooks::routing::{Condition, EMERGENCY, Explanation, Judgement, Question, Trial, Truth, Verdict};

use crate::output::{bold, faint, green, moment, padded, printable_line, red, yellow, zone_name};

/// Prints it. What users and rules say is made printable: none of it may feign a line of the picture.
pub(super) fn show(question: &Question<'_>, explanation: &Explanation<'_>) {
    let Explanation { decision, trials } = explanation;
    let zone = &question.ruleset.timezone;
    anstream::println!("Asked at {} ({})\n", moment(question.at, zone), zone_name(zone));
    let rules = &question.ruleset.rules;
    let width = rules.iter().map(|rule| rule.name.len()).max().unwrap_or_default().min(24);
    for trial in trials {
        show_trial(question, trial, width);
    }
    for rule in &rules[trials.len()..] {
        anstream::println!("{}", faint(format!("  · {}  not tried", named(&rule.name, width))));
    }
    if decision.rule == EMERGENCY {
        anstream::println!("\n{}", yellow("The emergency switch is on: no rule is asked."));
    }
    let answer = decision.answer.as_ref().map(|answer| printable_line(&answer.describe()));
    let answer =
        answer.unwrap_or_else(|| red("nothing: its pool is closed; the function's fallback answers"));
    anstream::println!("\n{} {}: {answer}", bold("Answer by"), green(printable_line(decision.rule)));
}

fn named(text: &str, columns: usize) -> String {
    padded(&printable_line(text), columns)
}

/// One line for a rule; with what held and what its steps gave, if it matched.
fn show_trial(question: &Question<'_>, trial: &Trial<'_>, width: usize) {
    let zone = &question.ruleset.timezone;
    let name = named(&trial.rule.name, width);
    let skipped = |why: String| anstream::println!("{}", faint(format!("  · {name}  {why}")));
    match trial.verdict {
        Verdict::Off => skipped("switched off".into()),
        Verdict::Before(from) => skipped(format!("not before {}", moment(from, zone))),
        Verdict::Over(until) => skipped(format!("over since {}", moment(until, zone))),
        Verdict::Judged(Judgement { truth: Truth::True, .. }) => {
            anstream::println!("  {} {}", green("✓"), bold(name.trim_end()));
            show_condition(&trial.rule.when, question, 6);
            for (step, outcome) in &trial.steps {
                let step = named(&step.describe(question.ruleset), 42);
                let outcome = printable_line(&outcome.describe(question));
                anstream::println!("      → {step}  {}", faint(outcome));
            }
        }
        Verdict::Judged(judgement) => {
            let (mark, saw) = (mark(judgement.truth), saw(judgement.by, question));
            let line = format!("{}{saw}", named(&judgement.to_string(), 36));
            anstream::println!("  {mark} {name}  {}", line.trim_end());
            // Which of its parts failed it.
            judgement.by.parts().iter().for_each(|part| show_condition(part, question, 6));
        }
    }
}

fn mark(truth: Truth) -> String {
    match truth {
        Truth::True => green("✓"),
        Truth::False => red("✗"),
        Truth::Unknown(_) => yellow("?"),
    }
}

fn saw(condition: &Condition, question: &Question<'_>) -> String {
    const LONG: usize = 80;
    let mut seen = printable_line(&condition.seen(question));
    if let Some((end, _)) = seen.char_indices().nth(LONG) {
        seen = format!("{}… ({} characters)", &seen[..end], seen.chars().count());
    }
    if seen.is_empty() { String::new() } else { format!("  {}", faint(format!("saw {seen}"))) }
}

/// A condition with what it saw, its parts below it.
fn show_condition(condition: &Condition, question: &Question<'_>, indent: usize) {
    let mark = mark(condition.judge(question).truth);
    let name = named(&condition.to_string(), 48_usize.saturating_sub(indent));
    let line = format!("{name}{}", saw(condition, question));
    anstream::println!("{:indent$}{mark} {}", "", line.trim_end());
    for part in condition.parts() {
        show_condition(part, question, indent + 4);
    }
}

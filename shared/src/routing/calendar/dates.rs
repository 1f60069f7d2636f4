use std::fmt;

use jiff::civil::Date;

/// One date or several in a row, once or every year.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dates {
    /// From the first to the last, both included.
    Once {
        /// The first.
        from: Date,
        /// The last.
        to: Date,
    },
    /// The same every year, as month and day, both included; may go past New Year.
    Yearly {
        /// The first.
        from: (i8, i8),
        /// The last.
        to: (i8, i8),
    },
}

/// A date as people write it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::routing) enum Written {
    Once(Date),
    Yearly((i8, i8)),
}

impl Written {
    /// Reads `2027-02-05`, or `02-05` for every year.
    pub(in crate::routing) fn parse(text: &str) -> Option<Self> {
        let digits =
            |text: &str| text.bytes().all(|byte| byte.is_ascii_digit()).then(|| text.parse().ok()).flatten();
        match *text.split('-').collect::<Vec<_>>() {
            [month, day] if (month.len(), day.len()) == (2, 2) => {
                let (month, day): (i16, i16) = (digits(month)?, digits(day)?);
                let (month, day) = (i8::try_from(month).ok()?, i8::try_from(day).ok()?);
                // A leap year has every day that any year has.
                Date::new(2024, month, day).ok().map(|_| Self::Yearly((month, day)))
            }
            [year, month, day] if (year.len(), month.len(), day.len()) == (4, 2, 2) => {
                let (month, day) = (i8::try_from(digits(month)?).ok()?, i8::try_from(digits(day)?).ok()?);
                Date::new(digits(year)?, month, day).ok().map(Self::Once)
            }
            _ => None,
        }
    }
}

impl Dates {
    /// From the first to the last. Where one is missing, there is no end on that side.
    ///
    /// # Errors
    /// They do not go together; why.
    pub(in crate::routing) fn new(from: Option<Written>, to: Option<Written>) -> Result<Self, &'static str> {
        match (from, to) {
            (None, None) => Err("there is no date; write one such as 2027-02-05, or 02-05 for every year"),
            (Some(Written::Once(_)) | None, Some(Written::Once(_)) | None) => {
                let date = |written| match written {
                    Some(Written::Once(date)) => Some(date),
                    _ => None,
                };
                let (from, to) = (date(from).unwrap_or(Date::MIN), date(to).unwrap_or(Date::MAX));
                if from > to {
                    return Err("the last day lies before the first; exchange them");
                }
                Ok(Self::Once { from, to })
            }
            (Some(Written::Yearly(_)) | None, Some(Written::Yearly(_)) | None) => {
                let day = |written| match written {
                    Some(Written::Yearly(day)) => Some(day),
                    _ => None,
                };
                Ok(Self::Yearly { from: day(from).unwrap_or((1, 1)), to: day(to).unwrap_or((12, 31)) })
            }
            _ => Err("one date has a year and the other has none; write both alike"),
        }
    }

    /// Whether a date is among them.
    pub fn hold(&self, date: Date) -> bool {
        match self {
            Self::Once { from, to } => *from <= date && date <= *to,
            Self::Yearly { from, to } => {
                let day = (date.month(), date.day());
                if from <= to { *from <= day && day <= *to } else { *from <= day || day <= *to }
            }
        }
    }

    /// Whether they come every year.
    pub fn is_yearly(&self) -> bool {
        matches!(self, Self::Yearly { .. })
    }

    /// Whether all of them lie before a date.
    pub fn are_over(&self, today: Date) -> bool {
        matches!(self, Self::Once { to, .. } if *to < today)
    }

    /// The positions of dates that have a day in common, both once or both yearly. Each that meets others is named
    /// with at least one of them.
    pub(in crate::routing) fn meeting(all: &[Self]) -> Vec<(usize, usize)> {
        let mut spans: Vec<_> =
            all.iter().enumerate().flat_map(|(position, dates)| dates.spans(position)).collect();
        spans.sort_unstable();
        let mut meeting = Vec::new();
        // Of those that began before, the one that ends last: what meets any of them meets it.
        let mut last: Option<Span> = None;
        for span in spans {
            match last {
                Some(before) if before.yearly == span.yearly && before.to >= span.from => {
                    if before.position != span.position {
                        meeting.push((before.position, span.position));
                    }
                    last = Some(if span.to > before.to { span } else { before });
                }
                _ => last = Some(span),
            }
        }
        meeting
    }

    /// The days of a leap year that any yearly dates hold, from January 1. Takes as long as there are dates, however many
    /// days each of them holds.
    pub(super) fn yearly<'a>(all: impl Iterator<Item = &'a Self>) -> [bool; 366] {
        let index = |date: Date| usize::from(date.day_of_year().unsigned_abs()) - 1;
        let mut changes = [0_i64; 367];
        for span in all.flat_map(|dates| dates.spans(0)).filter(|span| span.yearly) {
            changes[index(span.from)] += 1;
            changes[index(span.to) + 1] -= 1;
        }
        let mut held = 0;
        std::array::from_fn(|day| {
            held += changes[day];
            held > 0
        })
    }

    /// Each run of days without a gap. Those of every year are runs of a leap year.
    fn spans(&self, position: usize) -> impl Iterator<Item = Span> {
        let leap = |(month, day): (i8, i8)| Date::new(2024, month, day).unwrap_or_default();
        let ((yearly, from, to), next) = match *self {
            Self::Once { from, to } => ((false, from, to), None),
            Self::Yearly { from, to } if from <= to => ((true, leap(from), leap(to)), None),
            Self::Yearly { from, to } => {
                ((true, leap(from), leap((12, 31))), Some((true, leap((1, 1)), leap(to))))
            }
        };
        let span = move |(yearly, from, to)| Span { yearly, from, to, position };
        [Some((yearly, from, to)), next].into_iter().flatten().map(span)
    }
}

/// A run of days, of the dates at a position.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Span {
    yearly: bool,
    from: Date,
    to: Date,
    position: usize,
}

impl fmt::Display for Dates {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Once { from, to } if from == to => write!(f, "{from}"),
            Self::Once { from, to } => {
                let from = if *from == Date::MIN { String::new() } else { format!("from {from} ") };
                let to = if *to == Date::MAX { String::new() } else { format!("to {to}") };
                f.write_str(format!("{from}{to}").trim_end())
            }
            Self::Yearly { from, to } => {
                write!(f, "every {:02}-{:02}", from.0, from.1)?;
                if from == to { Ok(()) } else { write!(f, " to {:02}-{:02}", to.0, to.1) }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn dates(from: &str, to: &str) -> Result<Dates, &'static str> {
        Dates::new(Written::parse(from), Written::parse(to))
    }

    #[test]
    fn dates_hold_once_or_every_year() {
        let day = |text: &str| text.parse::<Date>().unwrap_or_default();
        for (from, to, date, held) in [
            ("2027-02-05", "2027-02-11", "2027-02-05", true),
            ("2027-02-05", "2027-02-11", "2027-02-11", true),
            ("2027-02-05", "2027-02-11", "2027-02-12", false),
            ("12-24", "01-02", "2030-12-31", true),
            ("12-24", "01-02", "2030-01-02", true),
            ("12-24", "01-02", "2030-01-03", false),
            ("02-29", "02-29", "2028-02-29", true),
            ("02-29", "02-29", "2027-03-01", false),
            ("2027-02-05", "", "2099-01-01", true),
            ("", "2027-02-05", "2027-02-06", false),
        ] {
            assert_eq!(
                dates(from, to).map(|dates| dates.hold(day(date))),
                Ok(held),
                "{date} in {from}..{to}"
            );
        }
        assert!(dates("2027-02-05", "02-11").is_err());
        assert!(dates("2027-02-05", "2027-02-04").is_err());
        for text in ["2027-2-5", "02-30", "2027-02-29", "2027", "+1-01", "13-01", "5 Feb"] {
            assert_eq!(Written::parse(text), None, "{text}");
        }
    }

    #[test]
    fn each_of_many_dates_that_share_a_day_is_named() {
        let all = [
            ("2027-01-01", "2027-12-31"),
            ("2027-03-01", "2027-03-02"),
            ("2027-05-01", "2027-05-01"),
            ("2028-01-01", "2028-01-01"),
        ];
        let all: Vec<_> = all.iter().filter_map(|(from, to)| dates(from, to).ok()).collect();
        assert_eq!(Dates::meeting(&all), [(0, 1), (0, 2)]);
    }

    #[test]
    fn dates_that_share_a_day_meet() {
        for (a, b, meet) in [
            (("12-24", "01-02"), ("01-01", "01-01"), true),
            (("12-24", "01-02"), ("03-01", "12-23"), false),
            (("03-01", "12-24"), ("12-24", "01-02"), true),
            (("2027-01-01", "2027-01-05"), ("2027-01-05", "2027-01-09"), true),
            (("2027-01-01", "2027-01-04"), ("2027-01-05", "2027-01-09"), false),
            (("2027-01-01", "2027-12-31"), ("06-01", "06-01"), false),
        ] {
            let (a, b) = (dates(a.0, a.1), dates(b.0, b.1));
            let met = |a: Result<Dates, _>, b: Result<Dates, _>| {
                a.and_then(|a| b.map(|b| !Dates::meeting(&[a, b]).is_empty()))
            };
            assert_eq!((met(a, b), met(b, a)), (Ok(meet), Ok(meet)));
        }
    }
}

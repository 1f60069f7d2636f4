//! When somebody serves: wall-clock hours by day, with holidays and overrides.
//!
//! A calendar is open when a clock on the wall of its zone shows a time within its hours. That is
//! the whole of what daylight saving needs: an hour that is skipped is never shown, one that
//! happens twice is shown twice.

mod dates;
mod hours;

use std::sync::Arc;

use jiff::{
    Timestamp,
    civil::{Date, DateTime},
    tz::TimeZone,
};

pub use dates::Dates;
pub(super) use dates::Written;
pub(super) use hours::overlapping;
pub use hours::{Days, Interval};

/// When somebody serves.
#[derive(Clone, Debug)]
pub struct Calendar {
    /// Its name.
    pub name: String,
    /// The zone whose clocks count.
    pub timezone: TimeZone,
    /// The usual hours, from Monday.
    pub weekly: [Vec<Interval>; 7],
    /// Days on which nobody serves. Calendars share them: many may be closed on one list.
    pub holidays: Vec<Arc<Holiday>>,
    /// Days that are other than usual; they win over holidays.
    pub overrides: Vec<Override>,
}

/// A day, or several, on which nobody serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Holiday {
    /// The list in which it stands.
    pub list: String,
    /// What people call it.
    pub name: Option<String>,
    /// When it is.
    pub dates: Dates,
}

/// A day, or several, that are other than usual.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// What people call it.
    pub name: Option<String>,
    /// When it is.
    pub dates: Dates,
    /// The hours in place of the usual ones; none: closed.
    pub hours: Vec<Interval>,
}

/// The hours of one day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Day<'a> {
    /// The hours that begin on this day; one may end on the next.
    pub hours: &'a [Interval],
    /// What made them so.
    pub because: Because<'a>,
}

/// What made the hours of a day.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Because<'a> {
    /// It is a day like any other.
    Weekly,
    /// It is a holiday.
    Holiday(&'a Holiday),
    /// It is other than usual.
    Override(&'a Override),
}

/// Whether a calendar is open.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Opening<'a> {
    /// Whether it is.
    pub open: bool,
    /// What made the hours of the day that counts: the day before, for what goes past midnight.
    pub because: Because<'a>,
}

impl Calendar {
    /// Whether it is open at a moment, and why.
    pub fn opening(&self, at: Timestamp) -> Opening<'_> {
        let now = self.timezone.to_datetime(at);
        let today = self.day(now.date());
        let yesterday = now.date().yesterday().ok().map(|date| self.day(date));
        let open = |day: Day<'_>, days_ago| day.hours.iter().any(|hours| hours.holds(now, days_ago));
        match yesterday {
            Some(day) if !open(today, 0) && open(day, 1) => Opening { open: true, because: day.because },
            _ => Opening { open: open(today, 0), because: today.because },
        }
    }

    /// The hours that begin on a day. Of overrides, one with a year wins over a yearly one.
    pub fn day(&self, date: Date) -> Day<'_> {
        let of = |yearly: bool| {
            self.overrides.iter().find(move |day| day.dates.is_yearly() == yearly && day.dates.hold(date))
        };
        if let Some(day) = of(false).or_else(|| of(true)) {
            return Day { hours: &day.hours, because: Because::Override(day) };
        }
        if let Some(holiday) = self.holidays.iter().find(|holiday| holiday.dates.hold(date)) {
            return Day { hours: &[], because: Because::Holiday(holiday) };
        }
        let weekday = usize::from(date.weekday().to_monday_zero_offset().unsigned_abs());
        Day { hours: &self.weekly[weekday], because: Because::Weekly }
    }

    /// Whether there is any day on which it opens.
    pub fn ever_opens(&self) -> bool {
        let opens = |day: &Override| !day.hours.is_empty();
        // Any year will do for what happens every year; a leap year has every day. Closures with a
        // year end, and then the usual hours come back.
        let overridden = || Dates::yearly(self.overrides.iter().map(|day| &day.dates));
        let closed = || Dates::yearly(self.holidays.iter().map(|day| &day.dates));
        // No two yearly overrides have a day in common.
        self.overrides.iter().any(opens)
            || (self.weekly.iter().any(|hours| !hours.is_empty())
                && overridden().iter().zip(closed()).any(|(overridden, closed)| !overridden && !closed))
    }
}

impl Interval {
    /// Whether the clock shows a time within, when these are the hours of so many days ago.
    pub(super) fn holds(&self, now: DateTime, days_ago: u16) -> bool {
        let minute = hours::minute(now) + days_ago * Self::DAY;
        self.start <= minute && minute < self.end
    }
}

impl Because<'_> {
    /// For a person; nothing for a day like any other.
    pub fn describe(&self) -> Option<String> {
        let named = |name: &Option<String>| name.as_ref().map(|name| format!(" {name}")).unwrap_or_default();
        match self {
            Self::Weekly => None,
            Self::Holiday(Holiday { list, name, .. }) => Some(format!("holiday{} ({list})", named(name))),
            Self::Override(day) => Some(format!("override{}", named(&day.name))),
        }
    }
}

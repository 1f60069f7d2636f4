//! Calendars against a second opinion: another library's time zones, and another way to compute.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report
#![allow(clippy::single_range_in_vec_init)] // some days have one interval

mod common;

use std::collections::HashMap;

use chrono::{Datelike, Days, NaiveDate, TimeDelta, Timelike};
use chrono_tz::Tz;
use common::{at, sound};
use desk_webhooks::routing::Calendar;
use jiff::{Timestamp, tz::TimeZone};
use serde_json::json;

/// Both hemispheres, both directions, offsets of 30 and 45 minutes, changes of 30 minutes, changes at
/// midnight, changes that were given up, and a day that never was.
const ZONES: [&str; 19] = [
    "UTC",
    "Asia/Shanghai",
    "Asia/Kolkata",
    "Asia/Kathmandu",
    "Australia/Adelaide",
    "Australia/Lord_Howe",
    "Australia/Sydney",
    "Pacific/Chatham",
    "Pacific/Apia",
    "Europe/Berlin",
    "Europe/London",
    "Europe/Lisbon",
    "America/New_York",
    "America/St_Johns",
    "America/Sao_Paulo",
    "America/Santiago",
    "Africa/Casablanca",
    "Asia/Beirut",
    "Asia/Tehran",
];

/// Ten years whose rules are history, the same in every database.
const FIRST: i32 = 2012;
const LAST: i32 = 2021;

fn calendar(zone: &str) -> Calendar {
    let ruleset = sound(&json!({
        "timezone": zone,
        "holidays": {
            "feasts": [{ "name": "New Year", "date": "01-01" }, { "name": "Winter", "from": "12-24", "to": "12-26" }, { "date": "02-29" }],
        },
        "calendars": { "c": {
            "weekly": {
                "mon-thu": ["08:30-12:00", "13:00-17:45"],
                "fri": ["08:30-12:00", "22:15-03:30"],
                "sat": ["22:00-24:00"],
                "sun": ["00:00-01:15", "02:00-02:30", "23:00-00:30"],
            },
            "closed_on": ["feasts"],
            "overrides": [
                { "name": "Whole day", "date": "2016-03-27", "open": ["00:00-24:00"] },
                { "name": "Closed", "from": "2018-10-20", "to": "2018-11-05", "closed": true },
                { "name": "Yearly night", "date": "06-21", "open": ["20:00-08:00"] },
                { "name": "Not that year", "date": "2019-06-21", "closed": true },
            ],
        } },
        "pools": { "general": { "group": 1, "calendar": "c" } },
        "default": { "pool": "general" },
    }));
    ruleset.calendars.into_iter().next().unwrap()
}

/// The minutes of a day's hours, from its midnight; written out by hand for the calendar above.
fn minutes(date: NaiveDate) -> Vec<std::ops::Range<u32>> {
    let clock = |hours: u32, minutes: u32| hours * 60 + minutes;
    let (month, day) = (date.month(), date.day());
    if date == NaiveDate::from_ymd_opt(2016, 3, 27).unwrap() {
        return vec![0..clock(24, 0)];
    }
    let closed =
        NaiveDate::from_ymd_opt(2018, 10, 20).unwrap()..=NaiveDate::from_ymd_opt(2018, 11, 5).unwrap();
    if closed.contains(&date) || date == NaiveDate::from_ymd_opt(2019, 6, 21).unwrap() {
        return vec![];
    }
    match (month, day) {
        (6, 21) => return vec![clock(20, 0)..clock(32, 0)],
        (1, 1) | (12, 24..=26) | (2, 29) => return vec![],
        _ => {}
    }
    match date.weekday() {
        chrono::Weekday::Fri => vec![clock(8, 30)..clock(12, 0), clock(22, 15)..clock(27, 30)],
        chrono::Weekday::Sat => vec![clock(22, 0)..clock(24, 0)],
        chrono::Weekday::Sun => vec![0..clock(1, 15), clock(2, 0)..clock(2, 30), clock(23, 0)..clock(24, 30)],
        _ => vec![clock(8, 30)..clock(12, 0), clock(13, 0)..clock(17, 45)],
    }
}

/// For each date its open minutes as the clock shows them, those that went on from the day before
/// among them: painted forward, where a calendar looks back.
fn painted() -> HashMap<NaiveDate, Vec<bool>> {
    let mut days = HashMap::new();
    let mut date = NaiveDate::from_ymd_opt(FIRST - 1, 12, 29).unwrap();
    while date.year() <= LAST + 1 {
        for minute in minutes(date).into_iter().flatten() {
            let on = date + Days::new(u64::from(minute / 1440));
            days.entry(on).or_insert_with(|| vec![false; 1440])[(minute % 1440) as usize] = true;
        }
        date = date + Days::new(1);
    }
    days
}

#[test]
fn ten_years_in_nineteen_zones_agree_with_a_second_opinion() {
    let painted = painted();
    for name in ZONES {
        let calendar = calendar(name);
        let zone: Tz = name.parse().unwrap();
        let mut moment =
            NaiveDate::from_ymd_opt(FIRST, 1, 1).unwrap().and_hms_opt(0, 0, 0).unwrap().and_utc();
        let (mut open, mut asked) = (0_u32, 0_u32);
        // Every quarter of an hour, to the second and one before: wherever something begins or ends.
        while moment.year() <= LAST {
            for moment in [moment, moment - TimeDelta::seconds(1)] {
                let shown = moment.with_timezone(&zone);
                let minute = shown.hour() * 60 + shown.minute();
                let expected = painted.get(&shown.date_naive()).is_some_and(|day| day[minute as usize]);
                let at = Timestamp::from_second(moment.timestamp()).unwrap();
                assert_eq!(
                    calendar.opening(at).open,
                    expected,
                    "{name} at {moment}, where clocks show {shown}"
                );
                open += u32::from(expected);
                asked += 1;
            }
            moment += TimeDelta::minutes(15);
        }
        assert!(asked > 700_000 && open > asked / 5 && open < asked / 2, "{name}: {open} of {asked}");
    }
}

#[test]
fn clocks_that_change_open_and_close_as_they_show() {
    let ruleset = sound(&json!({
        "timezone": "Europe/Berlin",
        "calendars": { "c": { "weekly": { "sun": ["02:15-02:45", "03:00-03:30"], "sat": ["23:00-01:00"] } } },
        "pools": { "general": { "group": 1, "calendar": "c" } },
        "default": { "pool": "general" },
    }));
    for (moment, open) in [
        // Forward: 02:15 to 02:45 is never shown, 03:00 comes right after 01:59.
        ("2027-03-28T01:59:59+01:00", false),
        ("2027-03-28T03:00+02:00", true),
        ("2027-03-28T03:30+02:00", false),
        // Back: 02:15 to 02:45 is shown twice.
        ("2027-10-31T02:30+02:00", true),
        ("2027-10-31T02:50+02:00", false),
        ("2027-10-31T02:30+01:00", true),
        ("2027-10-31T02:45+01:00", false),
        ("2027-10-31T00:59+02:00", true),
        ("2027-10-31T01:00+02:00", false),
    ] {
        assert_eq!(ruleset.calendars[0].opening(at(moment)).open, open, "{moment}");
    }
}

#[test]
fn the_zone_of_a_calendar_is_its_own() {
    let ruleset = sound(&json!({
        "timezone": "Asia/Shanghai",
        "calendars": { "c": { "timezone": "Asia/Kathmandu", "weekly": { "mon": ["09:00-10:00"] } } },
        "pools": { "general": { "group": 1, "calendar": "c" } },
        "default": { "pool": "general" },
    }));
    assert_eq!(ruleset.calendars[0].timezone, TimeZone::get("Asia/Kathmandu").unwrap());
    assert!(ruleset.calendars[0].opening(at("2027-02-01T09:00+05:45")).open);
}

//! Everything that both functions and the `desk` command know about Tencent Cloud Desk's webhooks.
//!
//! The modules stand in one direction, each ignorant of those after it:
//!
//! - [`protocol`]: the wire types, and nothing else;
//! - [`session`]: what a session's events mean: their keys, their order, what they say of a user;
//! - [`routing`]: rulesets, facts and the decision;
//! - [`webhook`]: the front door, bytes in, a verified callback out, and the reply;
//! - [`store`]: DynamoDB, SQS and SSM, the only module that knows the AWS SDK;
//! - [`config`], [`secrets`], [`metrics`] and [`edge`]: the environment, and the Lambda runtime around a handler.
//!
//! The first three are pure: no I/O, no clock, no randomness. Time is a parameter everywhere.

#![cfg_attr(test, allow(clippy::unwrap_used, clippy::expect_used))]

pub mod config;
pub mod digest;
pub mod edge;
pub mod metrics;
pub mod protocol;
pub mod routing;
pub mod secrets;
pub mod session;
pub mod store;
pub mod webhook;

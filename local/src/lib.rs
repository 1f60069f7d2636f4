//! What runs the whole thing on a laptop and in tests, without Docker and without an AWS account.
//!
//! - [`template`] reads the table definitions from the template that is deployed, so that no second copy of
//!   them can go stale.
//! - [`callbacks`] are the samples of the `events` folder with the answers that they must get.
//! - [`engine`] serves those tables from an embedded DynamoDB, in memory or from a file.
//! - [`hostile`] is what a hostile sender might try.
//! - [`gateway`] passes HTTP requests on to real function binaries, as API Gateway does.
//! - [`standin`] is SQS with the spill [`queue`], and SSM; [`moto`] is a second implementation of all three services.
//! - [`permissions`] compares what a function asks for with what the template allows.
//! - [`proxy`] stands before a service and makes it fail.
//! - [`stage`] puts these together for tests.
//! - [`runtime_api`] starts a real function binary and plays AWS Lambda to it.

pub mod callbacks;
pub mod engine;
pub mod gateway;
pub mod hostile;
pub mod moto;
pub mod permissions;
pub mod proxy;
pub mod queue;
pub mod runtime_api;
mod server;
mod sqs;
pub mod stage;
pub mod standin;
pub mod template;

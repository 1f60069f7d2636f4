//! Whatever comes, there is an answer: JSON with the three fields, in time, and no panic.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

use std::{cell::RefCell, time::Duration};

use desk_local::{hostile, stage::Stage};
use proptest::test_runner::{Config, TestRunner};
use serde_json::Value;

/// As long as the platform waits. The functions' own limits are far below it.
const PATIENCE: Duration = Duration::from_secs(2);

#[test]
fn every_event_gets_an_answer_of_three_fields() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
    let stage = runtime.block_on(Stage::start()).unwrap();
    let function = runtime.block_on(stage.function(env!("CARGO_BIN_EXE_assign-agent"))).unwrap();
    let function = RefCell::new(function);
    let config = Config { cases: 2000, failure_persistence: None, ..Config::default() };
    let answered = TestRunner::new(config).run(&hostile::events(), |event| {
        let invocation = runtime.block_on(function.borrow_mut().invoke(&event)).unwrap();
        assert!(invocation.took < PATIENCE, "after {:?}", invocation.took);
        let response = invocation.response.expect("an answer and no error");
        let status = response["statusCode"].as_u64().unwrap();
        assert!([200, 400, 403, 405, 413].contains(&status), "{response}");
        let reply: Value = serde_json::from_str(response["body"].as_str().unwrap()).unwrap();
        let code = reply["ErrorCode"].as_i64().unwrap();
        assert_eq!(reply["ActionStatus"], if code == 0 { "OK" } else { "FAIL" }, "{reply}");
        assert_eq!(reply["ErrorInfo"].as_str().unwrap().is_empty(), code == 0, "{reply}");
        Ok(())
    });
    answered.unwrap();
    let log = function.borrow().log();
    assert!(!log.contains("panicked"), "{log}");
}

//! A flood of the largest bodies that are let in, in the worst shapes, does not fill the memory.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use common::{BINARY, callback, tell};
use desk_local::{
    hostile::{EVENT, SHAPES},
    stage::Stage,
};
use desk_webhooks::webhook::MAX_BODY_BYTES;

const MB: u64 = 1024 * 1024;
/// What requests may add to what the function takes when it starts, which is 8 MB as it is deployed and
/// twice that in a build for tests: 32 MB together.
const ROOM: u64 = 24 * MB;

#[tokio::test]
async fn the_largest_bodies_stay_below_32_mb() {
    let stage = Stage::start().await.unwrap();
    let mut function = stage.function(BINARY).await.unwrap();
    function.ready().await.unwrap();
    let at_start = function.memory_bytes().unwrap().resident;
    for (name, shape) in SHAPES {
        let body = shape(EVENT, MAX_BODY_BYTES - 200);
        assert!(
            body.len() > MAX_BODY_BYTES * 9 / 10 && body.len() <= MAX_BODY_BYTES,
            "{name}: {}",
            body.len()
        );
        // Once more in another spelling: what is kept is then compared with it.
        let bodies = [body.clone(), body.replacen(":", " :", 1), body];
        for body in &bodies {
            let status = tell(&mut function, &callback(body)).await;
            assert!(status == 200 || status == 400, "{name}: {status}");
        }
        let peak = function.memory_bytes().unwrap().peak;
        assert!(peak < at_start + ROOM, "{name}: {} MB after {}", peak / MB, at_start / MB);
    }
}

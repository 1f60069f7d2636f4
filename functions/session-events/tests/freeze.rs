//! Between two invocations Lambda freezes a sandbox, and what it was connected to goes on: servers end what is
//! idle. No event may find such a connection and fail by it. How long the answers take: `make bench`.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use common::{BINARY, message};
use desk_local::{
    proxy::{End, Proxy, Verdict},
    stage::Stage,
};

fn now_ms() -> u64 {
    std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_millis() as u64
}

#[tokio::test]
async fn connections_that_ended_during_a_freeze_cost_no_failed_answer_and_no_second_attempt() {
    for end in [End::Close, End::Reset] {
        let stage = Stage::start().await.unwrap();
        let proxy = Proxy::start(&stage.endpoint(), |_| Verdict::Pass).await.unwrap();
        let env = [("AWS_ENDPOINT_URL_DYNAMODB", &*proxy.endpoint())];
        let mut function = stage.function_with(BINARY, &env).await.unwrap();
        let now = now_ms();
        // The first event of a session opens two connections.
        function.invoke(&message("s", now, "hello")).await.unwrap().response.unwrap();
        for freeze in 1..=50 {
            proxy.take_calls();
            let opened = proxy.opened();
            let meanwhile = proxy.end_connections(end);
            let event = message("s", now + freeze, "are you still there?");
            let invocation = function.invoke_frozen(meanwhile, &event).await.unwrap();
            assert_eq!(invocation.response.unwrap()["statusCode"], 200);
            assert_eq!(proxy.take_calls().len(), 1, "{end:?}: one attempt was enough");
            assert_eq!(proxy.opened(), opened + 1, "{end:?}: the connection was gone");
        }
    }
}

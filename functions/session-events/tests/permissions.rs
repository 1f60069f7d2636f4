//! What the function asks of AWS is what the template allows it: nothing is missing, nothing is spare.

#![allow(clippy::unwrap_used, clippy::expect_used)] // in a test, a panic is the report

mod common;

use common::BINARY;
use desk_local::{
    callbacks,
    permissions::{Done, allowed},
    proxy::{Proxy, Verdict},
    stage::{Services, Stage, repository},
};

#[tokio::test]
async fn the_function_may_do_what_it_does_and_nothing_else() {
    let stage = Stage::with_queue().await.unwrap();
    let (_, sqs) = stage.queue().unwrap();
    let services = Services::start().await.unwrap();
    services.put_secret("/desk/tokens", "token").unwrap();
    let done = Done::default();
    // Now and then all attempts of a write fail, so that something is spilled.
    let failing = |number: u64| number % 7 >= 4;
    let judge = move |call: &desk_local::proxy::Call<'_>| {
        if failing(call.number) { Verdict::Answer(500, "{}".into()) } else { Verdict::Pass }
    };
    let dynamodb = done.watching("dynamodb", &stage.endpoint(), judge).await.unwrap();
    let sqs = done.watching("sqs", &sqs, |_| Verdict::Pass).await.unwrap();
    let ssm = done.watching("ssm", &services.endpoint(), |_| Verdict::Pass).await.unwrap();
    let env = [
        ("AWS_ENDPOINT_URL_DYNAMODB", &*dynamodb.endpoint()),
        ("AWS_ENDPOINT_URL_SQS", &*sqs.endpoint()),
        ("AWS_ENDPOINT_URL_SSM", &*ssm.endpoint()),
        ("CALLBACK_TOKENS_PARAMETER", "/desk/tokens"),
    ];
    let mut function = stage.function_with(BINARY, &env).await.unwrap();
    for sample in callbacks::load(&repository().join("events")).unwrap() {
        function.invoke(&sample.event).await.unwrap().response.unwrap();
    }
    assert_eq!(done.all(), allowed("SessionEventsFunction").unwrap());
}

#[tokio::test]
async fn a_refused_request_reaches_no_store() {
    let stage = Stage::with_queue().await.unwrap();
    let (_, sqs) = stage.queue().unwrap();
    let dynamodb = Proxy::start(&stage.endpoint(), |_| Verdict::Pass).await.unwrap();
    let sqs = Proxy::start(&sqs, |_| Verdict::Pass).await.unwrap();
    let env = [
        ("AWS_ENDPOINT_URL_DYNAMODB", &*dynamodb.endpoint()),
        ("AWS_ENDPOINT_URL_SQS", &*sqs.endpoint()),
        ("SIGNATURE_POLICY", "required"),
        ("CALLBACK_TOKENS", "token"),
    ];
    let mut function = stage.function_with(BINARY, &env).await.unwrap();
    function.ready().await.unwrap();
    dynamodb.take_calls();
    for sample in callbacks::load(&repository().join("events")).unwrap() {
        let answer = function.invoke(&sample.event).await.unwrap().response.unwrap();
        assert_ne!(answer["statusCode"], 200, "{}", sample.name);
    }
    assert_eq!((dynamodb.take_calls(), sqs.take_calls()), (vec![], vec![]));
}

//! Moto, a second implementation of DynamoDB, SQS and SSM (`make test-moto`).

use std::{io, path::PathBuf, process::Stdio};

use serde_json::{Value, json};
use tokio::{
    io::{AsyncBufReadExt, BufReader},
    process::{Child, Command},
};

use crate::{
    stage::repository,
    template::{self, TEMPLATE, TemplateError},
};

/// A running server. It ends when it is dropped.
#[derive(Debug)]
pub struct Moto {
    child: Child,
    endpoint: String,
}

/// Why there is no server, or not what the template wants on it.
#[derive(Debug, thiserror::Error)]
pub enum MotoError {
    /// The program is not there.
    #[error("cannot start {} ({source}); `make tools` installs it", program.display())]
    Spawn {
        /// The program.
        program: PathBuf,
        /// What the system says.
        source: io::Error,
    },
    /// It ended instead of listening.
    #[error("moto ended instead of listening; it wrote:\n{0}")]
    Ended(String),
    /// It does not do what it is asked.
    #[error("moto refused {operation}: {source}")]
    Refused {
        /// What it was asked for.
        operation: &'static str,
        /// What it said.
        source: Box<ureq::Error>,
    },
    /// The template cannot be read.
    #[error(transparent)]
    Template(#[from] TemplateError),
}

impl Moto {
    /// Starts an empty server on any free port.
    ///
    /// # Errors
    /// It is not installed, or does not start.
    pub async fn start() -> Result<Self, MotoError> {
        let program = repository().join(".tools/bin/moto_server");
        let mut command = Command::new(&program);
        command.args(["-H", "127.0.0.1", "-p", "0"]).stdin(Stdio::null()).stdout(Stdio::null());
        let failed = |source| MotoError::Spawn { program: program.clone(), source };
        let mut child = command.stderr(Stdio::piped()).kill_on_drop(true).spawn().map_err(failed)?;
        let output = child.stderr.take().ok_or_else(|| failed(io::Error::other("it has no output")))?;
        let mut lines = BufReader::new(output).lines();
        let mut written = String::new();
        while let Ok(Some(line)) = lines.next_line().await {
            if let Some(at) = line.find("http://127.0.0.1:") {
                let endpoint = line[at..].trim_end().to_owned();
                // It goes on writing, a line for each request: somebody has to take them.
                tokio::spawn(async move { while let Ok(Some(_)) = lines.next_line().await {} });
                return Ok(Self { child, endpoint });
            }
            written.push_str(&line);
            written.push('\n');
        }
        Err(MotoError::Ended(written))
    }

    /// Where it listens: `http://127.0.0.1:PORT`.
    pub fn endpoint(&self) -> String {
        self.endpoint.clone()
    }

    /// Creates the template's table under a name.
    ///
    /// # Errors
    /// The template's, or moto's.
    pub fn create_table(&self, logical_id: &'static str, name: &str) -> Result<(), MotoError> {
        let mut request = json!(template::table(TEMPLATE, logical_id)?);
        request["TableName"] = json!(name);
        request["BillingMode"] = json!("PAY_PER_REQUEST");
        self.call("dynamodb", "DynamoDB_20120810.CreateTable", "CreateTable", &request).map(drop)
    }

    /// Creates the template's queue under its logical id, and returns its URL.
    ///
    /// # Errors
    /// The template's, or moto's.
    pub fn create_queue(&self, logical_id: &'static str) -> Result<String, MotoError> {
        let attributes = template::queue(TEMPLATE, logical_id)?.attributes();
        let request = json!({ "QueueName": logical_id, "Attributes": attributes });
        let answer = self.call("sqs", "AmazonSQS.CreateQueue", "CreateQueue", &request)?;
        Ok(answer["QueueUrl"].as_str().unwrap_or_default().to_owned())
    }

    /// Keeps a secret as an SSM SecureString, in place of an earlier one.
    ///
    /// # Errors
    /// Moto's.
    pub fn put_secret(&self, name: &str, value: &str) -> Result<(), MotoError> {
        let request = json!({ "Name": name, "Value": value, "Type": "SecureString", "Overwrite": true });
        self.call("ssm", "AmazonSSM.PutParameter", "PutParameter", &request).map(drop)
    }

    /// A signature has to be there, for it names the service; nobody verifies it.
    fn call(
        &self,
        service: &str,
        target: &str,
        operation: &'static str,
        request: &Value,
    ) -> Result<Value, MotoError> {
        let credential = format!("local/20270101/us-east-1/{service}/aws4_request");
        let refused = |source| MotoError::Refused { operation, source: Box::new(source) };
        ureq::post(&self.endpoint)
            .header("x-amz-target", target)
            .header("content-type", "application/x-amz-json-1.0")
            .header(
                "authorization",
                format!("AWS4-HMAC-SHA256 Credential={credential}, SignedHeaders=host, Signature=0"),
            )
            .send(request.to_string())
            .and_then(|mut answer| answer.body_mut().read_json())
            .map_err(refused)
    }
}

impl Drop for Moto {
    fn drop(&mut self) {
        // It fails only when the process is gone already.
        let _ = self.child.start_kill();
        // Nothing can be awaited here, and a process that was told to die is gone within a moment.
        while matches!(self.child.try_wait(), Ok(None)) {
            std::thread::yield_now();
        }
    }
}

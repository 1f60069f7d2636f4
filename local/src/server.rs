//! A server on a thread and a runtime of its own. It answers while the caller's thread is blocked, and its end is
//! exact: once that runtime is gone, so is every connection and everything that the server held.

use std::{future::Future, io, thread};

use tokio::{runtime::Builder, sync::oneshot};

/// A running server. It ends when it is dropped.
#[derive(Debug)]
pub(crate) struct Server {
    /// Dropping the sender is the signal.
    stop: Option<oneshot::Sender<()>>,
    thread: Option<thread::JoinHandle<()>>,
}

impl Server {
    /// Starts a thread that runs `serve` until the server is dropped.
    ///
    /// # Errors
    /// The system gives no thread or event loop.
    pub(crate) fn start<F: Future<Output = ()>>(
        name: &str,
        serve: impl FnOnce() -> F + Send + 'static,
    ) -> io::Result<Self> {
        let runtime = Builder::new_current_thread().enable_all().build()?;
        let (stop, stopped) = oneshot::channel::<()>();
        let thread = thread::Builder::new().name(name.to_owned()).spawn(move || {
            runtime.block_on(async {
                tokio::select! {
                    () = serve() => {}
                    _ = stopped => {}
                }
            });
        })?;
        Ok(Self { stop: Some(stop), thread: Some(thread) })
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        drop(self.stop.take());
        if let Some(thread) = self.thread.take() {
            // A panic has been printed by its own thread; there is nothing to add while dropping.
            let _ = thread.join();
        }
    }
}

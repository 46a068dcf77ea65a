//! The log in memory passes the suite that every log must pass.

use std::sync::Arc;

use workflow::testkit::log_suite;
use workflow::{Log, MemoryLog};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_in_memory_conforms() {
    log_suite::run(|| async { fresh() }).await.unwrap();
}

fn fresh() -> Arc<dyn Log> {
    Arc::new(MemoryLog::new())
}

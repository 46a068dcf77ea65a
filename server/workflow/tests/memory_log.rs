//! The log in memory passes the suite, and the suite notices logs that cheat.

use std::sync::Arc;

use workflow::testkit::log_suite;
use workflow::{Log, MemoryLog};

#[tokio::test(flavor = "multi_thread", worker_threads = 4)]
async fn the_log_in_memory_conforms() {
    log_suite::run(|| async { Arc::new(MemoryLog::new()) as Arc<dyn Log> }).await.unwrap();
}

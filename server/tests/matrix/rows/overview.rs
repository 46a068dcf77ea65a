//! Of the overview and what it counts.

use super::Row;

/// One row a server function.
pub fn rows() -> Vec<Row> {
    Vec::new()
}

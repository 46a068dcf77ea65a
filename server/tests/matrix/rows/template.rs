//! Of templates of chains.

use super::Row;

/// One row a server function.
pub fn rows() -> Vec<Row> {
    Vec::new()
}

//! What can go wrong in the store, in words that callers can act on.

/// A failed call of the store.
#[derive(Debug, thiserror::Error)]
pub enum StoreError {
    /// A unique name exists already; `what` names it: `name`, `endpoint`.
    #[error("{what} is taken")]
    Taken { what: &'static str },
    #[error("there is no such record")]
    NotFound,
    /// The record's state stands against it.
    #[error("conflict: {reason}")]
    Conflict { reason: String },
    /// The host holds as many chains as it may.
    #[error("the host is full")]
    HostFull,
    /// The host takes no new chains.
    #[error("the host takes no new chains")]
    HostClosed,
    /// No block of ports is free on the host.
    #[error("the host has no free block of ports")]
    NoBlock,
    /// Another process has the data folder open.
    #[error("another process has the data folder open")]
    Locked,
    /// The data folder cannot be made or locked.
    #[error("the data folder cannot be used: {0}")]
    Folder(std::io::Error),
    /// What a process that was killed left in the database's log cannot be put into its tables.
    #[error("the database's log is not put away; look for what fills the disk, and start again")]
    NotPutAway,
    /// The data were written by a newer version.
    #[error("the data have schema {found}, this version knows {known}")]
    SchemaNewer { found: i64, known: i64 },
    /// A migration differs from the one that was applied.
    #[error("migration {number} was applied with another content")]
    SchemaChanged { number: i64 },
    /// A stored row cannot be read.
    #[error("a stored row cannot be read: {0}")]
    Unreadable(String),
    /// The process ends, and with it whatever was being written.
    #[error("the portal stops")]
    Stopped,
    #[error("the database failed: {0}")]
    Database(Box<surrealdb::Error>),
}

/// Texts by which the engine tells that another transaction was faster.
const CONFLICTS: [&str; 4] = ["conflict", "Transaction is retryable", "can be retried", "write conflict"];

impl StoreError {
    /// Whether the same transaction may succeed at once.
    pub(crate) fn is_conflict(&self) -> bool {
        match self {
            Self::Database(error) => {
                let text = error.to_string();
                CONFLICTS.iter().any(|fragment| text.contains(fragment))
            }
            _ => false,
        }
    }

    /// Whether a record with this id was there before.
    pub(crate) fn is_existing(&self) -> bool {
        matches!(self, Self::Database(error) if error.to_string().contains("already exists"))
    }

    /// The word that a transaction threw.
    pub(crate) fn thrown(&self, word: &str) -> bool {
        matches!(self, Self::Database(error) if error.to_string().contains(&format!("heddle:{word}")))
    }
}

impl From<surrealdb::Error> for StoreError {
    fn from(error: surrealdb::Error) -> Self {
        Self::Database(Box::new(error))
    }
}

//! Identifiers that the portal makes. They are opaque: nothing is read out of them.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Declares an identifier: a newtype over the string under which a record is kept.
macro_rules! identifier {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
        #[serde(transparent)]
        pub struct $name(String);

        impl $name {
            /// Wraps a key; it is compared and stored as it is.
            pub fn new(key: impl Into<String>) -> Self {
                Self(key.into())
            }

            /// The key as text.
            pub fn as_str(&self) -> &str {
                &self.0
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }
    };
}

identifier!(
    /// A person who signs in.
    UserId
);
identifier!(
    /// A Docker engine or a Kubernetes cluster.
    HostId
);
identifier!(
    /// A durable operation.
    OperationId
);

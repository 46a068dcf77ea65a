//! Certificates and keys of an organization.

pub(crate) mod key;
pub(crate) mod pem;

pub use key::KeyError;
pub use pem::PemError;

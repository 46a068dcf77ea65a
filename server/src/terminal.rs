//! What whoever starts the portal has to see, whatever is logged: where the portal is, how the first admin is made, and
//! why it does not start.

use std::io::Write;

/// Writes a line to the standard error.
pub fn tell(line: &str) {
    // Nobody to tell without a standard error; a refusal's exit code says it too.
    let _told = writeln!(std::io::stderr(), "{line}");
}

//! The shop that each web framework serves: an order that is there, and a payment that fails.

use std::fmt;

use tracing::error;

/// A payment that was declined.
#[derive(Debug)]
pub(crate) struct Declined;

impl fmt::Display for Declined {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("card declined")
    }
}

impl std::error::Error for Declined {}

/// Pays an order, which fails, and logs it in the way of most programs.
pub(crate) fn pay() -> Result<(), Declined> {
    let declined = Declined;
    error!(error = %declined, "payment failed");
    Err(declined)
}

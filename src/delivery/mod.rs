//! Delivery: a payload in, delivered or failed out.
//!
//! One thread of ours owns the HTTP client and a current-thread runtime ([`worker`]), so no runtime of
//! the application matters. Not here: spans. This folder moves bytes.

mod address;
mod http;
mod worker;

pub(crate) use address::AgentAddress;
pub(crate) use worker::{Delivery, Parcel};

use std::error::Error;
use std::fmt;
use std::time::Duration;

/// Why a payload was not delivered.
#[derive(Debug)]
pub(crate) enum SendError {
    /// The Agent answered with a status that means "no".
    Rejected {
        /// The HTTP status.
        status: u16,
        /// The start of the answer.
        excerpt: String,
    },
    /// No answer was to be had.
    Unreachable(Box<dyn Error + Send + Sync>),
    /// No answer came in time.
    TimedOut(Duration),
    /// The worker is gone.
    Closed,
}

impl fmt::Display for SendError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Rejected { status, excerpt } => {
                write!(f, "the Agent answered {status}: {excerpt}")
            }
            Self::Unreachable(cause) => {
                write!(f, "the Agent cannot be reached: {cause}")?;
                let mut source = cause.source();
                while let Some(cause) = source {
                    write!(f, ": {cause}")?;
                    source = cause.source();
                }
                Ok(())
            }
            Self::TimedOut(limit) => write!(f, "the Agent did not answer within {limit:?}"),
            Self::Closed => write!(f, "the exporter is shut down"),
        }
    }
}

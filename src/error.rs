//! [`BuildError`], the only error of the public API.

use std::error::Error;
use std::fmt;

/// A setting in code that cannot be used, or a part of the exporter that could not be started.
///
/// Its cause, if it has one, is its `source()` and not in its text. The text names the setting, the value and what was expected, for example
/// ``cannot use `with_agent_url` = "ftp://x": expected http://host:port or unix:///path/to/socket``.
/// A bad value in a `DD_*` variable is no error: it is one warning, and the next source of the setting counts.
#[derive(Debug)]
pub struct BuildError(Kind);

#[derive(Debug)]
enum Kind {
    Setting { name: &'static str, value: String, expected: &'static str },
    Start { what: &'static str, cause: Box<dyn Error + Send + Sync> },
}

impl BuildError {
    /// A setting in code has a value that cannot be used.
    pub(crate) fn setting(
        name: &'static str,
        value: impl Into<String>,
        expected: &'static str,
    ) -> Self {
        Self(Kind::Setting { name, value: value.into(), expected })
    }

    /// A part of the exporter could not be started.
    pub(crate) fn start(
        what: &'static str,
        cause: impl Into<Box<dyn Error + Send + Sync>>,
    ) -> Self {
        Self(Kind::Start { what, cause: cause.into() })
    }
}

impl fmt::Display for BuildError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Kind::Setting { name, value, expected } => {
                write!(f, "cannot use `{name}` = {value:?}: expected {expected}")
            }
            Kind::Start { what, .. } => write!(f, "cannot start {what}"),
        }
    }
}

impl Error for BuildError {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        match &self.0 {
            Kind::Setting { .. } => None,
            Kind::Start { cause, .. } => Some(&**cause),
        }
    }
}

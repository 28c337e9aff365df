//! [`AgentRates`]: the sampling rates that the Agent hands out with its answers at `/v0.4/traces`.
//!
//! An answer has either the rates of every service that the Agent has seen, or `{}` if the client said
//! that it knows the latest. Source: the Agent's own code, 7.85, `pkg/trace/api/responses.go`.

use std::collections::HashMap;
use std::sync::{PoisonError, RwLock, RwLockReadGuard, TryLockError};

/// The version that a client without rates says.
const NO_VERSION: &str = "0";

/// The member of an answer that holds the rates.
const RATES: &str = "rate_by_service";

/// The text before a service in the key of a rate, and the text between the service and its environment.
const KEY_START: &str = "service:";
/// See [`KEY_START`].
const KEY_MIDDLE: &str = ",env:";

/// The most rates that are kept: as many services as the Agent itself keeps.
const MAX_RATES: usize = 5_000;

/// Tries to read the rates while they are written, which takes microseconds.
const MAX_YIELDS: u32 = 1_000;

/// The rates known last, and whose they are. Reading takes a lock that is hardly ever contended, and no
/// memory.
#[derive(Debug, Default)]
pub(crate) struct AgentRates {
    known: RwLock<Known>,
}

#[derive(Debug, Default)]
struct Known {
    version: Option<String>,
    /// From service and environment to the fraction that is kept.
    rates: HashMap<String, HashMap<String, f64>>,
    /// The application's service and environment, as the Agent stores them.
    own: (String, String),
    /// The service as it was written.
    written: String,
}

impl AgentRates {
    /// Returns the version to say in a request.
    pub(super) fn version(&self) -> String {
        let version = self.known().and_then(|known| known.version.clone());
        version.unwrap_or_else(|| NO_VERSION.to_owned())
    }

    /// Takes the rates of an answer. An answer that cannot be read changes nothing.
    pub(super) fn learn(&self, body: &[u8], version: Option<&str>) {
        let Some(rates) = read(body) else { return };
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.version = version.filter(|version| !version.is_empty()).map(str::to_owned);
        known.rates = rates;
    }

    /// Says whose traces are meant where nobody names a service: both as the Agent stores them, and the service as it
    /// was written.
    pub(crate) fn belong_to(&self, service: &str, written: &str, env: &str) {
        let mut known = self.known.write().unwrap_or_else(PoisonError::into_inner);
        known.own = (service.to_owned(), env.to_owned());
        written.clone_into(&mut known.written);
    }

    /// Returns the fraction to keep of the traces of a service, or of the application's own; the Agent's
    /// default for a service that it has not seen; nothing before the first answer.
    pub(crate) fn rate(&self, service: Option<&str>) -> Option<f64> {
        let known = self.known()?;
        let of = |service: &str, env: &str| known.rates.get(service)?.get(env).copied();
        let (own_service, env) = &known.own;
        of(service.unwrap_or(own_service), env).or_else(|| of("", ""))
    }

    /// Shows the application's own service as it was written.
    pub(crate) fn read_service<R>(&self, read: impl FnOnce(&str) -> R) -> R {
        match self.known() {
            Some(known) => read(&known.written),
            None => read(""),
        }
    }

    /// Returns the rates; nothing if they cannot be had: in a child that was forked while they were written, the lock
    /// is held for ever.
    fn known(&self) -> Option<RwLockReadGuard<'_, Known>> {
        for _ in 0..MAX_YIELDS {
            match self.known.try_read() {
                Ok(known) => return Some(known),
                Err(TryLockError::Poisoned(poisoned)) => return Some(poisoned.into_inner()),
                Err(TryLockError::WouldBlock) => std::thread::yield_now(),
            }
        }
        None
    }
}

/// Reads an answer; nothing if it has no rates.
fn read(body: &[u8]) -> Option<HashMap<String, HashMap<String, f64>>> {
    let mut answer: serde_json::Value = serde_json::from_slice(body).ok()?;
    let serde_json::Value::Object(found) = answer.get_mut(RATES)?.take() else { return None };
    let mut rates: HashMap<String, HashMap<String, f64>> = HashMap::new();
    for (key, rate) in found.iter().take(MAX_RATES) {
        let place = key.strip_prefix(KEY_START).and_then(|rest| rest.rsplit_once(KEY_MIDDLE));
        let rate = rate.as_f64().filter(|rate| (0.0..=1.0).contains(rate));
        if let (Some((service, env)), Some(rate)) = (place, rate) {
            rates.entry(service.to_owned()).or_default().insert(env.to_owned(), rate);
        }
    }
    Some(rates)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rates_are_found_by_service_and_environment_or_by_default() {
        let rates = AgentRates::default();
        assert_eq!(rates.rate(None), None);
        let body = br#"{"rate_by_service":{"service:,env:":0.5,"service:shop,env:prod":0.25,"service:shop,env:":1}}"#;
        rates.learn(body, Some("6b01238e-12"));
        for (service, env, rate) in
            [("shop", "prod", 0.25), ("shop", "", 1.0), ("shop", "qa", 0.5), ("pay", "prod", 0.5)]
        {
            rates.belong_to("cart", "Cart", env);
            assert_eq!(rates.rate(Some(service)), Some(rate), "{service} {env}");
            rates.belong_to(service, service, env);
            assert_eq!(rates.rate(None), Some(rate), "{service} {env}");
        }
        assert_eq!(rates.version(), "6b01238e-12");
    }

    #[test]
    fn a_lock_that_a_fork_left_behind_holds_no_sampler_up() {
        let rates = AgentRates::default();
        rates.belong_to("shop", "shop", "");
        rates.learn(br#"{"rate_by_service":{"service:,env:":0.5}}"#, Some("1"));
        let held = rates.known.write().unwrap();
        assert_eq!((rates.rate(None), rates.version().as_str()), (None, "0"));
        assert!(rates.read_service(str::is_empty));
        drop(held);
        assert_eq!(rates.rate(None), Some(0.5));
    }

    #[test]
    fn an_unreadable_answer_changes_no_rate() {
        let rates = AgentRates::default();
        assert_eq!(rates.version(), "0");
        rates.learn(br#"{"rate_by_service":{"service:,env:":0.5}}"#, Some("1"));
        for body in [&b"OK\n"[..], b"{}", b"", b"[]", br#"{"rate_by_service":7}"#] {
            rates.learn(body, Some("2"));
            assert_eq!((rates.version().as_str(), rates.rate(None)), ("1", Some(0.5)));
        }
        rates.learn(br#"{"rate_by_service":{"x":1,"service:a":1,"service:b,env:c":2}}"#, None);
        assert_eq!((rates.version().as_str(), rates.rate(Some("b"))), ("0", None));
    }
}

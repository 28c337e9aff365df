//! Code of somebody else that runs within ours: the hook of the user, and whoever listens to log lines.
//!
//! It may panic, begin spans, or call this exporter again. So no lock of ours is held meanwhile, its panic ends
//! here, and a span that begins in it is none: the SDK's simple processor holds a lock during `export`, and the
//! end of such a span would wait for that lock for ever.

use std::cell::Cell;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::atomic::{AtomicUsize, Ordering};

use opentelemetry::{Context, ContextGuard};

thread_local! {
    /// True while the hook of an exporter may be running on this thread.
    static IS_IN_HOOK: Cell<bool> = const { Cell::new(false) };
}

/// Runs code of somebody else; returns nothing if it panicked.
///
/// A line that is said while the SDK holds the current context (a propagator, a sampler) goes through this: there
/// [`say`] could begin no scope.
pub(crate) fn catch<R>(run: impl FnOnce() -> R) -> Option<R> {
    match catch_unwind(AssertUnwindSafe(run)) {
        Ok(result) => Some(result),
        Err(cause) => {
            // The thrown value may panic once more when it is dropped.
            let dropped = catch_unwind(AssertUnwindSafe(|| drop(cause)));
            dropped.unwrap_or_else(std::mem::forget);
            None
        }
    }
}

/// Says a log line. A subscriber that panics costs the line and nothing else.
pub(crate) fn say(line: impl FnOnce()) {
    run_quiet(line);
}

/// Runs code of somebody else in which no span begins; returns nothing if it panicked.
pub(crate) fn run_quiet<R>(run: impl FnOnce() -> R) -> Option<R> {
    let _quiet = quiet();
    catch(run)
}

/// Lets no span begin on this thread as long as the result lives.
fn quiet() -> Option<ContextGuard> {
    // A thread that ends has no context any more: nothing can begin there either.
    catch(Context::enter_telemetry_suppressed_scope)
}

/// The most hooks that run at once in this process, each on a thread of its own. Without a limit, a hook that exports
/// on another thread and waits for it would begin threads without end.
const MAX_HOOKS: usize = 256;

/// The number of hooks that run.
static HOOKS: AtomicUsize = AtomicUsize::new(0);

/// A time in which the hook of an exporter runs on this thread.
pub(crate) struct HookScope {
    _quiet: Option<ContextGuard>,
}

impl HookScope {
    /// Begins the time of a hook; nothing within another one. An export of a hook runs no hook: that would export
    /// again, without end.
    pub(crate) fn begin() -> Option<Self> {
        let was_in_hook = IS_IN_HOOK.try_with(|is_in_hook| is_in_hook.replace(true));
        if was_in_hook != Ok(false) {
            return None;
        }
        let hooks = HOOKS.fetch_add(1, Ordering::Relaxed);
        let scope = Self { _quiet: quiet() };
        (hooks < MAX_HOOKS).then_some(scope)
    }
}

impl Drop for HookScope {
    fn drop(&mut self) {
        HOOKS.fetch_sub(1, Ordering::Relaxed);
        let _ = IS_IN_HOOK.try_with(|is_in_hook| is_in_hook.set(false));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    struct Bomb;

    impl Drop for Bomb {
        fn drop(&mut self) {
            std::panic::panic_any("expected: the payload of this test panics");
        }
    }

    #[test]
    fn a_panic_ends_here_and_so_does_one_in_its_payload() {
        assert_eq!(catch(|| 7), Some(7));
        assert_eq!(catch(|| std::panic::panic_any(Bomb)), None::<()>);
    }

    #[test]
    fn a_hook_within_a_hook_does_not_begin() {
        for _ in 0..2 {
            let outer = HookScope::begin();
            assert!(outer.is_some() && Context::is_current_telemetry_suppressed());
            assert!(HookScope::begin().is_none());
            drop(outer);
            assert!(!Context::is_current_telemetry_suppressed());
        }
    }
}

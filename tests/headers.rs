//! The cost of reading and writing headers: allocations of the calling thread, counted.
#![allow(clippy::unwrap_used, reason = "a test that cannot go on says where")]
#![expect(unsafe_code, reason = "a global allocator needs it")]

#[path = "../benches/support/caller.rs"]
mod caller;

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use opentelemetry::Context;
use opentelemetry::propagation::{Extractor, Injector, TextMapPropagator};
use opentelemetry_datadog_agent::DatadogPropagator;
use opentelemetry_sdk::propagation::TraceContextPropagator;

use caller::CALLER;

/// Counts the times that this thread asks for memory, growing included.
struct Counting;

thread_local! {
    static ALLOCATIONS: Cell<usize> = const { Cell::new(0) };
}

fn count() {
    ALLOCATIONS.set(ALLOCATIONS.get() + 1);
}

// SAFETY: every call goes to the system's allocator unchanged; the counter allocates nothing.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `alloc`.
        unsafe { System.alloc(layout) }
    }

    unsafe fn dealloc(&self, memory: *mut u8, layout: Layout) {
        // SAFETY: the caller keeps the contract of `dealloc`.
        unsafe { System.dealloc(memory, layout) }
    }

    unsafe fn realloc(&self, memory: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract of `realloc`.
        unsafe { System.realloc(memory, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

/// Headers that cost nothing themselves.
struct Free;

impl Extractor for Free {
    fn get(&self, key: &str) -> Option<&str> {
        CALLER.iter().find(|(name, _)| *name == key).map(|(_, value)| *value)
    }

    fn keys(&self) -> Vec<&str> {
        CALLER.iter().map(|(name, _)| *name).collect()
    }
}

impl Injector for Free {
    fn set(&mut self, _key: &str, _value: String) {}
}

fn allocations<T>(work: impl FnOnce() -> T) -> (T, usize) {
    let before = ALLOCATIONS.get();
    let result = work();
    (result, ALLOCATIONS.get() - before)
}

/// Allocations for reading and for writing.
fn cost(propagator: &dyn TextMapPropagator) -> (usize, usize) {
    let root = Context::new();
    let (cx, read) = allocations(|| propagator.extract_with_context(&root, &Free));
    let ((), written) = allocations(|| propagator.inject_context(&cx, &mut Free));
    (read, written)
}

#[test]
fn headers_cost_a_handful_of_allocations() {
    let (read, written) = cost(&DatadogPropagator::new());
    let (sdk_read, sdk_written) = cost(&TraceContextPropagator::new());
    // To read: two texts for each of two members and their list, that of our member, the context; lists of
    // headers, tags and vendors. To write: a text for each of seven headers and for our member, lists of
    // tags and vendors.
    assert!(read <= 12, "{read} allocations to read");
    assert!(written <= 10, "{written} allocations to write");
    // Twice the headers and more, for about what two of them cost there.
    assert!(read <= sdk_read + 2 && written <= sdk_written + 3, "{sdk_read}, {sdk_written}");
}

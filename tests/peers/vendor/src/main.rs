//! Datadog's crate. It is no exporter but a provider of its own, so it has one mode only. What it does
//! beside sending spans (statistics, telemetry, remote configuration) is off, as no peer does that.

#[path = "../../shared/mod.rs"]
mod shared;

use std::sync::atomic::Ordering::Relaxed;

use datadog_opentelemetry::configuration::Config;

fn main() {
    let args = shared::Args::read();
    shared::run_provider(&args, |taken| {
        // Its own buffer, not the SDK's queue: nobody can see what is in it.
        taken.store(usize::MAX, Relaxed);
        let mut config = Config::builder();
        config
            .set_trace_agent_url(args.url.clone())
            .set_trace_stats_computation_enabled(false)
            .set_telemetry_enabled(false)
            .set_remote_config_enabled(false);
        datadog_opentelemetry::tracing()
            .with_config(config.build())
            .with_resource(shared::resource())
            .init_local()
            .0
    });
}

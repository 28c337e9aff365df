//! A web service under load while its Agent fails in every way; and attacks on delivery. `README.md` says what is checked.

mod arrivals;
mod attacks;
mod child;
mod faults;
mod load;
mod service;
mod verdict;

use std::fmt::Display;
use std::sync::atomic::{AtomicBool, Ordering::Relaxed};
use std::time::Duration;
use std::{env, fs, process, thread};

use datadog_test_agent::TestAgent;

use child::Child;
use faults::Victim;
use verdict::Outcome;

/// The length of a run without an argument, in seconds: the form for every change.
const SECONDS: u64 = 60;
/// The first argument of a process that is the service.
const SERVICE: &str = "service";

fn main() {
    let args: Vec<String> = env::args().skip(1).collect();
    match args.iter().map(String::as_str).collect::<Vec<_>>()[..] {
        [SERVICE] => return service::run(None),
        [SERVICE, url] => return service::run(Some(url)),
        [attacks::ONE, name] => attacks::run_one(name),
        [attacks::ALL, ref names @ ..] => return end("attacks", &attacks::run(names)),
        _ => {}
    }
    let seconds = args.first().map_or(SECONDS, |arg| arg.parse().expect("seconds"));
    let seed = args.get(1).map_or_else(|| fastrand::u64(..), |arg| arg.parse().expect("a seed"));
    println!("soak: {seconds} s, seed {seed}");
    end("soak", &soak(Duration::from_secs(seconds), seed));
}

/// Says what failed, and ends with a status of 1 if anything did.
fn end(name: &str, failures: &[impl Display]) {
    if !failures.is_empty() {
        failures.iter().for_each(|failure| println!("FAILED {failure}"));
        process::exit(1);
    }
    println!("{name}: passed");
}

/// Runs everything for a while and returns what failed.
fn soak(time: Duration, seed: u64) -> Vec<String> {
    let folder = env::temp_dir().join(format!("soak-{}", process::id()));
    fs::create_dir(&folder).expect("a folder");
    let socket = folder.join("apm.socket");
    let tcp = TestAgent::start().expect("an Agent");
    let unix = TestAgent::builder().with_unix_socket(&socket).start().expect("an Agent");
    let victims = [
        Victim { name: "tcp", agent: &tcp, socket: None },
        Victim { name: "unix", agent: &unix, socket: Some(&socket) },
    ];
    let mut exporting: Vec<Child> =
        victims.iter().map(|victim| Child::start(Some(victim.agent.url()))).collect();
    let bare = Child::start(None);

    let is_over = AtomicBool::new(false);
    let (outcomes, bare) = thread::scope(|scope| {
        let faults: Vec<_> = (seed..)
            .zip(&victims)
            .map(|(seed, victim)| scope.spawn(move || faults::run(victim, seed, time)))
            .collect();
        let arrivals: Vec<_> = victims
            .iter()
            .map(|victim| scope.spawn(|| arrivals::watch(victim.agent, &is_over)))
            .collect();
        let mut loaded = load::run(&exporting.iter().chain([&bare]).collect::<Vec<_>>(), time);
        // The Agents are well again: what waits is sent.
        let faults: Vec<_> =
            faults.into_iter().map(|thread| thread.join().expect("faults")).collect();
        let reports: Vec<_> = exporting.iter_mut().map(Child::end).collect();
        is_over.store(true, Relaxed);
        let bare = loaded.pop().expect("a service without an exporter");
        let arrivals = arrivals.into_iter().map(|thread| thread.join().expect("arrivals"));
        let outcomes: Vec<_> = victims
            .iter()
            .zip(reports)
            .zip(arrivals)
            .zip(faults)
            .zip(loaded)
            .map(|((((victim, report), arrivals), faults), loaded)| Outcome {
                name: victim.name,
                report,
                arrivals,
                faults,
                loaded,
            })
            .collect();
        (outcomes, bare)
    });
    drop((tcp, unix));
    // The system cleans up the rest of it.
    drop(fs::remove_dir_all(&folder));
    outcomes.iter().flat_map(|outcome| outcome.judge(&bare)).collect()
}

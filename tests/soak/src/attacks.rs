//! Attacks on delivery. Each runs in a process of its own, and gets a line that says what was tried and what came out.

mod amounts;
mod answers;
mod foreign;
mod outages;
mod process;
#[path = "../../it/delivery/proxy.rs"]
mod proxy;
mod scene;

use std::panic::catch_unwind;
use std::process::{Command, abort};
use std::sync::Mutex;
use std::time::{Duration, Instant};
use std::{env, thread};

/// The first argument of a process that runs all attacks, or those that are named.
pub(crate) const ALL: &str = "attacks";
/// The first argument of a process that runs one attack.
pub(crate) const ONE: &str = "attack";

/// Attacks that run at once: several of them wait for seconds, and the machine of CI has two cores.
const AT_ONCE: usize = 3;
/// An attack that takes longer hangs: the longest take half a minute.
const LIMIT: Duration = Duration::from_secs(120);

/// An attack on a claim.
struct Attack {
    name: &'static str,
    claim: &'static str,
    /// Panics if the claim does not hold; returns what was tried and what came out.
    run: fn() -> String,
}

#[rustfmt::skip]
const ATTACKS: [Attack; 22] = [
    // The long ones first.
    attack("outages-said",      "each of three outages has its two lines",            outages::three_outages),
    attack("away",              "an Agent that is away behind a proxy costs no span", outages::away_behind_a_proxy),
    attack("restarts",          "an Agent that restarts without end costs no span",   outages::endless_restarts),
    attack("flush-storm",       "a flush hurries no try and costs no span",           outages::flush_storms),
    attack("large-broken",      "large requests that break arrive all the same",      answers::large_requests_break),
    attack("interim-answers",   "1xx answers without end hold nothing up",            answers::interim_answers),
    attack("many-fields",       "an answer with very many fields is an answer",       answers::many_fields),
    attack("many-versions",     "the buffer's cost is flat in the number of versions", amounts::many_versions),
    attack("many-environments", "the buffer's cost is flat in the number of environments", amounts::many_environments),
    attack("small-exports",     "the buffer's cost is flat in the number of exports", amounts::small_exports),
    attack("large-batch",       "512 spans of 160 KB hold no export up, and arrive",  amounts::large_batch),
    attack("large-batch-away",  "512 spans of 160 KB hold no export up without an Agent", amounts::large_batch_away),
    attack("hostile-bodies",    "the embedded Agent's memory is bounded",             amounts::hostile_bodies),
    attack("fork",              "in a forked child everything fails at once",         process::fork),
    attack("no-threads",        "a process without threads to spare loses no span",   process::no_threads),
    attack("no-files",          "a process without files to spare loses no span",     process::no_files),
    attack("sigpipe",           "a host that ignores SIGPIPE survives its Agent",     process::sigpipe),
    attack("broken-output",     "a subscriber whose pipe lost its reader breaks nothing", foreign::broken_output),
    attack("bad-subscriber",    "a subscriber that panics at each line breaks nothing", foreign::bad_subscriber),
    attack("bad-errors",        "an error of a client may do anything",               foreign::bad_errors),
    attack("bad-client",        "a client that always panics breaks nothing else",    foreign::bad_client),
    attack("wording",           "what is lost or cannot work is said with its cause", foreign::wording),
];

const fn attack(name: &'static str, claim: &'static str, run: fn() -> String) -> Attack {
    Attack { name, claim, run }
}

/// Runs the attacks with these names, or all of them, and returns the names of those that succeeded against us.
pub(crate) fn run(names: &[&str]) -> Vec<&'static str> {
    let begin = Instant::now();
    for name in names {
        assert!(ATTACKS.iter().any(|attack| attack.name == *name), "there is no attack {name}");
    }
    let chosen: Vec<&Attack> =
        ATTACKS.iter().filter(|attack| names.is_empty() || names.contains(&attack.name)).collect();
    let (next, failures) = (Mutex::new(chosen.iter()), Mutex::new(Vec::new()));
    let take = || next.lock().expect("no panic").next();
    thread::scope(|scope| {
        for _ in 0..AT_ONCE {
            scope.spawn(|| {
                while let Some(attack) = take() {
                    if !attack.holds() {
                        failures.lock().expect("no panic").push(attack.name);
                    }
                }
            });
        }
    });
    println!("attacks: {} in {:.0} s", chosen.len(), begin.elapsed().as_secs_f64());
    failures.into_inner().expect("no panic")
}

/// Runs one attack in this process, which ends with it.
pub(crate) fn run_one(name: &str) -> ! {
    let attack = ATTACKS.iter().find(|attack| attack.name == name).expect("an attack");
    thread::spawn(|| {
        thread::sleep(LIMIT);
        println!("it hangs: not done within {LIMIT:?}");
        abort();
    });
    match catch_unwind(attack.run) {
        Ok(outcome) => println!("{outcome}"),
        Err(cause) => {
            let text = cause.downcast_ref::<String>().map(String::as_str);
            println!("{}", text.or(cause.downcast_ref().copied()).unwrap_or("a panic"));
            std::process::exit(1);
        }
    }
    std::process::exit(0);
}

impl Attack {
    /// Runs the attack in a process of its own, says what came out, and whether the claim holds.
    fn holds(&self) -> bool {
        let begin = Instant::now();
        let program = env::current_exe().expect("a program");
        let output = Command::new(program)
            .args([ONE, self.name])
            .env("RUST_BACKTRACE", "0")
            .output()
            .expect("a process");
        let holds = output.status.success();
        println!(
            "{} {} ({:.1} s): {}: {}",
            if holds { "ok    " } else { "FAILED" },
            self.name,
            begin.elapsed().as_secs_f64(),
            self.claim,
            String::from_utf8_lossy(&output.stdout).trim(),
        );
        if !holds {
            println!("{}", String::from_utf8_lossy(&output.stderr).trim());
        }
        holds
    }
}

//! The faults of an Agent, drawn by a seed.

use std::path::Path;
use std::thread;
use std::time::{Duration, Instant};
use std::{collections::BTreeMap, fs};

use datadog_test_agent::{Fault, TestAgent};
use fastrand::Rng;

/// An Agent that things happen to.
pub(crate) struct Victim<'a> {
    pub(crate) name: &'static str,
    pub(crate) agent: &'a TestAgent,
    /// The file of its socket, if it has one.
    pub(crate) socket: Option<&'a Path>,
}

/// The faults of a run.
#[derive(Debug, Default)]
pub(crate) struct Happened {
    /// The moments at which connections were cut, and with them the requests on their way.
    pub(crate) cuts: Vec<Instant>,
    /// The number of times of each fault.
    pub(crate) counts: BTreeMap<&'static str, u32>,
}

/// No fault begins in the last part of the run: what waits is sent then.
const CALM_PART: u32 = 10;
/// The longest time without a fault, in milliseconds.
const MAX_PAUSE: u64 = 4_000;
/// The longest time of a fault, in milliseconds, unless its row says more.
const MAX_FAULT: u64 = 1_500;
/// The longest answer: far below the exporter's time-out.
pub(crate) const MAX_DELAY: u64 = 400;

type Trouble = (&'static str, fn(&Victim<'_>, &mut Rng, &mut Happened));

const FAULTS: [Trouble; 10] = [
    ("killed and restarted", |victim, rng, happened| {
        // One in four is long enough to fill the buffer.
        let longest = if rng.u8(..) < 64 { 12_000 } else { MAX_FAULT };
        down(victim, rng, longest, happened);
    }),
    ("killed while slow", |victim, rng, happened| {
        victim.agent.set_default_reply(Fault::Slow(Duration::from_millis(MAX_DELAY)));
        pause(rng, MAX_FAULT);
        down(victim, rng, MAX_FAULT, happened);
        victim.agent.set_default_reply(Fault::Accept);
    }),
    ("slow", |victim, rng, _| slow(victim, rng)),
    ("429", |victim, rng, _| answers(victim, rng, Fault::Overloaded)),
    ("503", |victim, rng, _| answers(victim, rng, Fault::Status(503))),
    ("413", |victim, rng, _| answers(victim, rng, Fault::EarlyPayloadTooLarge)),
    ("answer cut", |victim, rng, _| answers(victim, rng, Fault::CloseMidResponse)),
    ("closed", |victim, rng, _| answers(victim, rng, Fault::Close)),
    ("no answer", |victim, rng, _| answers(victim, rng, Fault::Hang)),
    // Last: only for an Agent that has one.
    ("socket file removed", socket_removed),
];

/// Lets one thing after the other happen to an Agent for a while, and leaves it well.
pub(crate) fn run(victim: &Victim<'_>, seed: u64, time: Duration) -> Happened {
    let (start, mut rng, mut happened) =
        (Instant::now(), Rng::with_seed(seed), Happened::default());
    while start.elapsed() < time - time / CALM_PART {
        pause(&mut rng, MAX_PAUSE);
        let kinds = FAULTS.len() - usize::from(victim.socket.is_none());
        let (name, fault) = FAULTS[rng.usize(..kinds)];
        *happened.counts.entry(name).or_default() += 1;
        fault(victim, &mut rng, &mut happened);
    }
    happened
}

fn pause(rng: &mut Rng, longest: u64) {
    thread::sleep(Duration::from_millis(rng.u64(50..longest)));
}

/// The Agent is gone for a while.
fn down(victim: &Victim<'_>, rng: &mut Rng, longest: u64, happened: &mut Happened) {
    victim.agent.pause();
    happened.cuts.push(Instant::now());
    pause(rng, longest);
    victim.agent.resume().expect("the address is still ours");
}

fn slow(victim: &Victim<'_>, rng: &mut Rng) {
    let delay = Duration::from_millis(rng.u64(50..MAX_DELAY));
    answers(victim, rng, Fault::Slow(delay));
}

/// The Agent answers so for a while.
fn answers(victim: &Victim<'_>, rng: &mut Rng, reply: Fault) {
    victim.agent.set_default_reply(reply);
    pause(rng, MAX_FAULT);
    victim.agent.set_default_reply(Fault::Accept);
}

/// Somebody cleans up: the Agent still listens, but nobody finds it until it starts anew.
fn socket_removed(victim: &Victim<'_>, rng: &mut Rng, happened: &mut Happened) {
    let socket = victim.socket.expect("an Agent with a socket");
    drop(fs::remove_file(socket));
    pause(rng, MAX_FAULT);
    down(victim, rng, MAX_FAULT, happened);
}

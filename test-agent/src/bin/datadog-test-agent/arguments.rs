//! The arguments of the program.

use std::net::{Ipv4Addr, SocketAddr};

/// The help.
pub(crate) const HELP: &str = "\
Usage: datadog-test-agent [PORT | ADDRESS:PORT] [--allow-host NAME]...

Takes the traces of Datadog's tracers in any language, and shows them here and at http://localhost:8126/.

  PORT               another port than 8126
  ADDRESS:PORT       another address than 127.0.0.1, as 0.0.0.0:8126 for tracers in containers
  --allow-host NAME  a further name under which a browser may open the page
  --help             this text";

/// The address at which tracers look for the Agent.
const ADDRESS: (Ipv4Addr, u16) = (Ipv4Addr::LOCALHOST, 8126);

/// The wish of the caller.
#[derive(Debug, PartialEq)]
pub(crate) enum Wish {
    Run(Arguments),
    Help,
}

/// The settings of a run.
#[derive(Debug, PartialEq)]
pub(crate) struct Arguments {
    pub(crate) address: SocketAddr,
    /// The further host names of the page.
    pub(crate) hosts: Vec<String>,
}

impl Arguments {
    /// Reads the arguments; the error names the one that is wrong.
    pub(crate) fn read(mut words: impl Iterator<Item = String>) -> Result<Wish, String> {
        let mut arguments = Self { address: ADDRESS.into(), hosts: Vec::new() };
        while let Some(word) = words.next() {
            match word.as_str() {
                "--help" | "-h" => return Ok(Wish::Help),
                "--allow-host" => {
                    arguments.hosts.push(words.next().ok_or("`--allow-host` needs a name")?);
                }
                _ => arguments.address = address(&word)?,
            }
        }
        Ok(Wish::Run(arguments))
    }
}

fn address(word: &str) -> Result<SocketAddr, String> {
    if let Ok(port) = word.parse() {
        return Ok(SocketAddr::from((ADDRESS.0, port)));
    }
    word.parse().map_err(|_| format!("`{word}` is no port, no address with a port, and no option"))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(words: &str) -> Result<Wish, String> {
        Arguments::read(words.split_whitespace().map(str::to_owned))
    }

    #[test]
    fn ports_addresses_and_hosts_are_read() {
        let run = |address: &str, hosts: &[&str]| {
            let hosts = hosts.iter().map(|host| (*host).to_owned()).collect();
            Ok(Wish::Run(Arguments { address: address.parse().unwrap(), hosts }))
        };
        assert_eq!(read(""), run("127.0.0.1:8126", &[]));
        assert_eq!(read("9000"), run("127.0.0.1:9000", &[]));
        assert_eq!(read("0.0.0.0:1 --allow-host agent"), run("0.0.0.0:1", &["agent"]));
        assert_eq!(read("--allow-host a --allow-host b [::1]:2"), run("[::1]:2", &["a", "b"]));
        assert_eq!(read("9000 --help"), Ok(Wish::Help));
        for wrong in ["70000", "localhost", "--allow-host", "--port"] {
            assert!(read(wrong).is_err(), "{wrong}");
        }
    }
}

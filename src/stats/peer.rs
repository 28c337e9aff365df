//! Values of peer tags without the addresses of single hosts, as the Agent groups them.
//!
//! Source: `pkg/obfuscate/ip_address.go` of `DataDog/datadog-agent`, 7.85.

use std::net::Ipv6Addr;

/// The word that stands for an address.
const BLOCKED: &str = "blocked-ip-address";

/// Addresses that are the same on every host: the host itself, and metadata services of clouds.
const ALLOWED: [&str; 5] =
    ["127.0.0.1", "::1", "169.254.169.254", "fd00:ec2::254", "169.254.170.2"];

/// Schemes that may stand before an address, with `://` or `:///`.
const SCHEMES: [&str; 5] = ["dnspoll", "ftp", "file", "http", "https"];

/// The start of host names that EC2 makes of addresses.
const EC2: &str = "ip-";

/// Appends a list of hosts, separated by commas: an address becomes one word, and each entry comes once.
pub(crate) fn push_without_addresses(hosts: &str, out: &mut String) {
    let start = out.len();
    for (number, host) in hosts.split(',').enumerate() {
        let before = out.len();
        if number > 0 {
            out.push(',');
        }
        let from = out.len();
        push_host(host, out);
        let is_known = out[start..before].split(',').any(|known| *known == out[from..]);
        if number > 0 && is_known {
            out.truncate(before);
        }
    }
}

fn push_host(raw: &str, out: &mut String) {
    let (prefix, rest) = split_prefix(raw);
    let (host, port) = split_port(rest).unwrap_or((rest, ""));
    let address = address_length(host).filter(|length| !ALLOWED.contains(&&host[..*length]));
    let Some(length) = address else { return out.push_str(raw) };
    out.push_str(prefix);
    out.push_str(BLOCKED);
    if !port.is_empty() {
        out.push(':');
        out.push_str(port);
    }
    out.push_str(&host[length..]);
}

/// Splits off what may stand before an address. What stands before a scheme is lost, as in the Agent.
fn split_prefix(raw: &str) -> (&str, &str) {
    if let Some(rest) = raw.strip_prefix(EC2) {
        return (EC2, rest);
    }
    for scheme in SCHEMES {
        let Some(at) = raw.find(scheme) else { continue };
        let end = at + scheme.len();
        for sign in [":///", "://"] {
            if raw[end..].starts_with(sign) && raw.len() > end + sign.len() {
                let end = end + sign.len();
                return (&raw[at..end], &raw[end..]);
            }
        }
    }
    ("", raw)
}

/// Splits `host:port` or `[host]:port`.
fn split_port(input: &str) -> Option<(&str, &str)> {
    let colon = input.rfind(':')?;
    let (host, inside, behind) = if input.starts_with('[') {
        let end = input.find(']').filter(|end| end + 1 == colon)?;
        (&input[1..end], 1, end + 1)
    } else {
        (&input[..colon], 0, 0)
    };
    let is_split = host.contains(':') && inside == 0;
    let is_odd = input[inside..].contains('[') || input[behind..].contains(']');
    (!is_split && !is_odd).then(|| (host, &input[colon + 1..]))
}

/// Returns how many bytes at the start of a host are an address; all of it, but for what follows an IPv4 address.
fn address_length(host: &str) -> Option<usize> {
    let first = host.bytes().next()?;
    if !first.is_ascii_hexdigit() && first != b':' {
        return None;
    }
    match host.bytes().find(|byte| b"._-:%".contains(byte))? {
        b':' => {
            // A zone may follow, if it says something.
            let (address, zone) = host.split_once('%').unwrap_or((host, "x"));
            (address.parse::<Ipv6Addr>().is_ok() && !zone.is_empty()).then_some(host.len())
        }
        b'%' => None,
        separator => ipv4_length(host.as_bytes(), separator),
    }
}

/// Returns how many bytes at the start are an IPv4 address whose parts this byte separates.
fn ipv4_length(host: &[u8], separator: u8) -> Option<usize> {
    let (mut value, mut digits, mut part) = (0_u16, 0, 0);
    for (at, byte) in host.iter().enumerate() {
        if byte.is_ascii_digit() {
            if digits == 1 && value == 0 {
                return None;
            }
            value = value * 10 + u16::from(byte - b'0');
            digits += 1;
            if value > 255 {
                return None;
            }
        } else if *byte == separator {
            if at == 0 || at == host.len() - 1 || host[at - 1] == separator {
                return None;
            }
            if part == 3 {
                return Some(at);
            }
            (part, value, digits) = (part + 1, 0, 0);
        } else {
            return (part == 3 && digits > 0).then_some(at);
        }
    }
    (part == 3).then_some(host.len())
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Pairs of `pkg/obfuscate/ip_address_test.go`'s kinds, checked by running the Agent's function.
    #[test]
    fn addresses_become_one_word() {
        for (raw, expected) in [
            ("", ""),
            ("db.example.com", "db.example.com"),
            ("192.168.1.1", "blocked-ip-address"),
            ("192.168.1.1:1234", "blocked-ip-address:1234"),
            ("192.168.1.1.foo", "blocked-ip-address.foo"),
            ("192-168-1-1.foo", "blocked-ip-address.foo"),
            ("192_168_1_1", "blocked-ip-address"),
            ("192.168.1", "192.168.1"),
            ("192.168.1.", "192.168.1."),
            ("192.168.1.1.", "192.168.1.1."),
            ("192.168.1.256", "192.168.1.256"),
            ("192.168.01.1", "192.168.01.1"),
            ("ip-10-152-4-129.ec2.internal", "ip-blocked-ip-address.ec2.internal"),
            ("http://172.24.160.151:8091", "http://blocked-ip-address:8091"),
            ("dnspoll:///10.21.120.145:6400", "dnspoll:///blocked-ip-address:6400"),
            ("127.0.0.1:80", "127.0.0.1:80"),
            ("::1", "::1"),
            ("169.254.169.254", "169.254.169.254"),
            ("2001:db8:3c4d:15::1a2f:1a2b", "blocked-ip-address"),
            ("[2001:db8:3c4d:15::1a2f:1a2b]:80", "blocked-ip-address:80"),
            ("fe80::1%lo0", "blocked-ip-address"),
            ("abc:def", "abc:def"),
            ("10.1.1.1,10.1.1.2,host", "blocked-ip-address,host"),
            ("a,b,a", "a,b"),
            (",a,", ",a"),
        ] {
            let mut out = "peer:".to_owned();
            push_without_addresses(raw, &mut out);
            assert_eq!(out["peer:".len()..], *expected, "{raw}");
        }
    }
}

//! Headers that say who sends: process facts, container and entity id. Computed once per process.
//!
//! The Agent turns the container id into container and Kubernetes tags. Sources: crate `libdd-common`,
//! `src/entity_id`, for the forms of `/proc/self/cgroup`; measured on the Agent's own code, 7.85, for
//! what it reads (`tests/agent`).

use std::path::Path;
use std::sync::OnceLock;

/// Headers of every request. The language version is a lower bound: a compiler leaves no trace.
const PROCESS: &[(&str, &str)] = &[
    ("datadog-meta-lang", "rust"),
    ("datadog-meta-lang-version", concat!(env!("CARGO_PKG_RUST_VERSION"), "+")),
    ("datadog-meta-tracer-version", env!("CARGO_PKG_VERSION")),
    // Without this the Agent answers 200 for a payload that it had no time for.
    ("datadog-send-real-http-status", "1"),
    // The mapping marks entry spans itself, since batches cut traces.
    ("datadog-client-computed-top-level", "1"),
];

/// The file in which the kernel lists the control groups of this process.
const CGROUP_FILE: &str = "/proc/self/cgroup";
/// The folder where the groups are mounted.
const CGROUP_MOUNT: &str = "/sys/fs/cgroup";
/// The namespace of the groups; its inode tells whether it is the host's.
const CGROUP_NAMESPACE: &str = "/proc/self/ns/cgroup";
/// The inode of the host's namespace, a constant of the kernel.
const HOST_NAMESPACE: u64 = 0xEFFF_FFFB;

/// Returns the headers that are the same for every request of this process. `external_env` is the value
/// that a Kubernetes admission controller put into the environment.
pub(super) fn headers(external_env: Option<&str>) -> Vec<(&'static str, String)> {
    static IDENTITY: OnceLock<Identity> = OnceLock::new();
    let identity = IDENTITY.get_or_init(Identity::of_this_process);
    let mut headers: Vec<_> =
        PROCESS.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
    headers.extend(identity.headers());
    headers.extend(external_env.map(|env| ("datadog-external-env", env.to_owned())));
    headers
}

/// Facts about the container.
#[derive(Debug, Default, PartialEq, Eq)]
struct Identity {
    container: Option<String>,
    inode: Option<u64>,
}

impl Identity {
    fn of_this_process() -> Self {
        std::fs::read_to_string(CGROUP_FILE)
            .map(|groups| Self::of_groups(&groups, inode))
            .unwrap_or_default()
    }

    /// Reads the text of [`CGROUP_FILE`]. `inode` looks up the files that it leads to.
    fn of_groups(groups: &str, inode: impl Fn(&Path) -> Option<u64>) -> Self {
        let is_host =
            inode(Path::new(CGROUP_NAMESPACE)).is_none_or(|inode| inode == HOST_NAMESPACE);
        let directory = if is_host { None } else { group_directory(groups) };
        let inode = directory.and_then(|directory| inode(Path::new(&directory)));
        Self { container: container_id(groups).map(str::to_owned), inode }
    }

    fn headers(&self) -> Vec<(&'static str, String)> {
        match (&self.container, self.inode) {
            (Some(id), _) => {
                vec![
                    ("datadog-container-id", id.clone()),
                    ("datadog-entity-id", format!("ci-{id}")),
                ]
            }
            (None, Some(inode)) => vec![("datadog-entity-id", format!("in-{inode}"))],
            (None, None) => Vec::new(),
        }
    }
}

/// Finds the container id in the text of [`CGROUP_FILE`]: the first line whose path ends in one.
fn container_id(groups: &str) -> Option<&str> {
    groups.lines().find_map(|line| {
        let mut fields = line.splitn(3, ':');
        let (hierarchy, path) = (fields.next()?, fields.nth(1)?.trim_end_matches(' '));
        if hierarchy.is_empty() || !hierarchy.bytes().all(|digit| digit.is_ascii_digit()) {
            return None;
        }
        let mut segments = path.rsplit('/');
        let (last, before) = (segments.next()?, segments.next());
        id_at_end(last.strip_suffix(".scope").unwrap_or(last))
            // One more segment may follow what was a scope.
            .or_else(|| id_at_end(before?.strip_suffix(".scope").unwrap_or(before?)))
    })
}

/// The forms of a container id: lengths of its groups of digits, and what may stand between them.
const FORMS: &[(&[usize], &[u8])] = &[
    (&[8, 4, 4, 4, 12], b"-_"), // UUID
    (&[8, 4, 4, 4, 4], b"-"),   // Cloud Foundry
    (&[64], b""),               // Docker, containerd, CRI-O
];
/// Hexadecimal digits of a Fargate task, before a dash and decimal digits.
const FARGATE_DIGITS: usize = 32;

fn id_at_end(segment: &str) -> Option<&str> {
    let of_form = |(groups, separators): &(&[usize], &[u8])| {
        let length = groups.iter().sum::<usize>() + groups.len() - 1;
        let id = segment.get(segment.len().checked_sub(length)?..)?;
        has_form(id.as_bytes(), groups, separators).then_some(id)
    };
    FORMS.iter().find_map(of_form).or_else(|| fargate(segment))
}

fn has_form(mut id: &[u8], groups: &[usize], separators: &[u8]) -> bool {
    for (number, length) in groups.iter().enumerate() {
        if number > 0 {
            match id.split_first() {
                Some((separator, rest)) if separators.contains(separator) => id = rest,
                _ => return false,
            }
        }
        let (group, rest) = id.split_at(*length);
        if !group.iter().copied().all(is_digit) {
            return false;
        }
        id = rest;
    }
    true
}

fn fargate(segment: &str) -> Option<&str> {
    let (task, number) = segment.rsplit_once('-')?;
    let digits = task.get(task.len().checked_sub(FARGATE_DIGITS)?..)?;
    let is_task = digits.bytes().all(is_digit);
    let is_number = !number.is_empty() && number.bytes().all(|digit| digit.is_ascii_digit());
    (is_task && is_number).then(|| &segment[task.len() - FARGATE_DIGITS..])
}

fn is_digit(byte: u8) -> bool {
    matches!(byte, b'0'..=b'9' | b'a'..=b'f')
}

/// Finds the directory of this process's group: the one of `memory`, else that of version 2.
fn group_directory(groups: &str) -> Option<String> {
    let mut unified = None;
    for line in groups.lines() {
        let fields: Vec<&str> = line.split(':').collect();
        let [_, controllers, path] = fields[..] else { continue };
        if controllers.split(',').any(|controller| controller == "memory") {
            return Some(format!("{CGROUP_MOUNT}/memory{path}"));
        }
        if controllers.is_empty() {
            unified = Some(format!("{CGROUP_MOUNT}{path}"));
        }
    }
    unified
}

#[cfg(unix)]
fn inode(path: &Path) -> Option<u64> {
    use std::os::unix::fs::MetadataExt;

    std::fs::metadata(path).ok().map(|file| file.ino())
}

#[cfg(not(unix))]
fn inode(_path: &Path) -> Option<u64> {
    None
}

#[cfg(test)]
mod tests {
    use super::*;

    const DOCKER: &str = "34dc0b5e626f2c5c4c5170e34b10e7654ce36f0fcd532739f4445baabea03376";

    #[test]
    fn container_ids_are_found_in_every_form() {
        let uuid = "34dc0b5e-626f-2c5c-4c51-70e34b10e765";
        let foundry = "34dc0b5e-626f-2c5c-4c51-70e3";
        let task = "34dc0b5e626f2c5c4c5170e34b10e765-1234567890";
        for (line, id) in [
            (format!("1:name=systemd:/docker/{DOCKER}"), Some(DOCKER)),
            (format!("0::/system.slice/docker-{DOCKER}.scope"), Some(DOCKER)),
            (format!("0::/x/libpod-{DOCKER}.scope/container"), Some(DOCKER)),
            (format!("1:a:/kubepods/pod{uuid}"), Some(uuid)),
            (format!("1:a:/garden/{foundry}  "), Some(foundry)),
            (format!("1:a:/ecs/{task}"), Some(task)),
            (format!("1:a:/kubepods/pod{}", uuid.replace('-', "_")), Some(&uuid.replace('-', "_"))),
            (format!("1:a:/docker/{DOCKER}.scope   "), Some(DOCKER)),
            (format!("1:a:/kubepods/pod{uuid}/docker-{DOCKER}.scope"), Some(DOCKER)),
            (format!("1:a:b:/docker/{DOCKER}"), Some(DOCKER)),
            (format!("1:a:/ecs/{task}.scope/x"), Some(task)),
            (format!("1:a:/docker/{}", DOCKER.to_uppercase()), None),
            (format!("1:a:/docker/{}", &DOCKER[..63]), None),
            (format!("1:a:/docker/{}", DOCKER.replacen('4', "g", 9)), None),
            (format!("1:a:/docker/{DOCKER}.slice"), None),
            (format!("1:a:/x/{DOCKER}.scope/two/more"), None),
            (format!("1:a:/ecs/{}", task.replace("-123", "-x123")), None),
            (format!("1:a:/ecs/{}", &task[1..]), None),
            (format!("1:a:/ecs/{}-", &task[..32]), None),
            (format!("1:a:/garden/{}", foundry.replace('-', "_")), None),
            (format!("1:a:/{}é", &DOCKER[..63]), None),
            (format!("1:/docker/{DOCKER}"), None),
            (format!("x:a:/docker/{DOCKER}"), None),
            (DOCKER.to_owned(), None),
            ("0::/".to_owned(), None),
            (String::new(), None),
        ] {
            assert_eq!(container_id(&line), id, "{line}");
        }
        assert_eq!(container_id(&format!("0::/\n1:a:/docker/{DOCKER}\n")), Some(DOCKER));
    }

    #[test]
    fn the_memory_group_beats_the_unified_one() {
        let groups = "0::/unified\nbad\n5:cpu,memory:/kube/x\n";
        assert_eq!(group_directory(groups).as_deref(), Some("/sys/fs/cgroup/memory/kube/x"));
        assert_eq!(group_directory("0::/a").as_deref(), Some("/sys/fs/cgroup/a"));
        assert_eq!(group_directory("1:a:/b:c\n"), None);
        assert_eq!(group_directory("1:memory_x,cpu:/b\n"), None);
    }

    #[test]
    fn the_inode_counts_only_outside_of_the_hosts_namespace() {
        let lookup = |namespace: Option<u64>| {
            move |path: &Path| match path.to_str()? {
                CGROUP_NAMESPACE => namespace,
                "/sys/fs/cgroup/a" => Some(42),
                _ => None,
            }
        };
        let inode = |groups: &str, namespace| Identity::of_groups(groups, lookup(namespace)).inode;
        assert_eq!(inode("0::/a\n", Some(HOST_NAMESPACE + 1)), Some(42));
        assert_eq!(inode("0::/a\n", Some(HOST_NAMESPACE)), None);
        assert_eq!(inode("0::/a\n", None), None, "who cannot tell says nothing");
        assert_eq!(inode("0::/gone\n", Some(1)), None);
        assert_eq!(inode("", Some(1)), None);
        let groups = format!("0::/a\n1:b:/docker/{DOCKER}\n");
        let identity = Identity::of_groups(&groups, lookup(Some(1)));
        assert_eq!((identity.container.as_deref(), identity.inode), (Some(DOCKER), Some(42)));
    }

    #[test]
    fn a_container_id_is_sent_twice_and_an_inode_alone() {
        let identity = Identity { container: Some("abc".to_owned()), inode: Some(7) };
        let expected = [
            ("datadog-container-id", "abc".to_owned()),
            ("datadog-entity-id", "ci-abc".to_owned()),
        ];
        assert_eq!(identity.headers(), expected);
        let identity = Identity { container: None, inode: Some(7) };
        assert_eq!(identity.headers(), [("datadog-entity-id", "in-7".to_owned())]);
        assert_eq!(Identity::default().headers(), []);
    }
}

//! The repository and the commit of the program: code over variables over `DD_TAGS` over the variables
//! that were set when this crate was compiled.

use super::checked;
use super::variables::Variables;
use crate::BuildError;
use crate::mapping::obfuscate::without_secrets;
use crate::mapping::{Git, QuerySecrets};

/// The sources of one of both facts: variable, key in `DD_TAGS`, and the variable when this crate was compiled.
type Sources = (&'static str, &'static str, Option<&'static str>);

const REPOSITORY: Sources =
    ("DD_GIT_REPOSITORY_URL", "git.repository_url", option_env!("DD_GIT_REPOSITORY_URL"));
const COMMIT: Sources = ("DD_GIT_COMMIT_SHA", "git.commit.sha", option_env!("DD_GIT_COMMIT_SHA"));

/// Finds both, and takes them out of the tags of `DD_TAGS`: they are tags of no other name.
pub(super) fn find<F: Fn(&str) -> Option<String>>(
    in_code: Option<(String, String)>,
    variables: &mut Variables<F>,
    tags: &mut Vec<(String, String)>,
) -> Result<Git, BuildError> {
    let (url, sha) = in_code.unzip();
    let (url, sha) = (checked("with_git", url)?, checked("with_git", sha)?);
    let repository_url = of(&REPOSITORY, url, variables, tags);
    let commit_sha = of(&COMMIT, sha, variables, tags);
    if !variables.flag("DD_TRACE_GIT_METADATA_ENABLED", true) {
        return Ok(Git::default());
    }
    let repository_url = repository_url.map(|url| without_user(&url));
    Ok(Git { repository_url, commit_sha })
}

fn of<F: Fn(&str) -> Option<String>>(
    (variable, key, compiled_in): &Sources,
    in_code: Option<String>,
    variables: &mut Variables<F>,
    tags: &mut Vec<(String, String)>,
) -> Option<String> {
    let tag = tags.iter().find(|(name, text)| name == key && !text.is_empty());
    let tag = tag.map(|(_, text)| text.clone());
    tags.retain(|(name, _)| name != key);
    let compiled_in = compiled_in.filter(|text| !text.is_empty()).map(str::to_owned);
    in_code.or_else(|| variables.text(variable)).or(tag).or(compiled_in)
}

/// Returns the URL of a repository without its secrets. The user of `git@host:path` is none and stays: without it
/// that would be no address.
fn without_user(url: &str) -> String {
    match url.rsplit_once('@') {
        Some((user, rest)) if !url.contains("://") && user.contains(':') => rest.to_owned(),
        _ => without_secrets(url, &QuerySecrets::Redacted).into_owned(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::DatadogExporter;
    use crate::config::Settings;
    use crate::config::tests::environment;

    fn git(builder: crate::DatadogExporterBuilder, variables: &[(&str, &str)]) -> (Git, usize) {
        let options = Settings::resolve(builder.inputs, environment(variables)).unwrap().options;
        (options.git, options.tags.len())
    }

    fn both(url: &str, sha: &str) -> Git {
        Git { repository_url: Some(url.to_owned()), commit_sha: Some(sha.to_owned()) }
    }

    #[test]
    fn git_metadata_comes_from_code_then_variables_then_tags() {
        let all = [
            ("DD_GIT_REPOSITORY_URL", "https://host/variable"),
            ("DD_GIT_COMMIT_SHA", "bbb"),
            ("DD_TAGS", "git.repository_url:https://host/tag,git.commit.sha:ccc,a:b"),
        ];
        let builder = DatadogExporter::builder;
        let in_code = builder().with_git("https://host/code", "aaa");
        assert_eq!(git(in_code, &all), (both("https://host/code", "aaa"), 1));
        assert_eq!(git(builder(), &all), (both("https://host/variable", "bbb"), 1));
        assert_eq!(git(builder(), &all[2..]), (both("https://host/tag", "ccc"), 1));
        assert_eq!(git(builder(), &all[1..]), (both("https://host/tag", "bbb"), 1));
        let compiled_in = REPOSITORY.2.is_some() || COMMIT.2.is_some();
        assert!(compiled_in || git(builder(), &[]) == (Git::default(), 0));
        let off = [all[0], all[1], all[2], ("DD_TRACE_GIT_METADATA_ENABLED", "false")];
        let in_code = builder().with_git("https://host/code", "aaa");
        assert_eq!(git(in_code, &off), (Git::default(), 1));
        assert!(builder().with_git("", "aaa").build().is_err());
    }

    #[test]
    fn a_repository_has_no_user_and_no_password() {
        for (url, left) in [
            ("https://host/a.git", "https://host/a.git"),
            ("https://user:secret@host/a.git", "https://host/a.git"),
            ("https://secret@host:8443/a@b.git", "https://host:8443/a@b.git"),
            ("https://user:sec/ret@host/a.git", "https://host/a.git"),
            ("ssh://git@host/a.git", "ssh://host/a.git"),
            ("git@host:group/a.git", "git@host:group/a.git"),
            ("user:secret@host/a.git", "host/a.git"),
            ("https://host/a@b", "https://host/a@b"),
            ("https://host/a?private_token=secret", "https://host/a?private_<redacted>"),
            ("/path/of/a", "/path/of/a"),
        ] {
            assert_eq!(without_user(url), left, "{url}");
            let (git, _) = git(DatadogExporter::builder(), &[("DD_GIT_REPOSITORY_URL", url)]);
            assert_eq!(git.repository_url.as_deref(), Some(left));
        }
    }
}

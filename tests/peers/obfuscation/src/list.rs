//! The list: `statements.sql`.

/// Returns the statements, each after its system. An indented line continues the one before.
pub(crate) fn statements() -> Vec<(&'static str, String)> {
    let (mut system, mut found) = ("", Vec::<(&str, String)>::new());
    for line in include_str!("../statements.sql").lines() {
        match line.strip_prefix("== ") {
            Some(name) => system = name,
            None if line.starts_with("  ") => {
                let (_, statement) = found.last_mut().expect("the first line is a system");
                statement.push('\n');
                statement.push_str(line);
            }
            None => found.push((system, line.to_owned())),
        }
    }
    found
}

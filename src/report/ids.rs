//! Ids of things in a report which stay the same from night to night, whoever asks for them.

use super::needs::stable_id;
use crate::core::ids::ProjectName;

/// The id of a file that waits until a person approves or dismisses it: the same as long as project and path are,
/// however the path is written.
pub fn artifact_id(project: &ProjectName, path: &str) -> String {
    stable_id("a", &[project.as_str(), "artifact", &normalised(path)])
}

/// The path without `.`, doubled separators and what `..` takes back.
pub fn normalised(path: &str) -> String {
    let mut parts: Vec<&str> = Vec::new();
    for part in path.trim().split(['/', '\\']) {
        match part {
            "" | "." => {}
            ".." if parts.last().is_some_and(|last| *last != "..") => {
                parts.pop();
            }
            part => parts.push(part),
        }
    }
    parts.join("/")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_id_is_that_of_project_and_path_however_the_path_is_written() {
        let project = |name: &str| ProjectName::new(name).unwrap();
        let id = artifact_id(&project("shop"), "app/views/a.sql");
        assert_eq!(id, artifact_id(&project("shop"), "./app//x/../views/a.sql"));
        assert_ne!(id, artifact_id(&project("other"), "app/views/a.sql"));
        assert_ne!(id, artifact_id(&project("shop"), "app/views/A.sql"));
        assert_ne!(id, artifact_id(&project("shop"), "../app/views/a.sql"));
        assert!(id.starts_with("a-") && id.len() == 12, "{id}");
    }
}

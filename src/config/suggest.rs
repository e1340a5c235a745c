//! Did you mean: the known name that is closest to a mistyped one.

use super::printable::quoted;

/// The closest candidate, when it is close enough to be a slip: at most two edits, and not most of the word.
pub fn closest<'a>(typed: &str, candidates: impl IntoIterator<Item = &'a str>) -> Option<&'a str> {
    let typed = typed.to_lowercase();
    let length = typed.chars().count();
    if length > 100 {
        return None;
    }
    let allowed = (length / 2).min(2);
    candidates
        .into_iter()
        // Cheap to see, and most candidates end here: a file may hold very many slips.
        .filter(|name| name.chars().count().abs_diff(length) <= allowed)
        .map(|name| (strsim::damerau_levenshtein(&typed, &name.to_lowercase()), name))
        .filter(|(distance, _)| *distance <= allowed)
        .min_by_key(|(distance, _)| *distance)
        .map(|(_, name)| name)
}

/// A hint for an unknown name: the closest one, else all of them when they are few, else `None`.
pub fn hint<'a>(typed: &str, known: impl IntoIterator<Item = &'a str> + Clone) -> Option<String> {
    if let Some(name) = closest(typed, known.clone()) {
        return Some(format!("did you mean {}?", quoted(name)));
    }
    let all: Vec<String> = known.into_iter().take(31).map(quoted).collect();
    match all.len() {
        0 => None,
        1..=30 => Some(format!("known here: {}", all.join(", "))),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_slip_is_recognised_and_another_word_is_not() {
        let known = ["command", "project", "after", "env"];
        assert_eq!(closest("comand", known), Some("command"));
        assert_eq!(closest("Command", known), Some("command"));
        assert_eq!(closest("aftre", known), Some("after"));
        assert_eq!(closest("banana", known), None);
        assert_eq!(closest("x", known), None);
    }
}

//! Story names from the names of arrays in one file.

use std::collections::BTreeSet;

use crate::files::formats::joblib::is_usual;

/// Returns story names for array names, in order, and a note for the user.
///
/// From hierarchical names, a generic last component ("alpha/data") is dropped, as is a first one common to all.
pub(super) fn stories(names: &[String]) -> (Vec<String>, Option<String>) {
    let parts: Vec<Vec<&str>> = names.iter().map(|name| name.split('/').collect()).collect();
    let says_nothing =
        |parts: &Vec<&str>| parts.len() > 1 && parts.last().is_some_and(|last| is_usual(last));
    let shorter: Vec<Vec<&str>> = if !parts.is_empty() && parts.iter().all(says_nothing) {
        parts
            .iter()
            .map(|parts| parts[..parts.len() - 1].to_vec())
            .collect()
    } else {
        parts
    };
    let n_common = n_common(&shorter);
    let stories: Vec<String> = shorter
        .iter()
        .map(|parts| parts[n_common..].join("/"))
        .collect();
    let distinct: BTreeSet<&String> = stories.iter().collect();
    let is_number = |story: &String| story.chars().all(|c| c.is_ascii_digit());
    if distinct.len() < stories.len() || (n_common > 0 && stories.iter().all(is_number)) {
        return (names.to_vec(), None);
    }
    let note = (n_common > 0).then(|| {
        format!(
            "The arrays lie in the group \"{}\" of the file.",
            shorter[0][..n_common].join("/").escape_debug()
        )
    });
    (stories, note)
}

/// Number of leading components common to all names, excluding the last component.
fn n_common(names: &[Vec<&str>]) -> usize {
    let Some((first, others)) = names.split_first().filter(|(_, others)| !others.is_empty()) else {
        return 0;
    };
    let most = names.iter().map(|parts| parts.len() - 1).min().unwrap_or(0);
    (0..most)
        .take_while(|index| others.iter().all(|parts| parts[*index] == first[*index]))
        .count()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn groups_that_say_nothing_are_left_away() {
        for (names, expected) in [
            (&["alpha", "beta"][..], &["alpha", "beta"][..]),
            (&["alpha/data", "beta/data"], &["alpha", "beta"]),
            (&["sub-01/alpha", "sub-01/beta"], &["alpha", "beta"]),
            (&["s/alpha/data", "s/beta/responses"], &["alpha", "beta"]),
            (&["s/alpha", "t/alpha"], &["s/alpha", "t/alpha"]),
            (&["alpha/1", "alpha/2"], &["alpha/1", "alpha/2"]),
            (&["alpha"], &["alpha"]),
        ] {
            let names: Vec<String> = names.iter().map(ToString::to_string).collect();
            assert_eq!(stories(&names).0, expected, "{names:?}");
        }
    }
}

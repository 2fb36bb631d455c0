//! Short names of fits: what tells their folders apart.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

/// Letters that separate the parts of a name.
const SEPARATORS: [char; 4] = ['-', '_', '/', ' '];

/// Returns what tells folders apart, in their order: the ends of their paths that differ, without the parts that all begin or
/// end with. `fits/tiny-encoder.0` and `fits/tiny-encoder.1` are `encoder.0` and `encoder.1`.
#[must_use]
pub fn distinct_names(folders: &[PathBuf]) -> Vec<String> {
    let ends = distinct_ends(folders);
    if ends.len() < 2 {
        return ends;
    }
    let prefix = common_start(&ends, |name| name.chars().collect());
    let suffix = common_start(&ends, |name| name.chars().rev().collect());
    let trimmed = |name: &String| -> Option<String> {
        let letters: Vec<char> = name.chars().collect();
        let middle = letters.get(prefix..letters.len().checked_sub(suffix)?)?;
        Some(middle.iter().collect()).filter(|middle: &String| !middle.is_empty())
    };
    let short: Option<Vec<String>> = ends.iter().map(trimmed).collect();
    short.unwrap_or(ends)
}

/// The shortest ends of the paths that differ.
fn distinct_ends(folders: &[PathBuf]) -> Vec<String> {
    let end = |folder: &Path, length: usize| {
        let parts: Vec<_> = folder.iter().map(|part| part.to_string_lossy()).collect();
        parts[parts.len().saturating_sub(length)..].join("/")
    };
    let longest = folders.iter().map(|folder| folder.iter().count()).max();
    let names = |length: usize| -> Vec<String> {
        folders.iter().map(|folder| end(folder, length)).collect()
    };
    let is_distinct = |length: &usize| {
        let names = names(*length);
        names.iter().collect::<BTreeSet<_>>().len() == names.len()
    };
    names((1..=longest.unwrap_or(1)).find(is_distinct).unwrap_or(1))
}

/// Number of letters that all names begin with, up to a separator.
fn common_start(names: &[String], letters: impl Fn(&String) -> Vec<char>) -> usize {
    let all: Vec<Vec<char>> = names.iter().map(letters).collect();
    let first = &all[0];
    let is_common = |at: &usize| all.iter().all(|name| name.get(*at) == first.get(*at));
    let n_common = (0..first.len()).take_while(is_common).count();
    let separators = first[..n_common]
        .iter()
        .rposition(|letter| SEPARATORS.contains(letter));
    separators.map_or(0, |at| at + 1)
}

/// Compares names with the numbers in them by size: `layer.2` comes before `layer.10`.
#[must_use]
pub(super) fn natural_order(one: &str, other: &str) -> Ordering {
    parts(one).cmp(&parts(other)).then_with(|| one.cmp(other))
}

/// Runs of letters and of digits.
fn parts(name: &str) -> Vec<(String, u128)> {
    let mut parts: Vec<(String, u128)> = Vec::new();
    let mut letters = String::new();
    let mut digits = String::new();
    for letter in name.chars() {
        if letter.is_ascii_digit() {
            digits.push(letter);
            continue;
        }
        if !digits.is_empty() {
            parts.push((
                std::mem::take(&mut letters),
                digits.parse().unwrap_or(u128::MAX),
            ));
            digits.clear();
        }
        letters.push(letter);
    }
    parts.push((letters, digits.parse().unwrap_or(0)));
    parts
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fits_are_called_by_what_tells_them_apart() {
        let of = |folders: &[&str]| {
            let folders: Vec<PathBuf> = folders.iter().map(PathBuf::from).collect();
            distinct_names(&folders)
        };
        assert_eq!(
            of(&["/s/tiny-encoder.0", "/s/tiny-encoder.11", "/s/tiny-final"]),
            ["encoder.0", "encoder.11", "final"]
        );
        assert_eq!(
            of(&[
                "cnk0.1_ctx16.0-tiny-encoder.3",
                "cnk0.1_ctx8.0-tiny-encoder.3"
            ]),
            ["ctx16.0", "ctx8.0"]
        );
        assert_eq!(of(&["/a/scores", "/b/scores"]), ["a", "b"]);
        assert_eq!(of(&["/a/scores"]), ["scores"]);
        assert_eq!(of(&["tiny", "tiny-large"]), ["tiny", "tiny-large"]);
        assert_eq!(of(&["/a/x", "/a/x"]), ["x", "x"]);
    }

    #[test]
    fn numbers_within_names_are_sorted_by_size() {
        let mut names = ["e.10-b", "e.2-b", "final", "e.2-a", "ctx8.0", "ctx16.0"];
        names.sort_by(|a, b| natural_order(a, b));
        assert_eq!(
            names,
            ["ctx8.0", "ctx16.0", "e.2-a", "e.2-b", "e.10-b", "final"]
        );
    }
}

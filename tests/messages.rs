//! Messages of the libraries name no flag, no command and no page: those belong to the command line and the window.

use std::path::{Path, PathBuf};

use crate::common::files_below;

/// Flags of other programs, which messages may name.
const OF_OTHERS: [&str; 2] = ["--gpus", "--nv"];
/// The comments at the head of recipe files, which say how to repeat them.
const HEADS_OF_RECIPES: &str = "# ";
/// Style sheets, whose variables look like flags.
const STYLE: &str = "--ink:";

/// The string literals of a Rust source, without those of comments and of its tests, which come last.
fn literals(source: &str) -> Vec<String> {
    let code = source.split("#[cfg(test)]\nmod tests {").next().unwrap();
    let mut literals = Vec::new();
    let mut rest = code;
    while let Some(at) = rest.find(['"', '/', '\'', 'r']) {
        let found = &rest[at..];
        let after_word = rest[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
        let length = if found.starts_with("//") {
            found.find('\n').unwrap_or(found.len())
        } else if let Some(hashes) = raw_start(found).filter(|_| !after_word) {
            let end = format!("\"{}", "#".repeat(hashes));
            let begin = hashes + 2;
            let length = found[begin..].find(&end).expect("the literal ends");
            literals.push(found[begin..begin + length].to_string());
            begin + length + end.len()
        } else if found.starts_with('"') {
            let length = quoted(found);
            literals.push(joined(&found[1..length - 1]));
            length
        } else if found.starts_with("'\"'") {
            3
        } else if let Some(escaped) = found.strip_prefix("'\\") {
            2 + escaped.chars().next().map_or(0, char::len_utf8)
        } else {
            1
        };
        rest = &found[length..];
    }
    literals
}

/// The number of `#` of a raw string literal, if one starts here.
fn raw_start(text: &str) -> Option<usize> {
    let rest = text.strip_prefix('r')?;
    let opened = rest.trim_start_matches('#');
    opened.starts_with('"').then(|| rest.len() - opened.len())
}

/// The length of a literal with its quotation marks.
fn quoted(text: &str) -> usize {
    let mut escaped = false;
    for (at, c) in text.char_indices().skip(1) {
        if c == '"' && !escaped {
            return at + 1;
        }
        escaped = c == '\\' && !escaped;
    }
    panic!("a literal without an end: {text}");
}

/// A literal on one line.
fn joined(literal: &str) -> String {
    let mut lines = literal.split("\\\n");
    let first = lines.next().unwrap_or_default().to_string();
    lines.fold(first, |all, line| all + line.trim_start())
}

/// What a message names that it must not know.
fn named(literal: &str) -> Option<String> {
    if literal.starts_with(HEADS_OF_RECIPES) || literal.contains(STYLE) {
        return None;
    }
    let words: Vec<&str> = literal
        .split(|c: char| c.is_whitespace() || "()\"\\".contains(c))
        .collect();
    let is_lower = |c: char| c.is_ascii_lowercase();
    // A literal that is a flag and nothing else is an argument of another program.
    let flag = words.iter().find(|word| {
        words.len() > 1
            && word
                .strip_prefix("--")
                .is_some_and(|rest| rest.starts_with(is_lower))
            && !OF_OTHERS.iter().any(|other| word.starts_with(other))
    });
    let command = words
        .windows(2)
        .find(|pair| pair[0] == "heschl" && pair[1].starts_with(is_lower));
    let page = literal.contains("n the page ").then_some("a page");
    flag.map(ToString::to_string)
        .or_else(|| command.map(|pair| pair.join(" ")))
        .or_else(|| page.map(Into::into))
}

#[test]
fn messages_of_the_libraries_name_no_flag_no_command_and_no_page() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut n_literals = 0;
    let mut faults = Vec::new();
    for package in ["core/src", "models/src"] {
        for (name, text) in files_below(&root.join(package)) {
            let path = PathBuf::from(&name);
            let in_tests = path.iter().any(|part| part == "tests") || name.ends_with("tests.rs");
            if path.extension() != Some("rs".as_ref()) || in_tests {
                continue;
            }
            let literals = literals(&String::from_utf8(text).unwrap());
            n_literals += literals.len();
            let odd = literals
                .iter()
                .filter_map(|literal| Some((named(literal)?, literal)));
            faults.extend(
                odd.map(|(what, literal)| format!("{package}/{name}: {what} in \"{literal}\"")),
            );
        }
    }
    assert!(n_literals > 1000, "{n_literals} literals");
    assert!(faults.is_empty(), "{}", faults.join("\n"));
}

#[test]
fn flags_commands_and_pages_are_found() {
    let source = "/// \"no --flag\"\nfn f() { g('\"', \"Give \\\n   --out.\\\"\", r#\"heschl \"models\" heschl clean\"#, '\\''); h(\"--x\"); \
                  k(\"Look on the page Features.\", \"Docker: --gpus all\"); }\n#[cfg(test)]\nmod tests { \"a --b\" }";
    let found: Vec<String> = literals(source)
        .iter()
        .filter_map(|one| named(one))
        .collect();
    assert_eq!(found, ["--out.", "heschl clean", "a page"]);
}

#[test]
fn the_command_line_asks_every_error_with_remedies() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let source = std::fs::read_to_string(root.join("app/src/remedies.rs")).unwrap();
    let list = source.split("    ask!(").nth(1).unwrap();
    let list = list.split(')').next().unwrap();
    // Both packages have a `RuntimeError`; that of core goes by another name there.
    let asked = list.replace(" OnnxError", " RuntimeError");
    let mut asked: Vec<&str> = asked.split_terminator(',').map(str::trim).collect();
    asked.retain(|name| !name.is_empty());
    asked.sort_unstable();
    let mut errors = Vec::new();
    for package in ["core/src", "models/src"] {
        for (_, text) in files_below(&root.join(package)) {
            let text = String::from_utf8(text).unwrap_or_default();
            for (at, _) in text.match_indices("pub fn remedies(") {
                let (_, of) = text[..at].rsplit_once("\nimpl ").unwrap();
                let of = of.split_whitespace().next().unwrap();
                errors.extend(of.ends_with("Error").then(|| of.to_string()));
            }
        }
    }
    errors.sort_unstable();
    assert_eq!(asked, errors);
}

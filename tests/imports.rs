//! Imports within a package: rooms use only rooms before them, and no modules import one another in a circle.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use syn::visit::{self, Visit};

use crate::common::files_below;

/// The rooms of core; each may use those before it.
const ROOMS: [&str; 12] = [
    "remedy", "maths", "files", "speech", "stats", "linear", "fmri", "brain", "figure", "scene",
    "run", "display",
];

/// A module, by its path from the crate's root.
type Module = Vec<String>;

/// Paths that a file names, outside of its tests.
#[derive(Default)]
struct Paths(Vec<Vec<String>>);

impl Paths {
    fn of(text: &str) -> Self {
        let mut paths = Self::default();
        paths.visit_file(&syn::parse_file(text).unwrap());
        paths
    }

    fn add_use(&mut self, tree: &syn::UseTree, before: &[String]) {
        let joined = |name: &syn::Ident| [before, &[name.to_string()]].concat();
        match tree {
            syn::UseTree::Path(path) => self.add_use(&path.tree, &joined(&path.ident)),
            syn::UseTree::Name(name) => self.0.push(joined(&name.ident)),
            syn::UseTree::Rename(rename) => self.0.push(joined(&rename.ident)),
            syn::UseTree::Glob(_) => self.0.push(before.to_vec()),
            syn::UseTree::Group(group) => {
                for tree in &group.items {
                    self.add_use(tree, before);
                }
            }
        }
    }
}

impl<'ast> Visit<'ast> for Paths {
    fn visit_item_mod(&mut self, module: &'ast syn::ItemMod) {
        let is_tests = module.attrs.iter().any(|attribute| {
            let list = attribute.meta.require_list();
            attribute.path().is_ident("cfg")
                && list.is_ok_and(|list| list.tokens.to_string() == "test")
        });
        if !is_tests {
            visit::visit_item_mod(self, module);
        }
    }

    fn visit_item_use(&mut self, item: &'ast syn::ItemUse) {
        self.add_use(&item.tree, &[]);
    }

    fn visit_path(&mut self, path: &'ast syn::Path) {
        self.0.push(
            path.segments
                .iter()
                .map(|part| part.ident.to_string())
                .collect(),
        );
        visit::visit_path(self, path);
    }
}

/// Which modules each module of a package names.
fn imports(package: &str) -> BTreeMap<Module, BTreeSet<Module>> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("..")
        .join(package)
        .join("src");
    let is_code = |path: &Path| {
        let name = path
            .file_stem()
            .unwrap_or_default()
            .to_string_lossy()
            .into_owned();
        let in_tests = path.iter().any(|part| part == "tests");
        path.extension() == Some("rs".as_ref()) && !in_tests && !name.ends_with("tests")
    };
    let files: BTreeMap<Module, String> = files_below(&folder)
        .into_iter()
        .map(|(name, text)| (PathBuf::from(name), text))
        .filter(|(path, _)| is_code(path))
        .map(|(path, text)| (module(&path), String::from_utf8(text).unwrap()))
        .collect();
    assert!(files.len() > 20, "{package} has {} modules", files.len());
    let known: BTreeSet<&Module> = files.keys().collect();
    let imports = files.iter().map(|(module, text)| {
        let named = Paths::of(text).0.into_iter();
        let named = named.filter_map(|path| resolve(module, &path, &known));
        (
            module.clone(),
            named.filter(|other| other != module).collect(),
        )
    });
    imports.collect()
}

fn module(path: &Path) -> Module {
    let mut parts: Module = path
        .with_extension("")
        .iter()
        .map(|part| part.to_string_lossy().into_owned())
        .collect();
    if parts
        .last()
        .is_some_and(|last| ["mod", "lib", "main"].contains(&last.as_str()))
    {
        parts.pop();
    }
    parts
}

/// The module that a path leads to, if it is one of the package's.
fn resolve(from: &Module, path: &[String], known: &BTreeSet<&Module>) -> Option<Module> {
    let mut rest = path;
    let mut place = match rest.first()?.as_str() {
        "crate" => vec![],
        "super" | "self" => from.clone(),
        child => {
            let inside = [from.as_slice(), &[child.to_string()]].concat();
            known.contains(&inside).then(|| from.clone())?
        }
    };
    while let Some(step) = rest
        .first()
        .filter(|step| ["crate", "super", "self"].contains(&step.as_str()))
    {
        if step == "super" {
            place.pop();
        }
        rest = &rest[1..];
    }
    place.extend(rest.iter().cloned());
    while !known.contains(&place) {
        place.pop()?;
    }
    Some(place)
}

/// Imports between the children of each folder: a child stands for everything below it. Parents and their own children
/// belong together.
fn between_siblings(
    imports: &BTreeMap<Module, BTreeSet<Module>>,
) -> BTreeMap<Module, BTreeSet<Module>> {
    let mut edges: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
    for (from, others) in imports {
        for to in others {
            let common = from.iter().zip(to).take_while(|(a, b)| a == b).count();
            if common < from.len() && common < to.len() {
                let siblings = edges.entry(from[..=common].to_vec()).or_default();
                siblings.insert(to[..=common].to_vec());
            }
        }
    }
    edges
}

/// A circle that begins and ends with `start`, if there is one.
fn circle(start: &Module, edges: &BTreeMap<Module, BTreeSet<Module>>) -> Option<Vec<String>> {
    let mut came_from: BTreeMap<&Module, &Module> = BTreeMap::new();
    let mut open = vec![start];
    while let Some(at) = open.pop() {
        for next in edges.get(at).into_iter().flatten() {
            if next == start {
                let mut way = vec![at.join("::")];
                let mut step = at;
                while step != start {
                    step = came_from[step];
                    way.push(step.join("::"));
                }
                return Some(way);
            }
            if !came_from.contains_key(next) {
                came_from.insert(next, at);
                open.push(next);
            }
        }
    }
    None
}

#[test]
fn no_modules_import_one_another_in_a_circle() {
    for package in ["core", "models", "app"] {
        let edges = between_siblings(&imports(package));
        for module in edges.keys() {
            let found = circle(module, &edges);
            assert!(
                found.is_none(),
                "{package}: {}",
                found.unwrap_or_default().join(" ← ")
            );
        }
    }
}

#[test]
fn rooms_use_only_rooms_before_them() {
    let place = |room: &str| ROOMS.iter().position(|one| *one == room);
    let edges = between_siblings(&imports("core"));
    assert!(edges[&vec!["run".to_string()]].contains(&vec!["linear".to_string()]));
    for (from, others) in edges {
        for to in others.iter().filter(|to| to.len() == 1) {
            let (user, used) = (place(&from[0]), place(&to[0]));
            assert!(user.is_some() && used < user, "{} uses {}", from[0], to[0]);
        }
    }
}

#[test]
fn a_circle_is_found() {
    let name = |name: &str| vec![name.to_string()];
    let edges = |pairs: &[(&str, &str)]| {
        let mut edges: BTreeMap<Module, BTreeSet<Module>> = BTreeMap::new();
        for (from, to) in pairs {
            edges.entry(name(from)).or_default().insert(name(to));
        }
        edges
    };
    let open = edges(&[("a", "b"), ("b", "c"), ("a", "c")]);
    assert_eq!(circle(&name("a"), &open), None);
    let closed = edges(&[("a", "b"), ("b", "c"), ("c", "a"), ("c", "d")]);
    assert_eq!(circle(&name("a"), &closed).unwrap(), ["c", "b", "a"]);
    let paths = Paths::of(
        "use super::{a::B, c}; fn f() { crate::x::y(); } #[cfg(test)] mod tests { use super::z; }",
    );
    assert_eq!(
        paths.0,
        [
            vec!["super", "a", "B"],
            vec!["super", "c"],
            vec!["crate", "x", "y"]
        ]
    );
}

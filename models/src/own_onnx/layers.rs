//! Finds the hidden states of a transformer encoder in its graph.
//!
//! A transformer block adds attention to its input, then a feed-forward network to the sum: two residual sums, each of a
//! value and of a function of the same value. The shortcut of the first sum is a hidden state, in pre-norm and post-norm
//! blocks alike. The last hidden state is the last sum, after its layer norm.
//!
//! Source: Vaswani et al. (2017), arXiv 1706.03762, figure 1; pre-norm blocks: Xiong et al. (2020), arXiv 2002.04745.

use std::collections::BTreeSet;

use super::wiring::{Wired, Wiring};

/// Maximum number of node visits, over all sums of a malicious graph.
const MOST_STEPS: usize = 50_000_000;
/// Maximum number of candidates listed in an error message.
const MOST_CANDIDATES: usize = 12;
/// A sum with layer norm, as fused by optimisers.
const SUM_AND_NORM: &str = "SkipLayerNormalization";

/// Hidden states of a graph, and the evidence for them.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Layers {
    /// Names of the values, layer 0 first.
    pub(crate) names: Vec<String>,
    pub(crate) evidence: Evidence,
}

/// Evidence by which layers were identified.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Evidence {
    /// The structure of the graph; names of nodes and weights are not informative.
    Structure,
    /// The structure of the graph, confirmed by layer numbers in the names of nodes and weights.
    StructureAndNames,
    /// Names given by the user.
    Named,
}

impl std::fmt::Display for Evidence {
    fn fmt(&self, f: &mut std::fmt::Formatter) -> std::fmt::Result {
        f.write_str(match self {
            Self::Structure => "by the structure of the graph",
            Self::StructureAndNames => {
                "by the structure of the graph; the numbers in its names agree"
            }
            Self::Named => "by the names given",
        })
    }
}

/// Why no layers were found.
#[derive(Debug)]
pub(crate) struct NotFound {
    pub(crate) reason: String,
    pub(crate) candidates: Vec<String>,
}

/// The function in the branch of a residual sum.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum LayerKind {
    Attention,
    FeedForward,
    /// Convolution, such as a positional one.
    Convolution,
}

/// A residual sum of a value and a function of it.
#[derive(Debug)]
struct Residual {
    node: usize,
    /// The value of the shortcut.
    shortcut: usize,
    kind: LayerKind,
    /// Layer numbers in the names of the branch's nodes and weights.
    numbers: BTreeSet<usize>,
}

/// Finds the hidden states computed from the audio in the value `input`.
///
/// # Errors
/// Returns [`NotFound`] if the graph is not a plain stack of transformer blocks.
pub(crate) fn find(wiring: &Wiring, input: &str) -> Result<Layers, NotFound> {
    let search = Search::new(wiring, input);
    let residuals = search.residuals();
    let names = |values: &mut dyn Iterator<Item = usize>| {
        values
            .map(|value| wiring.names[value].to_string())
            .collect::<Vec<_>>()
    };
    let refuse = |reason: String| {
        let candidates = names(&mut residuals.iter().map(|residual| residual.shortcut));
        NotFound {
            reason,
            candidates: shortened(candidates),
        }
    };
    let blocks = blocks(&residuals).map_err(refuse)?;
    let stack = &residuals[blocks[0]..];
    search.check_chain(stack).map_err(refuse)?;
    let evidence = names_agree(&blocks, &residuals).map_err(refuse)?;
    let last = &residuals[residuals.len() - 1];
    let last_value = search
        .after_norm(last.node)
        .ok_or_else(|| refuse("the last sum gives nothing".into()))?;
    let shortcuts = blocks.iter().map(|first| residuals[*first].shortcut);
    Ok(Layers {
        names: names(&mut shortcuts.chain([last_value])),
        evidence,
    })
}

/// The first and last few entries of a long list.
fn shortened(mut names: Vec<String>) -> Vec<String> {
    if names.len() > MOST_CANDIDATES {
        let half = MOST_CANDIDATES / 2;
        names.splice(half..names.len() - half, ["…".to_string()]);
    }
    names
}

/// Indices of the first sum of each block.
fn blocks(residuals: &[Residual]) -> Result<Vec<usize>, String> {
    let is_attention = |index: &usize| residuals[*index].kind == LayerKind::Attention;
    let blocks: Vec<usize> = (0..residuals.len()).filter(is_attention).collect();
    let Some(&first) = blocks.first() else {
        return Err(format!(
            "none of {} such sums adds attention",
            residuals.len()
        ));
    };
    let before = &residuals[..first];
    if before
        .iter()
        .any(|other| other.kind != LayerKind::Convolution)
    {
        return Err("a feed-forward network comes before the first attention".into());
    }
    let ends = blocks.iter().skip(1).copied().chain([residuals.len()]);
    for (block, (start, end)) in blocks.iter().zip(ends).enumerate() {
        let inside = &residuals[start + 1..end];
        if inside.is_empty()
            || inside
                .iter()
                .any(|other| other.kind != LayerKind::FeedForward)
        {
            return Err(format!(
                "block {block} is not attention followed by a feed-forward network"
            ));
        }
    }
    Ok(blocks)
}

/// Whether layer numbers in names, if there are any, agree with the blocks found.
fn names_agree(blocks: &[usize], residuals: &[Residual]) -> Result<Evidence, String> {
    let mut n_named = 0;
    for (block, first) in blocks.iter().enumerate() {
        let numbers = &residuals[*first].numbers;
        if numbers.is_empty() {
            continue;
        }
        if !numbers.contains(&block) || numbers.len() > 1 {
            return Err(format!(
                "the names say that block {block} is layer {numbers:?}"
            ));
        }
        n_named += 1;
    }
    Ok(if n_named == blocks.len() {
        Evidence::StructureAndNames
    } else {
        Evidence::Structure
    })
}

struct Search<'a> {
    wiring: &'a Wiring<'a>,
    /// Whether each value depends on the audio.
    is_sound: Vec<bool>,
}

impl<'a> Search<'a> {
    fn new(wiring: &'a Wiring<'a>, input: &str) -> Self {
        let is_sound = match wiring.id(input) {
            Some(input) => wiring.reached_from(input),
            None => vec![false; wiring.names.len()],
        };
        Self { wiring, is_sound }
    }

    fn node(&self, index: usize) -> &Wired<'a> {
        &self.wiring.nodes[index]
    }

    fn residuals(&self) -> Vec<Residual> {
        let mut n_left = MOST_STEPS;
        let mut found = Vec::new();
        for index in 0..self.wiring.nodes.len() {
            if let Some((a, b)) = self.summands(index) {
                let residual = self
                    .residual(index, a, b, &mut n_left)
                    .or_else(|| self.residual(index, b, a, &mut n_left));
                found.extend(residual);
            }
        }
        found
    }

    /// The two audio-dependent operands of a sum.
    fn summands(&self, index: usize) -> Option<(usize, usize)> {
        let node = self.node(index);
        if node.op() != "Add" && node.op() != SUM_AND_NORM {
            return None;
        }
        let (&a, &b) = (node.inputs.first()?, node.inputs.get(1)?);
        (self.is_sound[a] && self.is_sound[b] && a != b).then_some((a, b))
    }

    fn residual(
        &self,
        node: usize,
        shortcut: usize,
        branch: usize,
        n_left: &mut usize,
    ) -> Option<Residual> {
        let nodes = self.branch(shortcut, branch, n_left)?;
        let mut numbers = BTreeSet::new();
        for index in &nodes {
            if is_product(self.node(*index).op()) {
                numbers.extend(self.layer_numbers(*index));
            }
        }
        Some(Residual {
            node,
            shortcut,
            kind: self.kind(&nodes)?,
            numbers,
        })
    }

    /// The nodes on all paths from one value to another, ascending; `None` if there is no path.
    fn branch(&self, from: usize, to: usize, n_left: &mut usize) -> Option<Vec<usize>> {
        let earliest = self.wiring.producer(from).map_or(0, |node| node + 1);
        let mut before = BTreeSet::new();
        let mut waiting = vec![to];
        while let Some(value) = waiting.pop() {
            *n_left = n_left.checked_sub(1)?;
            let Some(node) = self.wiring.producer(value) else {
                continue;
            };
            if node >= earliest && before.insert(node) && !self.node(node).tells_sizes() {
                let inputs = self.node(node).inputs.iter().copied();
                waiting.extend(inputs.filter(|input| self.is_sound[*input]));
            }
        }
        let mut reached = self.given_with(from);
        let mut between = Vec::new();
        for index in before {
            let node = self.node(index);
            let takes = node.inputs.iter().any(|input| reached.contains(input));
            if takes && !node.tells_sizes() {
                reached.extend(node.outputs.iter().flatten());
                between.push(index);
            }
        }
        reached.contains(&to).then_some(between)
    }

    /// A value, and if it comes from a sum fused with its norm, the norm's output too: the branch begins there.
    fn given_with(&self, value: usize) -> BTreeSet<usize> {
        let mut values = BTreeSet::from([value]);
        if let Some(node) = self.wiring.producer(value)
            && self.node(node).op() == SUM_AND_NORM
        {
            values.extend(self.node(node).outputs.iter().flatten());
        }
        values
    }

    fn kind(&self, nodes: &[usize]) -> Option<LayerKind> {
        let has = |is: fn(&str) -> bool| nodes.iter().any(|index| is(self.node(*index).op()));
        if has(|op| op == "Softmax" || is_attention(op)) {
            Some(LayerKind::Attention)
        } else if has(is_convolution) {
            Some(LayerKind::Convolution)
        } else if has(is_product) {
            Some(LayerKind::FeedForward)
        } else {
            None
        }
    }

    /// Checks that each sum follows directly on the previous one, with at most a norm in between.
    fn check_chain(&self, stack: &[Residual]) -> Result<(), String> {
        for pair in stack.windows(2) {
            if !self.follows_directly(pair[1].shortcut, pair[0].node) {
                let name = self.wiring.names[pair[1].shortcut];
                return Err(format!(
                    "something other than a norm lies between two sums, before {name}"
                ));
            }
        }
        Ok(())
    }

    fn follows_directly(&self, value: usize, sum: usize) -> bool {
        let mut waiting = vec![value];
        let mut seen = BTreeSet::new();
        let mut is_there = false;
        while let Some(value) = waiting.pop() {
            let Some(node) = self.wiring.producer(value) else {
                return false;
            };
            if node == sum {
                is_there = true;
            } else if node < sum || is_heavy(self.node(node).op()) {
                return false;
            } else if seen.insert(node) {
                let inputs = self.node(node).inputs.iter().copied();
                waiting.extend(inputs.filter(|input| self.is_sound[*input]));
            }
        }
        is_there
    }

    /// The output of the layer norm after a sum; the sum itself if there is none.
    fn after_norm(&self, sum: usize) -> Option<usize> {
        let first = self.node(sum).outputs.first().copied().flatten()?;
        if self.node(sum).op() == SUM_AND_NORM {
            return Some(first);
        }
        let found = self.norm_of(first);
        Some(found.unwrap_or(first))
    }

    fn norm_of(&self, value: usize) -> Option<usize> {
        let mut values = vec![value];
        while let Some(value) = values.pop() {
            for index in self.wiring.consumers(value) {
                let first = self.node(*index).outputs.first().copied().flatten();
                let found = match self.node(*index).op() {
                    "LayerNormalization" | "SimplifiedLayerNormalization" | "RMSNormalization" => {
                        first
                    }
                    "Sub" => self.spelt_out_norm(*index),
                    "Cast" | "Identity" | "Dropout" => {
                        values.extend(first);
                        None
                    }
                    _ => None,
                };
                if found.is_some() {
                    return found;
                }
            }
        }
        None
    }

    /// The output of (x − mean) / √(variance + ε) · weight + bias, starting from the difference.
    fn spelt_out_norm(&self, difference: usize) -> Option<usize> {
        let centred = self.node(difference).outputs.first().copied().flatten()?;
        let is_quotient = |index: &&usize| {
            self.node(**index).op() == "Div" && self.node(**index).inputs.first() == Some(&centred)
        };
        let quotient = self.wiring.consumers(centred).iter().find(is_quotient)?;
        let mut value = self.node(*quotient).outputs.first().copied().flatten()?;
        for wanted in ["Mul", "Add"] {
            let next = self.wiring.consumers(value).iter().find(|index| {
                let node = self.node(**index);
                let others = node.inputs.iter().filter(|input| **input != value);
                node.op() == wanted && others.clone().all(|other| !self.is_sound[*other])
            });
            if let Some(next) = next {
                value = self.node(*next).outputs.first().copied().flatten()?;
            }
        }
        Some(value)
    }

    /// Layer numbers in the names of a node and its weights, as in `encoder.layers.3.attention`.
    fn layer_numbers(&self, index: usize) -> BTreeSet<usize> {
        let wired = self.node(index);
        let is_weight = |input: &&usize| self.wiring.producer(**input).is_none();
        let weights = wired.inputs.iter().filter(is_weight);
        let remarks = wired.node.metadata_props.iter();
        let name = wired.node.name.as_deref();
        name.into_iter()
            .chain(weights.map(|weight| self.wiring.names[*weight]))
            .chain(remarks.filter_map(|remark| remark.value.as_deref()))
            .flat_map(numbers_in)
            .collect()
    }
}

fn is_attention(op: &str) -> bool {
    op.contains("Attention")
}

fn is_convolution(op: &str) -> bool {
    op.contains("Conv") && !op.starts_with("Convert")
}

fn is_product(op: &str) -> bool {
    op.contains("MatMul") || op.contains("Gemm") || op == "Einsum"
}

/// Whether an operator does more to a value than a norm does.
fn is_heavy(op: &str) -> bool {
    let moves = [
        "Transpose",
        "Reshape",
        "Gather",
        "Slice",
        "Softmax",
        "Split",
    ];
    is_attention(op) || is_convolution(op) || is_product(op) || moves.contains(&op)
}

fn numbers_in(name: &str) -> Vec<usize> {
    let mut numbers = Vec::new();
    for word in ["layers", "layer", "blocks", "block"] {
        for (at, _) in name.match_indices(word) {
            let is_whole = !name[..at].ends_with(|c: char| c.is_alphanumeric() || c == '_');
            let rest = &name[at + word.len()..];
            let Some(rest) = rest.strip_prefix(['.', '/', '_']) else {
                continue;
            };
            let n_digits = rest.bytes().take_while(u8::is_ascii_digit).count();
            if is_whole && let Ok(number) = rest[..n_digits].parse() {
                numbers.push(number);
            }
        }
    }
    numbers
}

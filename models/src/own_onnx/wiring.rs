//! Producers and consumers of each value of a graph.

use std::collections::{BTreeMap, BTreeSet};

use super::read::subgraphs;
use crate::onnx::proto::{GraphProto, NodeProto, TensorProto};

/// Operators whose result depends on shapes, not on the audio.
const SIZES: [&str; 2] = ["Shape", "Size"];

/// A graph with indexed values.
#[derive(Debug)]
pub(crate) struct Wiring<'a> {
    pub(crate) nodes: Vec<Wired<'a>>,
    /// Names of the values.
    pub(crate) names: Vec<&'a str>,
    ids: BTreeMap<&'a str, usize>,
    /// The node that produces each value; `None` for inputs and initializers.
    producers: Vec<Option<usize>>,
    /// The nodes that consume each value, ascending.
    consumers: Vec<Vec<usize>>,
}

/// A node with its values.
#[derive(Debug)]
pub(crate) struct Wired<'a> {
    pub(crate) node: &'a NodeProto,
    /// Its inputs, including values captured by its subgraphs.
    pub(crate) inputs: Vec<usize>,
    /// Its outputs; `None` for unnamed ones.
    pub(crate) outputs: Vec<Option<usize>>,
}

impl Wired<'_> {
    pub(crate) fn op(&self) -> &str {
        self.node.op_type.as_deref().unwrap_or_default()
    }

    pub(crate) fn tells_sizes(&self) -> bool {
        SIZES.contains(&self.op())
    }

    pub(crate) fn makes(&self, value: usize) -> bool {
        self.outputs.contains(&Some(value))
    }
}

impl<'a> Wiring<'a> {
    /// Indexes the values of a graph.
    ///
    /// # Errors
    /// Returns a message if a value is produced twice, or consumed before it is produced.
    pub(crate) fn new(graph: &'a GraphProto) -> Result<Self, String> {
        let mut wiring = Self {
            nodes: Vec::with_capacity(graph.node.len()),
            names: Vec::new(),
            ids: BTreeMap::new(),
            producers: Vec::new(),
            consumers: Vec::new(),
        };
        let inputs = graph.input.iter().filter_map(|input| input.name.as_deref());
        for name in inputs.chain(initializer_names(graph)) {
            if !wiring.ids.contains_key(name) {
                wiring.number(name, None)?;
            }
        }
        for (index, node) in graph.node.iter().enumerate() {
            wiring.add(index, node)?;
        }
        Ok(wiring)
    }

    fn number(&mut self, name: &'a str, producer: Option<usize>) -> Result<usize, String> {
        let id = self.names.len();
        if self.ids.insert(name, id).is_some() {
            return Err(format!("two nodes make the value {name}"));
        }
        self.names.push(name);
        self.producers.push(producer);
        self.consumers.push(Vec::new());
        Ok(id)
    }

    fn add(&mut self, index: usize, node: &'a NodeProto) -> Result<(), String> {
        let mut taken = BTreeSet::new();
        let mut inputs = Vec::with_capacity(node.input.len());
        for name in node.input.iter().filter(|name| !name.is_empty()) {
            let id = self
                .id(name)
                .ok_or_else(|| format!("nothing before it makes the value {name}"))?;
            inputs.push(id);
            taken.insert(id);
        }
        // A name not produced outside belongs to the subgraph itself.
        for name in captured(node) {
            if let Some(id) = self.id(name)
                && taken.insert(id)
            {
                inputs.push(id);
            }
        }
        for id in taken {
            self.consumers[id].push(index);
        }
        let mut outputs = Vec::with_capacity(node.output.len());
        for name in &node.output {
            outputs.push(if name.is_empty() {
                None
            } else {
                Some(self.number(name, Some(index))?)
            });
        }
        self.nodes.push(Wired {
            node,
            inputs,
            outputs,
        });
        Ok(())
    }

    pub(crate) fn id(&self, name: &str) -> Option<usize> {
        self.ids.get(name).copied()
    }

    /// Returns the node that produces a value.
    pub(crate) fn producer(&self, value: usize) -> Option<usize> {
        self.producers[value]
    }

    /// Returns the nodes that consume a value.
    pub(crate) fn consumers(&self, value: usize) -> &[usize] {
        &self.consumers[value]
    }

    /// Returns which values depend on `from`.
    pub(crate) fn reached_from(&self, from: usize) -> Vec<bool> {
        let mut reached = vec![false; self.names.len()];
        reached[from] = true;
        for node in &self.nodes {
            if !node.tells_sizes() && node.inputs.iter().any(|input| reached[*input]) {
                for output in node.outputs.iter().flatten() {
                    reached[*output] = true;
                }
            }
        }
        reached
    }

    /// Returns the nodes on which the named values depend, ascending.
    pub(crate) fn needed_by(&self, names: &[&str]) -> BTreeSet<usize> {
        let mut waiting: Vec<usize> = names.iter().filter_map(|name| self.id(name)).collect();
        let mut needed = BTreeSet::new();
        while let Some(value) = waiting.pop() {
            if let Some(node) = self.producer(value)
                && needed.insert(node)
            {
                waiting.extend(&self.nodes[node].inputs);
            }
        }
        needed
    }
}

/// Returns the names of all initializers, including sparse ones.
pub(crate) fn initializer_names(graph: &GraphProto) -> impl Iterator<Item = &str> {
    let sparse = graph
        .sparse_initializer
        .iter()
        .filter_map(|array| array.values.as_ref());
    graph
        .initializer
        .iter()
        .chain(sparse)
        .filter_map(|array: &TensorProto| array.name.as_deref())
}

/// Returns the names used in a node's subgraphs, including their own.
pub(crate) fn captured(node: &NodeProto) -> BTreeSet<&str> {
    let mut names = BTreeSet::new();
    let mut waiting: Vec<&GraphProto> = node.attribute.iter().flat_map(subgraphs).collect();
    while let Some(graph) = waiting.pop() {
        for inner in &graph.node {
            names.extend(inner.input.iter().map(String::as_str));
            waiting.extend(inner.attribute.iter().flat_map(subgraphs));
        }
        let outputs = graph.output.iter();
        names.extend(outputs.filter_map(|output| output.name.as_deref()));
    }
    names
}

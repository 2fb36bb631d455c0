//! A small builder of ONNX graphs whose weights stay in their files.

pub(crate) mod proto;
pub(crate) mod wire;

use std::collections::BTreeSet;

use heschl_core::speech::encoder::{NumberFormat, Weight};
use prost::Message as _;
use proto::{
    AttributeProto, DimensionProto, DimensionValue, GraphProto, ModelProto, NodeProto,
    OperatorSetIdProto, StringStringEntryProto, TensorProto, TensorShapeProto, TensorTypeProto,
    TypeProto, TypeValue, ValueInfoProto,
};

/// Domain of ONNX Runtime's contrib operators.
pub(crate) const MICROSOFT: &str = "com.microsoft";

pub(crate) const FLOAT: i32 = 1;
pub(crate) const INT64: i32 = 7;
pub(crate) const FLOAT16: i32 = 10;
pub(crate) const DOUBLE: i32 = 11;
pub(crate) const EXTERNAL: i32 = 1;
const IR_VERSION: i64 = 10;
const OPSET: i64 = 20;

/// Number formats for casts.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Number {
    Float,
    Float16,
    Double,
}

impl Number {
    fn code(self) -> i32 {
        match self {
            Self::Float => FLOAT,
            Self::Float16 => FLOAT16,
            Self::Double => DOUBLE,
        }
    }
}

/// A value of the graph, by name.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Value(String);

/// One dimension of an input or output.
#[derive(Debug, Clone, Copy)]
pub(crate) enum Dim {
    Fixed(usize),
    Named(&'static str),
}

/// An attribute of a node.
pub(crate) enum Attribute<'a> {
    Int(&'a str, i64),
    Ints(&'a str, &'a [i64]),
    Float(&'a str, f32),
    Text(&'a str, &'a str),
}

impl Attribute<'_> {
    /// Serialises the attribute.
    pub(crate) fn encode(&self) -> AttributeProto {
        let (name, kind) = match self {
            Self::Float(name, _) => (name, 1),
            Self::Int(name, _) => (name, 2),
            Self::Text(name, _) => (name, 3),
            Self::Ints(name, _) => (name, 7),
        };
        let mut proto = AttributeProto {
            name: Some((*name).to_string()),
            r#type: Some(kind),
            ..AttributeProto::default()
        };
        match self {
            Self::Float(_, value) => proto.f = Some(*value),
            Self::Int(_, value) => proto.i = Some(*value),
            Self::Text(_, value) => proto.s = Some(value.as_bytes().to_vec()),
            Self::Ints(_, values) => proto.ints = values.to_vec(),
        }
        proto
    }
}

/// A graph under construction.
#[derive(Default)]
pub(crate) struct GraphBuilder {
    graph: GraphProto,
    weights: Vec<Weight>,
    weight_names: BTreeSet<String>,
    n_values: usize,
}

impl GraphBuilder {
    /// Declares a single-precision input.
    pub(crate) fn input_floats(&mut self, name: &str, shape: &[Dim]) -> Value {
        self.graph.input.push(value_info(name, FLOAT, shape));
        Value(name.to_string())
    }

    /// Declares an integer input.
    pub(crate) fn input_integers(&mut self, name: &str, shape: &[Dim]) -> Value {
        self.graph.input.push(value_info(name, INT64, shape));
        Value(name.to_string())
    }

    /// Declares a value as the graph's single-precision output.
    pub(crate) fn output_floats(&mut self, value: &Value, shape: &[Dim]) {
        self.graph.output.push(value_info(&value.0, FLOAT, shape));
    }

    /// References a tensor on disk, in the number format that the graph takes.
    pub(crate) fn weight(&mut self, weight: Weight) -> Value {
        let name = weight.name.clone();
        if self.weight_names.insert(name.clone()) {
            let data_type = match weight.wanted.usual_in_graph() {
                NumberFormat::F16 => FLOAT16,
                _ => FLOAT,
            };
            // The data are passed by name; the location is a dummy that the format requires.
            let place = StringStringEntryProto {
                key: Some("location".into()),
                value: Some("weights".into()),
            };
            self.graph.initializer.push(TensorProto {
                dims: weight.shape.iter().map(|n| *n as i64).collect(),
                data_type: Some(data_type),
                name: Some(name.clone()),
                data_location: Some(EXTERNAL),
                external_data: vec![place],
                ..TensorProto::default()
            });
            self.weights.push(weight);
        }
        Value(name)
    }

    /// A constant list of integers.
    pub(crate) fn integers(&mut self, values: &[i64]) -> Value {
        let raw = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.constant(INT64, vec![values.len() as i64], raw)
    }

    /// A constant integer scalar.
    pub(crate) fn integer(&mut self, value: i64) -> Value {
        self.constant(INT64, vec![], value.to_le_bytes().to_vec())
    }

    /// A constant floating-point scalar.
    pub(crate) fn float(&mut self, value: f32) -> Value {
        self.constant(FLOAT, vec![], value.to_le_bytes().to_vec())
    }

    /// A constant floating-point tensor.
    pub(crate) fn floats(&mut self, shape: &[usize], values: &[f32]) -> Value {
        let raw = values
            .iter()
            .flat_map(|value| value.to_le_bytes())
            .collect();
        self.constant(FLOAT, shape.iter().map(|n| *n as i64).collect(), raw)
    }

    fn constant(&mut self, data_type: i32, dims: Vec<i64>, raw_data: Vec<u8>) -> Value {
        let name = self.next_name("constant");
        self.graph.initializer.push(TensorProto {
            dims,
            data_type: Some(data_type),
            name: Some(name.clone()),
            raw_data: Some(raw_data),
            ..TensorProto::default()
        });
        Value(name)
    }

    /// Adds a standard ONNX node and returns its only output.
    pub(crate) fn op(
        &mut self,
        op_type: &str,
        inputs: &[&Value],
        attributes: &[Attribute],
    ) -> Value {
        self.op_of("", op_type, inputs, attributes)
    }

    /// Adds a node of another domain and returns its only output.
    pub(crate) fn op_of(
        &mut self,
        domain: &str,
        op_type: &str,
        inputs: &[&Value],
        attributes: &[Attribute],
    ) -> Value {
        let name = self.next_name(op_type);
        self.graph.node.push(NodeProto {
            input: inputs.iter().map(|value| value.0.clone()).collect(),
            output: vec![name.clone()],
            name: Some(name.clone()),
            op_type: Some(op_type.to_string()),
            attribute: attributes.iter().map(Attribute::encode).collect(),
            domain: Some(domain.to_string()),
            ..NodeProto::default()
        });
        Value(name)
    }

    /// Sizes of `n` parts of `whole` (an integer, `(1,)`) that differ by at most one; some are 0 if there are fewer
    /// elements than parts.
    pub(crate) fn even_shares(&mut self, whole: &Value, n: usize) -> Value {
        let places: Vec<i64> = (0..=n as i64).collect();
        let [places, n_parts] = [self.integers(&places), self.integers(&[n as i64])];
        let multiples = self.op("Mul", &[&places, whole], &[]);
        let borders = self.op("Div", &[&multiples, &n_parts], &[]);
        let begins = self.slice(&borders, 0, 0, -1);
        let ends = self.slice(&borders, 0, 1, i64::MAX);
        self.op("Sub", &[&ends, &begins], &[])
    }

    /// Splits a value along `axis` into `n` parts of sizes `shares`.
    pub(crate) fn split(
        &mut self,
        value: &Value,
        axis: i64,
        shares: &Value,
        n: usize,
    ) -> Vec<Value> {
        let name = self.next_name("Split");
        let parts: Vec<String> = (0..n).map(|part| format!("{name}_{part}")).collect();
        self.graph.node.push(NodeProto {
            input: vec![value.0.clone(), shares.0.clone()],
            output: parts.clone(),
            name: Some(name),
            op_type: Some("Split".into()),
            attribute: vec![Attribute::Int("axis", axis).encode()],
            ..NodeProto::default()
        });
        parts.into_iter().map(Value).collect()
    }

    /// Casts a value to another number format.
    pub(crate) fn cast(&mut self, value: &Value, to: Number) -> Value {
        self.op(
            "Cast",
            &[value],
            &[Attribute::Int("to", i64::from(to.code()))],
        )
    }

    /// Reshapes a value; one dimension may be −1, to be inferred.
    pub(crate) fn reshape(&mut self, value: &Value, shape: &[i64]) -> Value {
        let shape = self.integers(shape);
        self.op("Reshape", &[value, &shape], &[])
    }

    /// Slices `from..to` along `axis`; negative indices count from the end.
    pub(crate) fn slice(&mut self, value: &Value, axis: i64, from: i64, to: i64) -> Value {
        self.slice_by(value, axis, [from, to, 1])
    }

    /// Slices `from..to` along `axis` with a step.
    pub(crate) fn slice_by(
        &mut self,
        value: &Value,
        axis: i64,
        [from, to, step]: [i64; 3],
    ) -> Value {
        let [from, to, axis, step] =
            [from, to, axis, step].map(|position| self.integers(&[position]));
        self.op("Slice", &[value, &from, &to, &axis, &step], &[])
    }

    /// Permutes the axes of a value.
    pub(crate) fn transpose(&mut self, value: &Value, order: &[i64]) -> Value {
        self.op("Transpose", &[value], &[Attribute::Ints("perm", order)])
    }

    /// Concatenates values along `axis`.
    pub(crate) fn concat(&mut self, values: &[Value], axis: i64) -> Value {
        let values: Vec<&Value> = values.iter().collect();
        self.op("Concat", &values, &[Attribute::Int("axis", axis)])
    }

    /// Sums along `axis`, which is removed.
    pub(crate) fn sum(&mut self, value: &Value, axis: i64) -> Value {
        let axis = self.integers(&[axis]);
        self.op(
            "ReduceSum",
            &[value, &axis],
            &[Attribute::Int("keepdims", 0)],
        )
    }

    /// Averages along `axis`, which is kept with size 1.
    pub(crate) fn mean(&mut self, value: &Value, axis: i64) -> Value {
        let axis = self.integers(&[axis]);
        self.op(
            "ReduceMean",
            &[value, &axis],
            &[Attribute::Int("keepdims", 1)],
        )
    }

    fn next_name(&mut self, stem: &str) -> String {
        self.n_values += 1;
        format!("{stem}_{}", self.n_values)
    }

    /// Returns the finished ONNX model as bytes, and the weights that it references.
    pub(crate) fn finish(mut self, name: &str) -> (Vec<u8>, Vec<Weight>) {
        self.graph.name = Some(name.to_string());
        let opset = |domain: &str, version| OperatorSetIdProto {
            domain: Some(domain.to_string()),
            version: Some(version),
        };
        let model = ModelProto {
            ir_version: Some(IR_VERSION),
            producer_name: Some("heschl".to_string()),
            graph: Some(self.graph),
            opset_import: vec![opset("", OPSET), opset(MICROSOFT, 1)],
            ..ModelProto::default()
        };
        (model.encode_to_vec(), self.weights)
    }
}

/// Name, number format and shape of an input or output.
pub(crate) fn value_info(name: &str, elem_type: i32, shape: &[Dim]) -> ValueInfoProto {
    let dimension = |dim: &Dim| DimensionProto {
        value: Some(match dim {
            Dim::Fixed(n) => DimensionValue::Fixed(*n as i64),
            Dim::Named(name) => DimensionValue::Named((*name).to_string()),
        }),
        denotation: None,
    };
    let tensor = TensorTypeProto {
        elem_type: Some(elem_type),
        shape: Some(TensorShapeProto {
            dim: shape.iter().map(dimension).collect(),
        }),
    };
    ValueInfoProto {
        name: Some(name.to_string()),
        r#type: Some(TypeProto {
            value: Some(TypeValue::Tensor(tensor)),
            denotation: None,
        }),
        ..ValueInfoProto::default()
    }
}

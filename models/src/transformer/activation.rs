//! Activation functions, by their names in transformers.
//!
//! Source: `transformers.activations` of transformers 4.30.2 and 5.24 for the names; Hendrycks and Gimpel (2016), arXiv
//! 1606.08415, for GELU and its approximations.

use crate::onnx::{Attribute, MICROSOFT, Value};

use super::Blocks;

/// Activation after a linear map or convolution.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Activation {
    /// x Φ(x), exact.
    Gelu,
    /// The same, clipped to [−10, 10].
    ClippedGelu,
    /// Its tanh approximation.
    GeluTanh,
    /// x σ(1.702 x).
    QuickGelu,
    /// max(x, 0).
    Relu,
    /// max(x, 0)².
    SquaredRelu,
    /// min(max(x, 0), 6).
    Relu6,
    /// x, or 0.01 x for x below 0.
    LeakyRelu,
    /// σ(x).
    Sigmoid,
    /// x σ(x).
    Silu,
    /// tanh(x).
    Tanh,
    /// x tanh(ln(1 + eˣ)).
    Mish,
    /// x max(0, min(1, x/6 + 1/2)).
    HardSwish,
    /// √ln(1 + eˣ).
    RootSoftplus,
    /// Normal cumulative distribution function with mean 0.707107 and standard deviation 0.282095.
    Laplace,
    /// x.
    Linear,
}

impl Activation {
    /// Returns the function of that name in `config.json`; `None` for unknown names, and for functions with learned
    /// parameters (`prelu`, `xielu`).
    pub(crate) fn named(name: &str) -> Option<Self> {
        Some(match name {
            "gelu" | "gelu_python" => Self::Gelu,
            "gelu_10" => Self::ClippedGelu,
            "gelu_new" | "gelu_fast" | "gelu_accurate" | "gelu_pytorch_tanh"
            | "gelu_python_tanh" => Self::GeluTanh,
            "quick_gelu" => Self::QuickGelu,
            "relu" => Self::Relu,
            "relu2" => Self::SquaredRelu,
            "relu6" => Self::Relu6,
            "leaky_relu" => Self::LeakyRelu,
            "sigmoid" => Self::Sigmoid,
            "silu" | "swish" => Self::Silu,
            "tanh" => Self::Tanh,
            "mish" => Self::Mish,
            "hardswish" => Self::HardSwish,
            "sqrtsoftplus" => Self::RootSoftplus,
            "laplace" => Self::Laplace,
            "linear" => Self::Linear,
            _ => return None,
        })
    }
}

/// Returns why an activation function is not supported, if so.
///
/// * `entry`: the entry of `config.json` that names it.
pub(crate) fn check_activation(entry: &str, name: &str) -> Option<String> {
    Activation::named(name)
        .is_none()
        .then(|| format!("{entry} is \"{name}\", an activation function that Heschl does not have"))
}

impl Blocks<'_> {
    /// Applies the function elementwise, in the number format of the input.
    pub(crate) fn activated(&mut self, value: &Value, activation: Activation) -> Value {
        let graph = &mut self.graph;
        match activation {
            Activation::Gelu => graph.op_of(MICROSOFT, "Gelu", &[value], &[]),
            Activation::ClippedGelu => {
                let gelu = graph.op_of(MICROSOFT, "Gelu", &[value], &[]);
                self.clipped(&gelu, -10.0, 10.0)
            }
            Activation::GeluTanh => {
                graph.op("Gelu", &[value], &[Attribute::Text("approximate", "tanh")])
            }
            Activation::QuickGelu => {
                let alpha = [Attribute::Float("alpha", 1.702)];
                graph.op_of(MICROSOFT, "QuickGelu", &[value], &alpha)
            }
            Activation::Relu => graph.op("Relu", &[value], &[]),
            Activation::SquaredRelu => {
                let relu = graph.op("Relu", &[value], &[]);
                graph.op("Mul", &[&relu, &relu], &[])
            }
            Activation::Relu6 => self.clipped(value, 0.0, 6.0),
            Activation::LeakyRelu => {
                graph.op("LeakyRelu", &[value], &[Attribute::Float("alpha", 0.01)])
            }
            Activation::Sigmoid => graph.op("Sigmoid", &[value], &[]),
            Activation::Silu => self.times(value, "Sigmoid"),
            Activation::Tanh => graph.op("Tanh", &[value], &[]),
            Activation::Mish => {
                let softplus = graph.op("Softplus", &[value], &[]);
                let gate = graph.op("Tanh", &[&softplus], &[]);
                graph.op("Mul", &[value, &gate], &[])
            }
            Activation::HardSwish => graph.op("HardSwish", &[value], &[]),
            Activation::RootSoftplus => {
                let softplus = graph.op("Softplus", &[value], &[]);
                graph.op("Sqrt", &[&softplus], &[])
            }
            Activation::Laplace => self.laplace(value),
            Activation::Linear => value.clone(),
        }
    }

    fn times(&mut self, value: &Value, gate: &str) -> Value {
        let gate = self.graph.op(gate, &[value], &[]);
        self.graph.op("Mul", &[value, &gate], &[])
    }

    fn clipped(&mut self, value: &Value, least: f32, most: f32) -> Value {
        let [least, most] = [least, most].map(|bound| self.number_like(value, bound));
        self.graph.op("Clip", &[value, &least, &most], &[])
    }

    fn laplace(&mut self, value: &Value) -> Value {
        let mean = self.number_like(value, 707_107.0 / 1e6);
        let scale = self.number_like(value, 0.282_095 * std::f32::consts::SQRT_2);
        let [one, half] = [1.0, 0.5].map(|n| self.number_like(value, n));
        let graph = &mut self.graph;
        let centred = graph.op("Sub", &[value, &mean], &[]);
        let scaled = graph.op("Div", &[&centred, &scale], &[]);
        let error = graph.op("Erf", &[&scaled], &[]);
        let raised = graph.op("Add", &[&error, &one], &[]);
        graph.op("Mul", &[&raised, &half], &[])
    }

    /// A constant in the number format of `value`.
    fn number_like(&mut self, value: &Value, number: f32) -> Value {
        let number = self.graph.float(number);
        self.graph.op("CastLike", &[&number, value], &[])
    }
}

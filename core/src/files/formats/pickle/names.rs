//! Names that a pickle may use, and the results of calling them.

use super::arrays;
use super::{Id, PickleFault, Storage, Value, Values, View};

/// Maximum length of a name in an error message.
const MOST_SHOWN: usize = 200;

/// Element type of a storage or tensor.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Element {
    /// PyTorch's name of the type.
    pub name: &'static str,
    /// Bytes per element.
    pub n_bytes: u64,
}

/// A known name.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Known {
    /// A storage class.
    Storage(Element),
    /// A number format.
    Format(Element),
    /// Any dictionary class.
    Dict,
    /// Any tuple class, constructed from another tuple.
    Tuple,
    /// The function that rebuilds a tensor from a storage.
    Tensor,
    /// The same, with a separate number format.
    TensorOfFormat,
    /// The function that rebuilds a parameter from a tensor.
    Parameter,
    /// The function that calls one of these and sets attributes.
    Subclass,
    /// NumPy's dtype class.
    Dtype,
    /// The function that creates an empty array, filled later by a state.
    EmptyArray,
    /// The function that creates an array from a buffer.
    ArrayOfBuffer,
    /// The function that creates a scalar from a dtype and bytes.
    Scalar,
    /// joblib's wrapper class for arrays.
    Wrapper,
    /// The function that encodes text as bytes.
    Encode,
    /// A mutable byte array, created from other bytes.
    ByteArray,
    /// A function or class without side effects, whose result is not needed.
    Harmless,
}

/// Number formats: PyTorch's name, storage class, bytes per element.
const FORMATS: [(&str, &str, u64); 14] = [
    ("float64", "DoubleStorage", 8),
    ("float32", "FloatStorage", 4),
    ("float16", "HalfStorage", 2),
    ("bfloat16", "BFloat16Storage", 2),
    ("int64", "LongStorage", 8),
    ("int32", "IntStorage", 4),
    ("int16", "ShortStorage", 2),
    ("int8", "CharStorage", 1),
    ("uint8", "ByteStorage", 1),
    ("bool", "BoolStorage", 1),
    ("complex64", "ComplexFloatStorage", 8),
    ("complex128", "ComplexDoubleStorage", 16),
    ("qint8", "QInt8Storage", 1),
    ("quint8", "QUInt8Storage", 1),
];

const BYTES: Element = Element {
    name: "bytes",
    n_bytes: 1,
};

/// Looks up a name; returns `None` if it is unknown.
pub(super) fn known(module: &str, name: &str) -> Option<Known> {
    let known = match (module, name) {
        ("collections", "OrderedDict" | "defaultdict") | ("builtins" | "__builtin__", "dict") => {
            Known::Dict
        }
        ("torch", "Size") => Known::Tuple,
        ("torch._utils", "_rebuild_tensor" | "_rebuild_tensor_v2") => Known::Tensor,
        ("torch._utils", "_rebuild_tensor_v3") => Known::TensorOfFormat,
        ("torch._utils", "_rebuild_parameter" | "_rebuild_parameter_with_state") => {
            Known::Parameter
        }
        ("torch._tensor", "_rebuild_from_type_v2") => Known::Subclass,
        ("torch" | "torch.storage", "UntypedStorage") => Known::Storage(BYTES),
        ("torch" | "torch.storage" | "torch.cuda", _) => return format(name),
        (
            "builtins" | "__builtin__",
            "set" | "frozenset" | "complex" | "int" | "float" | "bool" | "object" | "list"
            | "tuple" | "str" | "bytes" | "slice",
        )
        | ("copy_reg" | "copyreg", "_reconstructor")
        | ("collections", "Counter" | "deque")
        | ("numpy", "ndarray") => Known::Harmless,
        ("builtins" | "__builtin__", "bytearray") => Known::ByteArray,
        ("_codecs", "encode") => Known::Encode,
        ("numpy", "dtype") => Known::Dtype,
        ("numpy.core.multiarray" | "numpy._core.multiarray", "_reconstruct") => Known::EmptyArray,
        ("numpy.core.multiarray" | "numpy._core.multiarray", "scalar") => Known::Scalar,
        ("numpy.core.numeric" | "numpy._core.numeric", "_frombuffer") => Known::ArrayOfBuffer,
        ("joblib.numpy_pickle" | "sklearn.externals.joblib.numpy_pickle", "NumpyArrayWrapper") => {
            Known::Wrapper
        }
        _ => return None,
    };
    Some(known)
}

fn format(name: &str) -> Option<Known> {
    if name == "device" {
        return Some(Known::Harmless);
    }
    FORMATS.iter().find_map(|&(format, class, n_bytes)| {
        let element = Element {
            name: format,
            n_bytes,
        };
        match name {
            _ if name == class => Some(Known::Storage(element)),
            _ if name == format => Some(Known::Format(element)),
            _ => None,
        }
    })
}

/// Result of a call.
pub(super) enum Made {
    /// A new value.
    New(Value),
    /// An existing value.
    Same(Id),
    /// A dictionary of the pairs in this list, which are still to be validated and counted.
    DictOf(Id),
}

/// Returns the result of calling `callable` with `arguments`, without executing any code.
pub(super) fn call(values: &Values, callable: Id, arguments: Id) -> Result<Made, PickleFault> {
    let Some(given) = values.sequence(arguments) else {
        return Err(nonsense("it calls something without arguments"));
    };
    match (values.get(callable), given) {
        (Value::Known(Known::Dict), [from]) if values.entries(*from).is_some() => {
            Ok(Made::Same(*from))
        }
        (Value::Known(Known::Dict), [pairs]) if values.sequence(*pairs).is_some() => {
            Ok(Made::DictOf(*pairs))
        }
        (Value::Known(Known::Dict), _) => Ok(Made::New(Value::Dict(vec![]))),
        (Value::Known(Known::Tuple), [items]) => Ok(Made::Same(*items)),
        (Value::Known(Known::Parameter), [tensor, ..]) => Ok(Made::Same(*tensor)),
        (Value::Known(Known::Tensor | Known::TensorOfFormat), _) => tensor(values, callable, given),
        (Value::Known(Known::Subclass), &[inner, _, arguments, ..]) => {
            subclass(values, inner, arguments)
        }
        (Value::Known(Known::Dtype), &[name, ..]) => Ok(Made::New(Value::Dtype {
            name,
            is_big_endian: values.text(name).is_some_and(|name| name.starts_with('>')),
        })),
        (Value::Known(Known::ArrayOfBuffer), _) => Ok(Made::New(
            arrays::from_buffer(values, given).unwrap_or(Value::Opaque),
        )),
        (Value::Known(Known::Encode), &[text, ..]) => Ok(Made::New(Value::Encoded(text))),
        (Value::Known(Known::ByteArray), &[bytes, ..]) => Ok(Made::Same(bytes)),
        (Value::Known(Known::Wrapper), _) => Ok(Made::New(Value::Wrapper)),
        (Value::Known(Known::EmptyArray), _) => Ok(Made::New(Value::EmptyArray)),
        (Value::Known(Known::Scalar), &[dtype, data]) => Ok(Made::New(arrays::scalar(dtype, data))),
        (Value::Known(_), _) => Ok(Made::New(Value::Opaque)),
        (Value::Foreign { module, name }, _) => {
            Err(PickleFault::Call(shown(values, *module, *name)))
        }
        _ => Err(nonsense("it calls what is no function")),
    }
}

/// A tensor, from the arguments of its rebuild function.
fn tensor(values: &Values, callable: Id, given: &[Id]) -> Result<Made, PickleFault> {
    let &[storage, offset, shape, strides, ref rest @ ..] = given else {
        return Err(nonsense("it makes a tensor out of too few arguments"));
    };
    let dtype = match values.get(callable) {
        Value::Known(Known::TensorOfFormat) => match rest.get(2) {
            Some(dtype) => Some(*dtype),
            None => return Err(nonsense("it makes a tensor without a number format")),
        },
        _ => None,
    };
    Ok(Made::New(Value::Tensor(View {
        storage,
        offset,
        shape,
        strides,
        dtype,
    })))
}

/// A tensor with attributes: returns the tensor.
fn subclass(values: &Values, inner: Id, arguments: Id) -> Result<Made, PickleFault> {
    match values.get(inner) {
        // A chain of such calls would recurse without limit.
        Value::Known(Known::Subclass) => Ok(Made::New(Value::Opaque)),
        _ => call(values, inner, arguments),
    }
}

/// Result of creating an object without calling its constructor.
pub(super) fn object(values: &Values, class: Id) -> Result<Value, PickleFault> {
    match values.get(class) {
        Value::Known(Known::Dict) => Ok(Value::Dict(vec![])),
        Value::Known(Known::Wrapper) => Ok(Value::Wrapper),
        Value::Known(_) | Value::Opaque => Ok(Value::Opaque),
        // By convention, class names begin with a capital. None of the class's code is run.
        Value::Foreign { module, name } => match values.text(*name) {
            Some(text) if is_class(text) => Ok(Value::Object {
                class: *name,
                state: None,
            }),
            _ => Err(PickleFault::Call(shown(values, *module, *name))),
        },
        _ => Err(nonsense("it makes an object of what is no class")),
    }
}

fn is_class(name: &str) -> bool {
    let last = name.rsplit('.').next().unwrap_or(name);
    let first = last.trim_start_matches('_').chars().next();
    first.is_some_and(char::is_uppercase)
}

/// The storage of a persistent ID: the word "storage", class, key, location, size.
pub(super) fn storage(values: &Values, identity: Id) -> Result<Value, PickleFault> {
    let unknown = || nonsense("it names numbers outside it in an unknown way");
    let Some(&[kind, class, key, _, count, ref rest @ ..]) = values.sequence(identity) else {
        return Err(unknown());
    };
    let is_whole = rest
        .iter()
        .all(|view| matches!(values.get(*view), Value::None));
    match values.get(class) {
        Value::Known(Known::Storage(element)) if is_whole => {
            if values.text(kind) != Some("storage") || values.text(key).is_none() {
                return Err(unknown());
            }
            Ok(Value::Storage(Storage {
                element: *element,
                key,
                count,
            }))
        }
        _ => Err(unknown()),
    }
}

fn nonsense(reason: &str) -> PickleFault {
    PickleFault::Damaged(reason.to_string())
}

/// A name for error messages: truncated, and without control characters.
fn shown(values: &Values, module: Id, name: Id) -> String {
    let [module, name] = [module, name].map(|id| values.text(id).unwrap_or_default());
    let shorten = |text: &str| text.chars().take(MOST_SHOWN).collect::<String>();
    let full = format!("{}.{}", shorten(module), shorten(name));
    shorten(&full.escape_debug().to_string())
}

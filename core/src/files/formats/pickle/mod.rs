//! Python's pickle format, as written by PyTorch, NumPy and joblib, parsed by an interpreter that executes no code.
//!
//! A pickle is a program for a small stack machine, and some of its instructions call Python functions by name. A short
//! list of names stands for values that are constructed without Python (see `names`); every other call is rejected. Values
//! are stored in one list and refer to each other by index, so that cycles are harmless, and dropping deeply nested values
//! needs no recursion.
//!
//! Source: the instructions and protocols documented in Python's module `pickletools`.

mod arrays;
mod literals;
mod machine;
mod names;
#[cfg(test)]
mod tests;

pub use arrays::{ArrayData, ArrayValue, LocatedArray, LocatedValues};
pub use names::{Element, Known};

/// Parses the pickle at the beginning of `bytes`, which may be longer.
///
/// # Errors
/// Returns a [`PickleFault`] if the bytes are not a pickle, exceed the resource limits, or call an unknown function.
pub fn parse(bytes: &[u8]) -> Result<Pickle, PickleFault> {
    machine::PickleMachine::new(bytes).run()
}

/// A parsed pickle.
#[derive(Debug)]
pub struct Pickle {
    /// All values.
    pub values: Values,
    /// The top-level value.
    pub root: Id,
    /// Length of the pickle in bytes.
    pub n_bytes: usize,
}

/// Index of a value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(u32);

/// A value; nested values are referred to by index.
#[derive(Debug)]
pub enum Value {
    /// Python's `None`.
    None,
    /// A boolean.
    Bool(bool),
    /// An integer of at most 64 bits.
    Int(i64),
    /// A floating-point number.
    Float(f64),
    /// Bytes at this position of the pickle.
    Bytes {
        /// Offset.
        at: u64,
        /// Length.
        n_bytes: u64,
    },
    /// Bytes encoded as text, one character each.
    Encoded(Id),
    /// A string.
    Text(Box<str>),
    /// A list.
    List(Vec<Id>),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A dictionary in insertion order.
    Dict(Vec<(Id, Id)>),
    /// A known name.
    Known(Known),
    /// An unknown name: the texts of module and name.
    Foreign {
        /// Text of the module.
        module: Id,
        /// Text of the name.
        name: Id,
    },
    /// Tensor storage outside the pickle.
    Storage(Storage),
    /// A view of a storage.
    Tensor(View),
    /// A NumPy dtype.
    Dtype {
        /// Text of its name, such as `f4`.
        name: Id,
        /// Whether it is big-endian.
        is_big_endian: bool,
    },
    /// A NumPy array before its state is applied.
    EmptyArray,
    /// A NumPy array.
    Array(ArrayValue),
    /// An instance of an unknown class, as a record: none of its code is run.
    Object {
        /// Text of the class name.
        class: Id,
        /// Its attributes, usually a dictionary.
        state: Option<Id>,
    },
    /// joblib's wrapper of an array whose data follow in the file.
    Wrapper,
    /// A value that is not needed: sets, big integers, invalid text.
    Opaque,
}

/// Tensor storage outside the pickle.
#[derive(Debug, Clone, Copy)]
pub struct Storage {
    /// Element type.
    pub element: Element,
    /// Text of its key.
    pub key: Id,
    /// Number of elements, not validated yet.
    pub count: Id,
}

/// A tensor as a view of a storage; the fields are not validated yet.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// The storage.
    pub storage: Id,
    /// Offset of the first element in the storage.
    pub offset: Id,
    /// Shape, a tuple.
    pub shape: Id,
    /// Strides in elements, a tuple.
    pub strides: Id,
    /// Name of the number format, if the storage is untyped.
    pub dtype: Option<Id>,
}

/// Why a pickle is rejected.
#[derive(Debug, PartialEq, Eq)]
pub enum PickleFault {
    /// It is invalid or exceeds the resource limits, with a clause that says how.
    Damaged(String),
    /// It calls the unknown function of this name.
    Call(String),
}

/// The values of a pickle, by [`Id`].
#[derive(Debug, Default)]
pub struct Values(Vec<Value>);

impl Values {
    /// Returns the value.
    #[must_use]
    pub fn get(&self, id: Id) -> &Value {
        self.0.get(id.0 as usize).unwrap_or(&Value::Opaque)
    }

    /// Returns the string value; `None` if it is not a string.
    #[must_use]
    pub fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// Returns the integer value; `None` if it is not an integer.
    #[must_use]
    pub fn int(&self, id: Id) -> Option<i64> {
        match self.get(id) {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// Returns the items of a tuple or list; `None` if it is neither.
    #[must_use]
    pub fn sequence(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(items) | Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// Returns the entries of a dictionary; `None` if it is not a dictionary.
    #[must_use]
    pub fn entries(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.get(id) {
            Value::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    /// Returns all storages, including repeated references.
    pub fn storages(&self) -> impl Iterator<Item = &Storage> {
        self.0.iter().filter_map(|value| match value {
            Value::Storage(storage) => Some(storage),
            _ => None,
        })
    }

    fn get_mut(&mut self, id: Id) -> Option<&mut Value> {
        self.0.get_mut(id.0 as usize)
    }

    fn len(&self) -> usize {
        self.0.len()
    }

    fn add(&mut self, value: Value) -> Id {
        let id = Id(self.0.len() as u32);
        self.0.push(value);
        id
    }
}

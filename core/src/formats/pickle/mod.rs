//! Python's pickle format, as PyTorch, NumPy and joblib write it, read by an interpreter that runs nothing.
//!
//! A pickle is a program for a small stack machine, and a part of its instructions call Python functions by name. Here
//! a short list of names stands for values that are made without Python (see `names`); every other call is refused.
//! All values lie in one list and refer to each other by index, so a value that holds itself does no harm, and giving
//! up a deep one takes no stack.
//!
//! Source: the instructions and their protocols as Python's module `pickletools` documents them.

mod arrays;
mod literals;
mod machine;
mod names;
#[cfg(test)]
mod tests;

pub use arrays::{ArrayData, ArrayValue, LocatedArray, LocatedValues};
pub use names::{Element, Known};

/// Reads the pickle that `bytes` begin with; more may follow it.
///
/// # Errors
/// [`PickleFault`] if the bytes are no pickle, ask for more than a checkpoint needs, or call what Heschl does not know.
pub fn parse(bytes: &[u8]) -> Result<Pickle, PickleFault> {
    machine::PickleMachine::new(bytes).run()
}

/// A pickle that was read.
#[derive(Debug)]
pub struct Pickle {
    /// All values.
    pub values: Values,
    /// The one that the others belong to.
    pub root: Id,
    /// Length of the pickle in bytes.
    pub n_bytes: usize,
}

/// Which value.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Id(u32);

/// One value; those that it holds are named by index.
#[derive(Debug)]
pub enum Value {
    /// Python's `None`.
    None,
    /// A truth value.
    Bool(bool),
    /// A whole number of at most 64 bits.
    Int(i64),
    /// A number with a fraction.
    Float(f64),
    /// Bytes at this place of the pickle.
    Bytes {
        /// Where they begin.
        at: u64,
        /// Their number.
        n_bytes: u64,
    },
    /// Bytes that are written as text, a letter each.
    Encoded(Id),
    /// A text.
    Text(Box<str>),
    /// A list.
    List(Vec<Id>),
    /// A tuple.
    Tuple(Vec<Id>),
    /// A dictionary in the order that it was filled.
    Dict(Vec<(Id, Id)>),
    /// A name that Heschl knows.
    Known(Known),
    /// A name that it does not know: the texts of the module and of the name.
    Foreign {
        /// Text of the module.
        module: Id,
        /// Text of the name.
        name: Id,
    },
    /// Numbers that lie elsewhere.
    Storage(Storage),
    /// A view of a storage.
    Tensor(View),
    /// A number format of NumPy.
    Dtype {
        /// The text of its name, such as `f4`.
        name: Id,
        /// Whether the highest byte of a number comes first.
        is_big_endian: bool,
    },
    /// An array of NumPy that no state has filled yet.
    EmptyArray,
    /// An array of NumPy.
    Array(ArrayValue),
    /// An object of a class that is not known, as a record: none of its code runs.
    Object {
        /// The text of the class's name.
        class: Id,
        /// Its attributes, mostly a dictionary.
        state: Option<Id>,
    },
    /// joblib's note of an array whose values follow in the file.
    Wrapper,
    /// What nothing here needs: sets, large numbers, text that is none.
    Opaque,
}

/// Numbers that lie outside the pickle.
#[derive(Debug, Clone, Copy)]
pub struct Storage {
    /// How one number is written.
    pub element: Element,
    /// Text by which the numbers are found.
    pub key: Id,
    /// Count of numbers, as yet unchecked.
    pub count: Id,
}

/// A tensor as a view of a storage; what the fields hold is as yet unchecked.
#[derive(Debug, Clone, Copy)]
pub struct View {
    /// The storage.
    pub storage: Id,
    /// Number of the storage's elements before the first.
    pub offset: Id,
    /// Its dimensions, a tuple.
    pub shape: Id,
    /// Elements from one index to the next in each dimension, a tuple.
    pub strides: Id,
    /// The name of its number format where the storage has none.
    pub dtype: Option<Id>,
}

/// Why a pickle is not read.
#[derive(Debug, PartialEq, Eq)]
pub enum PickleFault {
    /// It makes no sense, or asks for more than a checkpoint needs: a clause that says how.
    Damaged(String),
    /// It calls a function by this name.
    Call(String),
}

/// The values of a pickle, by [`Id`].
#[derive(Debug, Default)]
pub struct Values(Vec<Value>);

impl Values {
    /// The value itself.
    #[must_use]
    pub fn get(&self, id: Id) -> &Value {
        self.0.get(id.0 as usize).unwrap_or(&Value::Opaque)
    }

    /// The text that it is; `None` if it is none.
    #[must_use]
    pub fn text(&self, id: Id) -> Option<&str> {
        match self.get(id) {
            Value::Text(text) => Some(text),
            _ => None,
        }
    }

    /// The whole number that it is; `None` if it is none.
    #[must_use]
    pub fn int(&self, id: Id) -> Option<i64> {
        match self.get(id) {
            Value::Int(number) => Some(*number),
            _ => None,
        }
    }

    /// What a tuple or a list holds; `None` if it is neither.
    #[must_use]
    pub fn sequence(&self, id: Id) -> Option<&[Id]> {
        match self.get(id) {
            Value::Tuple(items) | Value::List(items) => Some(items),
            _ => None,
        }
    }

    /// What a dictionary holds; `None` if it is none.
    #[must_use]
    pub fn entries(&self, id: Id) -> Option<&[(Id, Id)]> {
        match self.get(id) {
            Value::Dict(entries) => Some(entries),
            _ => None,
        }
    }

    /// All storages, as often as they are named.
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

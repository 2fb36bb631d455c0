//! The pickle virtual machine.

use std::collections::BTreeMap;

use super::arrays;
use super::literals::{decimal, long, number, quoted, text, text_of_line};
use super::names::{self, Made};
use super::{ArrayData, ArrayValue, Id, Pickle, PickleFault, Value, Values};

/// Maximum number of instructions, or the file's size in bytes if larger. The checkpoint of the largest speech encoder
/// takes about ten thousand.
const MOST_STEPS: usize = 8_000_000;
/// Maximum number of values, or an eighth of the file's bytes if larger: the words of 84 stories are about five million.
const MOST_VALUES: usize = 1 << 20;
const BYTES_OF_VALUE: usize = 8;
/// Maximum number of pairs copied from lists into dictionaries.
const MOST_COPIED: usize = 500_000;
/// Maximum height of the stack. Python adds a thousand items at a time to a list or dictionary.
const MOST_WAITING: usize = 100_000;
/// Maximum number of nested open marks.
const MOST_OPEN: usize = 1000;
/// Maximum nesting depth of pickles.
const MOST_DEEP: usize = 8;
const NEWEST_PROTOCOL: u8 = 5;

pub(super) struct PickleMachine<'a> {
    bytes: &'a [u8],
    at: usize,
    values: Values,
    stack: Vec<Id>,
    /// Heights of the stack at the open marks.
    marks: Vec<usize>,
    memo: BTreeMap<u64, Id>,
    n_steps: usize,
    /// Number of pairs copied from lists so far.
    n_copied: usize,
    /// Nesting depth of this pickle.
    depth: usize,
}

impl<'a> PickleMachine<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Self {
            bytes,
            at: 0,
            values: Values::default(),
            stack: vec![],
            marks: vec![],
            memo: BTreeMap::new(),
            n_steps: 0,
            n_copied: 0,
            depth: 0,
        }
    }

    /// Runs until the STOP instruction.
    pub(super) fn run(mut self) -> Result<Pickle, PickleFault> {
        self.run_to_end()?;
        Ok(Pickle {
            root: self.pop()?,
            values: self.values,
            n_bytes: self.at,
        })
    }

    /// Returns the length of the pickle, and the total number of steps.
    fn skip(mut self) -> Result<(usize, usize), PickleFault> {
        self.run_to_end()?;
        Ok((self.at, self.n_steps))
    }

    fn run_to_end(&mut self) -> Result<(), PickleFault> {
        loop {
            self.spend(1)?;
            let instruction = self.byte()?;
            if instruction == b'.' {
                return Ok(());
            }
            match self.constant(instruction)? {
                Some(value) => self.push(value)?,
                None => self.step(instruction)?,
            }
        }
    }

    /// The value pushed by a constant instruction; `None` for other instructions.
    fn constant(&mut self, instruction: u8) -> Result<Option<Value>, PickleFault> {
        Ok(Some(match instruction {
            b'N' => Value::None,
            0x88 => Value::Bool(true),
            0x89 => Value::Bool(false),
            b'I' | b'L' => number(self.line()?),
            b'K' => Value::Int(i64::from(self.byte()?)),
            b'M' => Value::Int(i64::from(u16::from_le_bytes(self.array()?))),
            b'J' => Value::Int(i64::from(i32::from_le_bytes(self.array()?))),
            0x8a => long(self.counted::<1>()?),
            0x8b => long(self.counted::<4>()?),
            b'F' => decimal(self.line()?),
            b'G' => Value::Float(f64::from_be_bytes(self.array()?)),
            b'X' => text(self.counted::<4>()?),
            0x8c => text(self.counted::<1>()?),
            b'T' => self.old_text::<4>()?,
            b'U' => self.old_text::<1>()?,
            0x8d => text(self.counted::<8>()?),
            b'V' => text_of_line(self.line()?),
            b'S' => quoted(self.line()?)?,
            b'B' => self.bytes::<4>()?,
            b'C' => self.bytes::<1>()?,
            0x8e | 0x96 => self.bytes::<8>()?,
            b']' => Value::List(vec![]),
            b'}' => Value::Dict(vec![]),
            b')' => Value::Tuple(vec![]),
            0x8f => Value::Opaque,
            _ => return Ok(None),
        }))
    }

    /// Executes an instruction that operates on existing values.
    fn step(&mut self, instruction: u8) -> Result<(), PickleFault> {
        match instruction {
            0x80 => self.protocol(),
            0x95 => self.frame(),
            b'(' => self.open_group(),
            b'0' => self.drop_top(),
            b'1' => self.group().map(drop),
            b'2' => {
                let top = self.pop()?;
                self.push_id(top)?;
                self.push_id(top)
            }
            b't' => {
                let items = self.group()?;
                self.push(Value::Tuple(items))
            }
            0x85..=0x87 => self.tuple_of(usize::from(instruction - 0x84)),
            b'l' => {
                let items = self.group()?;
                self.push(Value::List(items))
            }
            b'd' => {
                let items = self.group()?;
                self.push(Value::Dict(pairs(&items)?))
            }
            0x91 => {
                self.group()?;
                self.push(Value::Opaque)
            }
            b'a' => {
                let item = self.pop()?;
                self.append(vec![item])
            }
            b'e' | 0x90 => {
                let items = self.group()?;
                self.append(items)
            }
            b's' => {
                let [key, value] = self.pop_two()?;
                self.set(&[key, value])
            }
            b'u' => {
                let items = self.group()?;
                self.set(&items)
            }
            b'p' | b'q' | b'r' | 0x94 => self.remember(instruction),
            b'g' | b'h' | b'j' => self.recall(instruction),
            _ => self.step_by_name(instruction),
        }
    }

    /// Executes an instruction that involves names and calls.
    fn step_by_name(&mut self, instruction: u8) -> Result<(), PickleFault> {
        match instruction {
            b'c' => {
                let [module, name] = [self.name()?, self.name()?];
                self.push_name(module, name)
            }
            0x93 => {
                let [module, name] = self.pop_two()?;
                self.push_name(module, name)
            }
            b'R' => {
                let [callable, arguments] = self.pop_two()?;
                self.call(callable, arguments)
            }
            b'i' => {
                let [module, name] = [self.name()?, self.name()?];
                let arguments = self.group()?;
                self.push_name(module, name)?;
                let callable = self.pop()?;
                self.call_with(callable, arguments)
            }
            b'o' => {
                let mut group = self.group()?.into_iter();
                let callable = group
                    .next()
                    .ok_or_else(|| nonsense("it makes an object of no class"))?;
                self.call_with(callable, group.collect())
            }
            0x81 => {
                let [class, _] = self.pop_two()?;
                self.push(names::object(&self.values, class)?)
            }
            0x92 => {
                self.pop()?;
                let [class, _] = self.pop_two()?;
                self.push(names::object(&self.values, class)?)
            }
            b'b' => self.build(),
            b'Q' => {
                let identity = self.pop()?;
                self.push(names::storage(&self.values, identity)?)
            }
            other => Err(PickleFault::Damaged(format!(
                "the byte {other:#04x} in its pickle is no instruction that is known here"
            ))),
        }
    }

    /// BUILD: applies a state to the top value. The object's own code is not run; for NumPy and joblib its effect is
    /// reproduced here.
    fn build(&mut self) -> Result<(), PickleFault> {
        let [target, state] = self.pop_two()?;
        self.push_id(target)?;
        let changed = match self.values.get(target) {
            Value::Dtype { name, .. } => self.values.sequence(state).map(|parts| Value::Dtype {
                name: *name,
                is_big_endian: parts.get(1).and_then(|order| self.values.text(*order)) == Some(">"),
            }),
            Value::EmptyArray => arrays::with_state(&self.values, state),
            Value::Object { class, .. } => Some(Value::Object {
                class: *class,
                state: Some(state),
            }),
            Value::Wrapper => Some(self.wrapped_array(state)?),
            _ => None,
        };
        if let (Some(changed), Some(value)) = (changed, self.values.get_mut(target)) {
            *value = changed;
        }
        Ok(())
    }

    /// The array whose data follow here, which are skipped.
    fn wrapped_array(&mut self, state: Id) -> Result<Value, PickleFault> {
        let wrapped = arrays::wrapped(&self.values, state);
        let wrapped = wrapped.ok_or_else(|| nonsense("an array in it has no shape"))?;
        let Some(n_bytes) = arrays::n_bytes(&self.values, wrapped.dtype, wrapped.shape)? else {
            return self.pickled_objects();
        };
        if wrapped.is_aligned {
            let n_padding = self.byte()?;
            self.take(u64::from(n_padding))?;
        }
        let at = self.at as u64;
        self.take(n_bytes)?;
        Ok(Value::Array(ArrayValue {
            dtype: wrapped.dtype,
            shape: Some(wrapped.shape),
            order: wrapped.order,
            data: ArrayData::At(at),
        }))
    }

    /// Python objects, which follow as a nested pickle; it is parsed only to find its end.
    fn pickled_objects(&mut self) -> Result<Value, PickleFault> {
        if self.depth == MOST_DEEP {
            return Err(nonsense("its arrays of objects lie too deep in each other"));
        }
        let mut inner = PickleMachine::new(&self.bytes[self.at..]);
        inner.depth = self.depth + 1;
        inner.n_steps = self.n_steps;
        let (n_bytes, n_steps) = inner.skip()?;
        self.at += n_bytes;
        self.n_steps = n_steps;
        Ok(Value::Opaque)
    }

    fn protocol(&mut self) -> Result<(), PickleFault> {
        match self.byte()? {
            0..=NEWEST_PROTOCOL => Ok(()),
            other => Err(PickleFault::Damaged(format!(
                "its pickle is of version {other}, newer than {NEWEST_PROTOCOL}"
            ))),
        }
    }

    fn frame(&mut self) -> Result<(), PickleFault> {
        let n_bytes = u64::from_le_bytes(self.array()?);
        self.need(n_bytes).map(drop)
    }

    fn open_group(&mut self) -> Result<(), PickleFault> {
        if self.marks.len() == MOST_OPEN {
            return Err(PickleFault::Damaged(format!(
                "its pickle opens more than {MOST_OPEN} groups inside each other"
            )));
        }
        self.marks.push(self.stack.len());
        Ok(())
    }

    fn drop_top(&mut self) -> Result<(), PickleFault> {
        if self.marks.last() == Some(&self.stack.len()) {
            self.marks.pop();
            return Ok(());
        }
        self.pop().map(drop)
    }

    fn tuple_of(&mut self, n: usize) -> Result<(), PickleFault> {
        let mut items = Vec::with_capacity(n);
        for _ in 0..n {
            items.push(self.pop()?);
        }
        items.reverse();
        self.push(Value::Tuple(items))
    }

    fn append(&mut self, items: Vec<Id>) -> Result<(), PickleFault> {
        let target = self.top()?;
        match self.values.get_mut(target) {
            Some(Value::List(list)) => {
                list.extend(items);
                Ok(())
            }
            Some(Value::Opaque) => Ok(()),
            _ => Err(nonsense("it adds items to what is no list")),
        }
    }

    fn set(&mut self, items: &[Id]) -> Result<(), PickleFault> {
        let target = self.top()?;
        match self.values.get_mut(target) {
            Some(Value::Dict(entries)) => {
                entries.extend(pairs(items)?);
                Ok(())
            }
            Some(Value::Opaque) => Ok(()),
            _ => Err(nonsense("it sets entries of what is no dictionary")),
        }
    }

    fn remember(&mut self, instruction: u8) -> Result<(), PickleFault> {
        let index = match instruction {
            0x94 => self.memo.len() as u64,
            _ => self.memo_index(instruction)?,
        };
        let top = self.top()?;
        self.memo.insert(index, top);
        if self.memo.len() > self.most_values() {
            return Err(self.too_many());
        }
        Ok(())
    }

    fn recall(&mut self, instruction: u8) -> Result<(), PickleFault> {
        let index = self.memo_index(instruction)?;
        match self.memo.get(&index).copied() {
            Some(id) => self.push_id(id),
            None => Err(nonsense("it recalls a value that it did not remember")),
        }
    }

    fn memo_index(&mut self, instruction: u8) -> Result<u64, PickleFault> {
        match instruction {
            b'q' | b'h' => self.byte().map(u64::from),
            b'r' | b'j' => self.array().map(u32::from_le_bytes).map(u64::from),
            _ => match number(self.line()?) {
                Value::Int(index) if index >= 0 => Ok(index as u64),
                _ => Err(nonsense("a value in it is remembered under no number")),
            },
        }
    }

    /// Reads a line of text as a value that is not pushed.
    fn name(&mut self) -> Result<Id, PickleFault> {
        let text = text(self.line()?);
        self.add(text)
    }

    fn push_name(&mut self, module: Id, name: Id) -> Result<(), PickleFault> {
        let texts = (self.values.text(module), self.values.text(name));
        let (Some(module_text), Some(name_text)) = texts else {
            return Err(nonsense("a name in it is not text"));
        };
        let known = names::known(module_text, name_text);
        self.push(known.map_or(Value::Foreign { module, name }, Value::Known))
    }

    fn call_with(&mut self, callable: Id, arguments: Vec<Id>) -> Result<(), PickleFault> {
        let arguments = self.add(Value::Tuple(arguments))?;
        self.call(callable, arguments)
    }

    fn call(&mut self, callable: Id, arguments: Id) -> Result<(), PickleFault> {
        match names::call(&self.values, callable, arguments)? {
            Made::New(value) => self.push(value),
            Made::Same(id) => self.push_id(id),
            Made::DictOf(list) => self.push_dict_of(list),
        }
    }

    fn push_dict_of(&mut self, list: Id) -> Result<(), PickleFault> {
        let n_pairs = self.values.sequence(list).map_or(0, <[Id]>::len);
        self.spend(n_pairs)?;
        self.n_copied += n_pairs;
        if self.n_copied > MOST_COPIED {
            return Err(self.too_many());
        }
        let mut entries = Vec::with_capacity(n_pairs);
        for pair in self.values.sequence(list).unwrap_or_default() {
            match self.values.sequence(*pair) {
                Some(&[key, value]) => entries.push((key, value)),
                _ => return Err(nonsense("it makes a dictionary of what are no pairs")),
            }
        }
        self.push(Value::Dict(entries))
    }

    fn add(&mut self, value: Value) -> Result<Id, PickleFault> {
        if self.values.len() >= self.most_values() {
            return Err(self.too_many());
        }
        Ok(self.values.add(value))
    }

    fn push(&mut self, value: Value) -> Result<(), PickleFault> {
        let id = self.add(value)?;
        self.push_id(id)
    }

    fn push_id(&mut self, id: Id) -> Result<(), PickleFault> {
        if self.stack.len() == MOST_WAITING {
            return Err(PickleFault::Damaged(format!(
                "its pickle piles up more than {MOST_WAITING} values, or nests as deep"
            )));
        }
        self.stack.push(id);
        Ok(())
    }

    /// The top value above the last mark.
    fn top(&self) -> Result<Id, PickleFault> {
        let group = self.marks.last().copied().unwrap_or(0);
        match self.stack.get(group..).and_then(<[Id]>::last) {
            Some(id) => Ok(*id),
            None => Err(nonsense("it uses a value that is not there")),
        }
    }

    fn pop(&mut self) -> Result<Id, PickleFault> {
        let top = self.top()?;
        self.stack.pop();
        Ok(top)
    }

    /// Pops the two top values; the top one comes last.
    fn pop_two(&mut self) -> Result<[Id; 2], PickleFault> {
        let upper = self.pop()?;
        Ok([self.pop()?, upper])
    }

    /// Pops all values above the last mark.
    fn group(&mut self) -> Result<Vec<Id>, PickleFault> {
        match self.marks.pop() {
            Some(mark) if mark <= self.stack.len() => Ok(self.stack.split_off(mark)),
            _ => Err(nonsense("it closes a group that is not open")),
        }
    }

    fn spend(&mut self, n_steps: usize) -> Result<(), PickleFault> {
        self.n_steps = self.n_steps.saturating_add(n_steps);
        let most = MOST_STEPS.max(self.bytes.len());
        if self.n_steps > most {
            return Err(PickleFault::Damaged(format!(
                "its pickle has more than {most} instructions"
            )));
        }
        Ok(())
    }

    fn most_values(&self) -> usize {
        MOST_VALUES.max(self.bytes.len() / BYTES_OF_VALUE)
    }

    fn too_many(&self) -> PickleFault {
        PickleFault::Damaged(format!(
            "its pickle holds more than {} values, which nothing here needs",
            self.most_values()
        ))
    }

    /// End of the next `n_bytes` bytes.
    fn need(&self, n_bytes: u64) -> Result<usize, PickleFault> {
        let left = self.bytes.len() - self.at;
        match usize::try_from(n_bytes) {
            Ok(n_bytes) if n_bytes <= left => Ok(self.at + n_bytes),
            _ => Err(PickleFault::Damaged(format!(
                "its pickle asks for {n_bytes} bytes where {left} are left"
            ))),
        }
    }

    fn take(&mut self, n_bytes: u64) -> Result<&'a [u8], PickleFault> {
        let end = self.need(n_bytes)?;
        let bytes = &self.bytes[self.at..end];
        self.at = end;
        Ok(bytes)
    }

    fn array<const N: usize>(&mut self) -> Result<[u8; N], PickleFault> {
        let mut array = [0; N];
        array.copy_from_slice(self.take(N as u64)?);
        Ok(array)
    }

    fn byte(&mut self) -> Result<u8, PickleFault> {
        let [byte] = self.array()?;
        Ok(byte)
    }

    /// Bytes preceded by their length of `N` bytes.
    fn counted<const N: usize>(&mut self) -> Result<&'a [u8], PickleFault> {
        let mut count = [0; 8];
        count[..N].copy_from_slice(self.take(N as u64)?);
        self.take(u64::from_le_bytes(count))
    }

    fn bytes<const N: usize>(&mut self) -> Result<Value, PickleFault> {
        let n_bytes = self.counted::<N>()?.len();
        Ok(Value::Bytes {
            at: (self.at - n_bytes) as u64,
            n_bytes: n_bytes as u64,
        })
    }

    /// A Python 2 string, as bytes if it is not valid text.
    fn old_text<const N: usize>(&mut self) -> Result<Value, PickleFault> {
        let bytes = self.counted::<N>()?;
        Ok(match std::str::from_utf8(bytes) {
            Ok(text) => Value::Text(text.into()),
            Err(_) => Value::Bytes {
                at: (self.at - bytes.len()) as u64,
                n_bytes: bytes.len() as u64,
            },
        })
    }

    /// The bytes before the next line feed, which is consumed.
    fn line(&mut self) -> Result<&'a [u8], PickleFault> {
        let rest = &self.bytes[self.at..];
        match rest.iter().position(|byte| *byte == b'\n') {
            Some(length) => {
                self.at += length + 1;
                Ok(&rest[..length])
            }
            None => Err(nonsense("a line in it does not end")),
        }
    }
}

fn nonsense(reason: &str) -> PickleFault {
    PickleFault::Damaged(reason.to_string())
}

/// Groups items into pairs.
fn pairs(items: &[Id]) -> Result<Vec<(Id, Id)>, PickleFault> {
    let (pairs, rest) = items.as_chunks::<2>();
    if !rest.is_empty() {
        return Err(nonsense("a key in it has no value"));
    }
    Ok(pairs.iter().map(|[key, value]| (*key, *value)).collect())
}

//! Arrays found in a file that may contain several.

/// Maximum number of presentations; a longer first axis is more likely scans.
const MOST_REPEATS: usize = 64;

/// The arrays of a file that can be responses, and a summary of its other contents.
pub struct Found<A> {
    /// Arrays by name; a single array may be unnamed.
    pub arrays: Vec<(Option<String>, A)>,
    /// Skipped contents, with the reason: `"subject" (text)`, for instance.
    pub left_out: Vec<String>,
    /// Further notes for the user.
    pub notes: Vec<String>,
}

impl<A> Default for Found<A> {
    fn default() -> Self {
        Self {
            arrays: Vec::new(),
            left_out: Vec::new(),
            notes: Vec::new(),
        }
    }
}

impl<A> Found<A> {
    /// Records that something was skipped.
    pub fn leave_out(&mut self, name: &str, why: impl std::fmt::Display) {
        let shown: String = name.chars().take(100).collect();
        self.left_out
            .push(format!("\"{}\" ({why})", shown.escape_debug()));
    }

    /// Converts the arrays to another type.
    #[must_use]
    pub fn into_other<B: From<A>>(self) -> Found<B> {
        let arrays = self.arrays.into_iter();
        Found {
            arrays: arrays.map(|(name, array)| (name, B::from(array))).collect(),
            left_out: self.left_out,
            notes: self.notes,
        }
    }

    /// Describes the first few skipped items; returns `None` if there are none.
    #[must_use]
    pub fn left_out_in_words(&self) -> Option<String> {
        const MOST_SHOWN: usize = 6;
        let (first, n_more) = match self.left_out.len() {
            0 => return None,
            n if n > MOST_SHOWN => (&self.left_out[..MOST_SHOWN], n - MOST_SHOWN),
            _ => (&self.left_out[..], 0),
        };
        let more = if n_more > 0 {
            format!(" and {n_more} more")
        } else {
            String::new()
        };
        Some(format!("{}{more}", first.join(", ")))
    }
}

/// Returns a clause on why an array of this shape cannot hold responses; `None` if it can.
#[must_use]
pub fn odd_shape(shape: &[usize]) -> Option<String> {
    if shape.contains(&0) {
        return Some(format!("the shape {shape:?}, no values"));
    }
    match shape.len() {
        0 => Some("a number".into()),
        2 => None,
        _ => repeats_of(shape).err(),
    }
}

/// Interprets an array's shape as `(n_repeats, n_scans, n_voxels)`.
///
/// # Errors
/// Returns a clause if the first axis cannot be presentations.
pub fn repeats_of(shape: &[usize]) -> Result<[usize; 3], String> {
    match *shape {
        [n_repeats, n_scans, n_voxels]
            if (1..=MOST_REPEATS).contains(&n_repeats) && n_repeats < n_scans =>
        {
            Ok([n_repeats, n_scans, n_voxels])
        }
        [_, _, _] => Err(format!(
            "the shape {shape:?}, whose first axis cannot be that of presentations; expected are presentations, scans, voxels"
        )),
        _ => Err(format!("the shape {shape:?}")),
    }
}

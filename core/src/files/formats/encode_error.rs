//! Why maps cannot be written in a format.

/// Why maps cannot be written.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum EncodeError {
    /// There are no maps.
    #[error("There is no map to write.")]
    NoMaps,
    /// A map has another number of values than the others, or than the image or surface.
    #[error("The map \"{name}\" has {found} values, but {expected} belong in the file.")]
    Length {
        /// Name of the map.
        name: String,
        /// Its values.
        found: usize,
        /// The values that belong in the file.
        expected: usize,
    },
    /// No map has a value.
    #[error("The maps have no values: all of them are NaN.")]
    NoValues,
    /// More values than the format can count.
    #[error("{what} are more than {format} can hold, which is {most}.")]
    TooMany {
        /// What is too many.
        what: String,
        /// The format.
        format: &'static str,
        /// The most that it can hold.
        most: usize,
    },
    /// Two regions would have the same number in the file.
    #[error(
        "The regions \"{first}\" and \"{second}\" have the same colour, by which the format tells them apart. Give them \
         different colours."
    )]
    SameColour {
        /// A region.
        first: String,
        /// The other region.
        second: String,
    },
    /// The file could not be made.
    #[error("The file cannot be made: {0}.")]
    Failed(String),
}

/// Checks that there are maps, and that all have as many values as belong in the file.
pub(super) fn check_lengths<'a>(
    maps: impl IntoIterator<Item = (&'a str, &'a [f32])>,
    expected: usize,
) -> Result<(), EncodeError> {
    let mut n_maps = 0;
    for (name, values) in maps {
        n_maps += 1;
        if values.len() != expected {
            return Err(EncodeError::Length {
                name: name.to_string(),
                found: values.len(),
                expected,
            });
        }
    }
    if n_maps == 0 {
        return Err(EncodeError::NoMaps);
    }
    Ok(())
}

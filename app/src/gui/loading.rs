//! The state of a value that a worker provides: not requested, pending, ready or failed.

/// Something that is looked for.
#[derive(Debug, Clone, PartialEq, Default)]
pub(crate) enum Loading<T> {
    /// Nobody asked.
    #[default]
    Nothing,
    /// On its way.
    Waiting,
    /// Here.
    Ready(T),
    /// Cannot be had: a sentence.
    Failed(String),
}

impl<T> Loading<T> {
    /// On its way, if it was asked for.
    #[must_use]
    pub(crate) fn of(is_asked: bool) -> Self {
        if is_asked {
            Self::Waiting
        } else {
            Self::Nothing
        }
    }

    /// What is here.
    #[must_use]
    pub(crate) fn ready(&self) -> Option<&T> {
        match self {
            Self::Ready(found) => Some(found),
            _ => None,
        }
    }

    /// Why it cannot be had.
    #[cfg(test)]
    pub(crate) fn failure(&self) -> Option<&str> {
        match self {
            Self::Failed(sentence) => Some(sentence),
            _ => None,
        }
    }
}

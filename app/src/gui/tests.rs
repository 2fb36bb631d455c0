//! The window, tested by what stands on it.

//! How a thread has the window drawn again.

use std::sync::Arc;

/// Wakes the window, so that an answer is seen at once.
pub(crate) type Waker = Arc<dyn Fn() + Send + Sync>;

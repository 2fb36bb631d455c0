//! One file per subcommand.

pub(crate) mod bench;
pub(crate) mod check;
pub(crate) mod clean;
pub(crate) mod demo;
pub(crate) mod devices;
pub(crate) mod downsample;
pub(crate) mod encode;
pub(crate) mod export;
pub(crate) mod extract;
pub(crate) mod film;
pub(crate) mod flatten;
pub(crate) mod inspect;
pub(crate) mod map;
pub(crate) mod models;
pub(crate) mod numbers;
pub(crate) mod open;
pub(crate) mod partition;
pub(crate) mod pick;
pub(crate) mod predict;
pub(crate) mod render;
pub(crate) mod run;
pub(crate) mod share;
pub(crate) mod simulate;
pub(crate) mod stack;
pub(crate) mod sweep;

//! The window.
//!
//! ```text
//!  pages (draw facts and state, return actions) → actions (carried out in one place) → work, jobs (threads, processes)
//!        ▲                                                                                  │
//!        └────────────────────────────── facts (what was found out) ◄──────────────────────┘
//! ```
//!
//! * `state`: what the user decided; its lasting half is kept in a file. Changed only by `actions`, so that every change
//!   of the study or the settings can be undone.
//! * `info`: what was found out; written by `workers` and `jobs`, only read by pages.
//! * `pages`: one file per page; a page draws, keeps what is half-typed, and returns what was asked for. It reads no
//!   file, starts no thread, knows no process.
//! * `workers`: threads, each with a desk for one kind of question; a newer question cancels the older.
//! * `window`: puts them together, frame by frame.

mod actions;
mod close_request;
mod colours;
mod dispatch;
mod features;
mod figure;
mod fit_actions;
mod fitting;
mod history;
mod icons;
mod info;
mod job_actions;
mod jobs;
mod loading;
mod lock;
mod log;
mod manual;
mod pages;
mod palette;
mod preferences;
mod rail;
pub(crate) mod sample;
mod shortcuts;
mod start;
mod state;
mod status_bar;
mod study;
mod system_fonts;
mod text;
mod theme;
mod toasts;
#[cfg(debug_assertions)]
mod widget_map;
mod widgets;
mod window;
mod workers;

pub(crate) use jobs::go_on;
pub(crate) use start::open;

#[cfg(test)]
mod tests;

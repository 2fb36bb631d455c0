//! Details for finding faults, on standard error.

use tracing::level_filters::LevelFilter;
use tracing_subscriber::filter::Targets;
use tracing_subscriber::layer::SubscriberExt as _;
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::failure::Failure;

/// Names the details that are logged: a level such as `debug`, or levels of packages such as `heschl_core=trace`.
pub(crate) const VARIABLE: &str = "HESCHL_LOG";

/// Logs what [`VARIABLE`] asks for; with `--verbose`, the details of Heschl's own packages.
///
/// # Errors
/// A sentence if the variable makes no sense.
pub(crate) fn start(is_verbose: bool) -> Result<(), Failure> {
    let Some(filter) = filter(is_verbose, std::env::var(VARIABLE).ok().as_deref())? else {
        return Ok(());
    };
    let layer = tracing_subscriber::fmt::layer()
        .with_writer(std::io::stderr)
        .with_ansi(false);
    let started = tracing_subscriber::registry()
        .with(filter)
        .with(layer)
        .try_init();
    started.map_err(|error| {
        Failure::new(format!(
            "Details cannot be logged ({error}). Leave out --verbose."
        ))
    })
}

/// What is logged; `None` for nothing.
fn filter(is_verbose: bool, variable: Option<&str>) -> Result<Option<Targets>, Failure> {
    match variable.map(str::trim).filter(|text| !text.is_empty()) {
        Some(text) => text.parse().map(Some).map_err(|_| {
            Failure::new(format!(
                "{VARIABLE} is \"{text}\", which is no level. Use error, warn, info, debug or trace, or a package with a level, such as \
                 heschl_core=debug."
            ))
        }),
        None if is_verbose => {
            let ours = ["heschl", "heschl_core", "heschl_models"];
            Ok(Some(Targets::new().with_targets(ours.map(|name| (name, LevelFilter::DEBUG)))))
        }
        None => Ok(None),
    }
}

#[cfg(test)]
mod tests {
    use tracing::Level;

    use super::*;

    #[test]
    fn the_variable_comes_before_the_flag() {
        let is_logged = |filter: &Targets, level| filter.would_enable("heschl_core::run", &level);
        assert!(filter(false, None).unwrap().is_none());
        assert!(filter(false, Some(" ")).unwrap().is_none());
        let ours = filter(true, None).unwrap().unwrap();
        assert!(is_logged(&ours, Level::DEBUG) && !is_logged(&ours, Level::TRACE));
        assert!(!ours.would_enable("wgpu", &Level::ERROR));
        let all = filter(true, Some("heschl_core=trace")).unwrap().unwrap();
        assert!(is_logged(&all, Level::TRACE));
        let error = filter(true, Some("loud=please")).unwrap_err();
        assert!(error.message.contains("no level"), "{error}");
    }
}

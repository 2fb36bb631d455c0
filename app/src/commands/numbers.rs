//! Numbers of the command line, within their ranges.

use heschl_core::run::recipe::bounds::Bounds;

/// Reads a number of a flag.
pub(crate) fn number(bounds: Bounds) -> impl Fn(&str) -> Result<f64, String> + Clone {
    move |text| {
        let value = text
            .trim()
            .parse::<f64>()
            .map_err(|_| "give a number, such as 2.0".to_string())?;
        bounds.check(value)?;
        Ok(value)
    }
}

/// Reads a whole number of a flag.
pub(crate) fn whole(bounds: Bounds) -> impl Fn(&str) -> Result<usize, String> + Clone {
    move |text| {
        let value = text
            .trim()
            .parse::<f64>()
            .ok()
            .filter(|value| value.fract() == 0.0)
            .ok_or_else(|| "give a whole number, such as 3".to_string())?;
        bounds.check(value)?;
        Ok(value as usize)
    }
}

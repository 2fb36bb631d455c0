//! The order of the table of regions.

use heschl_core::brain::RegionRow;

/// The column by which the table is sorted.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(crate) enum RegionOrder {
    /// Names, from a to z.
    Name,
    /// The largest mean first.
    #[default]
    Mean,
    /// The largest share of significant vertices first.
    Significant,
    /// The largest region first.
    Vertices,
}

impl RegionOrder {
    /// Sorts the rows.
    pub(crate) fn sort(self, rows: &mut [&RegionRow]) {
        match self {
            Self::Name => rows.sort_by(|a, b| (&a.region, a.side).cmp(&(&b.region, b.side))),
            Self::Mean => rows.sort_by(|a, b| b.mean.total_cmp(&a.mean)),
            Self::Significant => {
                let share = |row: &RegionRow| row.significant_share.unwrap_or(f64::NAN);
                rows.sort_by(|a, b| share(b).total_cmp(&share(a)));
            }
            Self::Vertices => rows.sort_by_key(|row| std::cmp::Reverse(row.n_vertices)),
        }
    }
}

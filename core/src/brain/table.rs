//! A map's values per region.

use super::regions::{Parcellation, RegionsError};
use super::side::Side;

/// Whether a region's two hemispheres have a row each.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Hemispheres {
    /// A row per region and hemisphere.
    Separate,
    /// One row per region.
    Joined,
}

/// Which vertices of a map are significant.
#[derive(Debug, Clone, Copy)]
pub struct Significance<'a> {
    /// False discovery rate of each vertex, for the left and the right hemisphere, `(n_vertices,)`; NaN where undefined.
    pub q: [&'a [f32]; 2],
    /// A vertex is significant if its q is at most this.
    pub level: f64,
}

/// A region's row.
#[derive(Debug, Clone, PartialEq)]
pub struct RegionRow {
    /// Name of the region.
    pub region: String,
    /// The hemisphere; none if both are joined.
    pub side: Option<Side>,
    /// Number of vertices.
    pub n_vertices: usize,
    /// Number of vertices with a finite value.
    pub n_values: usize,
    /// Mean of the finite values; NaN if there are none.
    pub mean: f64,
    /// Share of the vertices with a value that are significant; none without q, NaN without values.
    pub significant_share: Option<f64>,
}

/// Sums up a map per region, in the order of the parcellation; regions without vertices are left out.
///
/// `values`: the map, for the left and the right hemisphere, `(n_vertices,)`; any unit, NaN where undefined.
///
/// # Errors
/// Returns [`RegionsError::OtherSurface`] if map or q have another number of vertices than the parcellation.
pub fn region_table(
    parcellation: &Parcellation,
    values: [&[f32]; 2],
    significance: Option<Significance>,
    hemispheres: Hemispheres,
) -> Result<Vec<RegionRow>, RegionsError> {
    let mut sums = vec![[Sum::default(); 2]; parcellation.regions.len()];
    for side in Side::BOTH {
        let regions = &parcellation.of_vertex[side.index()];
        let values = values[side.index()];
        check(side, regions.len(), values.len())?;
        let q = significance.map(|significance| significance.q[side.index()]);
        check(side, regions.len(), q.map_or(regions.len(), <[f32]>::len))?;
        for (vertex, region) in regions.iter().enumerate() {
            if let Some(region) = region {
                let is_significant = significance
                    .zip(q)
                    // As numbers of the same precision, so that a q of exactly the level counts.
                    .is_some_and(|(significance, q)| q[vertex] <= significance.level as f32);
                sums[usize::from(*region)][side.index()].add(values[vertex], is_significant);
            }
        }
    }
    let mut rows = Vec::new();
    for (region, sums) in parcellation.regions.iter().zip(sums) {
        let parts = match hemispheres {
            Hemispheres::Separate => Side::BOTH
                .map(|side| (Some(side), sums[side.index()]))
                .to_vec(),
            Hemispheres::Joined => vec![(None, sums[0].joined(sums[1]))],
        };
        let parts = parts.into_iter().filter(|(_, sum)| sum.n_vertices > 0);
        rows.extend(parts.map(|(side, sum)| RegionRow {
            region: region.name.clone(),
            side,
            n_vertices: sum.n_vertices,
            n_values: sum.n_values,
            mean: sum.total / sum.n_values as f64,
            significant_share: significance.map(|_| sum.n_significant as f64 / sum.n_values as f64),
        }));
    }
    Ok(rows)
}

fn check(side: Side, expected: usize, found: usize) -> Result<(), RegionsError> {
    if found == expected {
        return Ok(());
    }
    // The map is the hemisphere here, and the regions are what does not fit it.
    Err(RegionsError::OtherSurface {
        side,
        found: expected,
        expected: found,
    })
}

/// What has been counted of a region.
#[derive(Debug, Clone, Copy, Default)]
struct Sum {
    n_vertices: usize,
    n_values: usize,
    n_significant: usize,
    total: f64,
}

impl Sum {
    fn add(&mut self, value: f32, is_significant: bool) {
        self.n_vertices += 1;
        if value.is_finite() {
            self.n_values += 1;
            self.total += f64::from(value);
            self.n_significant += usize::from(is_significant);
        }
    }

    fn joined(self, other: Self) -> Self {
        Self {
            n_vertices: self.n_vertices + other.n_vertices,
            n_values: self.n_values + other.n_values,
            n_significant: self.n_significant + other.n_significant,
            total: self.total + other.total,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::brain::Region;

    fn parcellation() -> Parcellation {
        let region = |name: &str| Region {
            name: name.into(),
            colour: None,
        };
        Parcellation {
            name: "two".into(),
            regions: ["V1", "A1", "nowhere"].map(region).to_vec(),
            of_vertex: [
                vec![Some(0), Some(0), Some(1), None],
                vec![Some(0), Some(0), Some(0)],
            ],
        }
    }

    const LEFT: [f32; 4] = [0.5, 0.25, f32::NAN, 9.0];
    const RIGHT: [f32; 3] = [0.125, f32::INFINITY, 0.25];
    const Q: Significance = Significance {
        q: [&[0.05, 0.06, 0.01, 0.0], &[0.01, f32::NAN, f32::NAN]],
        level: 0.05,
    };

    #[test]
    fn rows_count_vertices_and_values_and_average_the_finite_ones() {
        let separate = region_table(
            &parcellation(),
            [&LEFT, &RIGHT],
            Some(Q),
            Hemispheres::Separate,
        );
        let joined = region_table(&parcellation(), [&LEFT, &RIGHT], None, Hemispheres::Joined);
        let text = |rows: Vec<RegionRow>| {
            let row = |row: RegionRow| {
                format!(
                    "{} {:?} {} {} {} {:?}",
                    row.region,
                    row.side,
                    row.n_vertices,
                    row.n_values,
                    row.mean,
                    row.significant_share
                )
            };
            rows.into_iter().map(row).collect::<Vec<_>>()
        };
        assert_eq!(
            text(separate.unwrap()),
            [
                "V1 Some(Left) 2 2 0.375 Some(0.5)",
                "V1 Some(Right) 3 2 0.1875 Some(0.5)",
                "A1 Some(Left) 1 0 NaN Some(NaN)",
            ]
        );
        assert_eq!(
            text(joined.unwrap()),
            ["V1 None 5 4 0.28125 None", "A1 None 1 0 NaN None"]
        );
    }

    #[test]
    fn a_map_of_another_surface_is_refused() {
        let refused = region_table(
            &parcellation(),
            [&LEFT, &RIGHT[..2]],
            None,
            Hemispheres::Joined,
        );
        let expected = RegionsError::OtherSurface {
            side: Side::Right,
            found: 3,
            expected: 2,
        };
        assert_eq!(refused, Err(expected));
        let q = Significance {
            q: [&LEFT[..1], &RIGHT],
            level: 0.05,
        };
        let refused = region_table(
            &parcellation(),
            [&LEFT, &RIGHT],
            Some(q),
            Hemispheres::Joined,
        );
        assert!(refused.is_err());
    }
}

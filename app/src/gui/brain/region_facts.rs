//! What is known of a region: its size, and means over its vertices.

use std::collections::BTreeSet;

use heschl_core::brain::Side;
use heschl_core::brain::drawing::RegionMesh;
use heschl_core::run::encoding::{Column, ScoreTable};

/// What is known of a region.
#[derive(Debug, Clone, PartialEq)]
pub(crate) struct RegionFacts {
    /// Its vertices.
    pub(crate) n_vertices: usize,
    /// Its area halfway between white and pial surface, mm².
    pub(crate) area_mm2: f64,
    /// Voxels at its vertices.
    pub(crate) n_voxels: usize,
    /// Mean of the map that is shown; NaN without values.
    pub(crate) mean: f64,
    /// Mean r, and the means of the lower and upper bounds of its confidence intervals; NaN where unknown.
    pub(crate) r: [f64; 3],
    /// Share of the vertices with an r that are significant; NaN where unknown.
    pub(crate) significant_share: f64,
    /// Mean noise ceiling; NaN where unknown.
    pub(crate) noise_ceiling: f64,
}

/// What the facts of regions come from.
pub(crate) struct FactsOf<'a> {
    /// The meshes of both hemispheres.
    pub(crate) meshes: &'a [RegionMesh; 2],
    /// Index of the voxel at each vertex.
    pub(crate) voxels: &'a [Vec<Option<usize>>; 2],
    /// The map that is shown, at the vertices.
    pub(crate) values: &'a [Vec<f32>; 2],
    /// All scores, if they are known.
    pub(crate) table: Option<&'a ScoreTable>,
    /// A voxel is significant if its q is at most this.
    pub(crate) fdr_level: f64,
}

impl RegionFacts {
    /// What is known of a region, given by its vertices of both hemispheres.
    #[must_use]
    pub(crate) fn of(vertices: &[Vec<u32>; 2], of: &FactsOf) -> Self {
        let mut voxels = BTreeSet::new();
        let mut means = [Mean::default(); 5];
        let (mut n_tested, mut n_significant) = (0, 0);
        let mut area_mm2 = 0.0;
        for side in Side::BOTH {
            let at = side.index();
            area_mm2 += of.meshes[at].area_mm2(&vertices[at]);
            for vertex in &vertices[at] {
                let vertex = *vertex as usize;
                means[0].add(
                    of.values[at]
                        .get(vertex)
                        .copied()
                        .map_or(f64::NAN, f64::from),
                );
                let voxel = of.voxels[at].get(vertex).copied().flatten();
                voxels.extend(voxel);
                let Some(own) = voxel.and_then(|at| of.table?.voxels.get(at)) else {
                    continue;
                };
                let columns = [Column::R, Column::RLow, Column::RHigh, Column::NoiseCeiling];
                for (mean, column) in means[1..].iter_mut().zip(columns) {
                    mean.add(own.get(column));
                }
                if own.get(Column::R).is_finite() {
                    n_tested += 1;
                    // As numbers of the same precision, so that a q of exactly the level counts.
                    let is_significant = own.get(Column::Q) as f32 <= of.fdr_level as f32;
                    n_significant += usize::from(is_significant);
                }
            }
        }
        let [mean, r, low, high, ceiling] = means.map(Mean::mean);
        Self {
            n_vertices: vertices.iter().map(Vec::len).sum(),
            area_mm2,
            n_voxels: voxels.len(),
            mean,
            r: [r, low, high],
            significant_share: f64::from(n_significant as u32) / f64::from(n_tested),
            noise_ceiling: ceiling,
        }
    }
}

/// A mean of finite values.
#[derive(Debug, Clone, Copy, Default)]
struct Mean {
    sum: f64,
    n_values: usize,
}

impl Mean {
    fn add(&mut self, value: f64) {
        if value.is_finite() {
            self.sum += value;
            self.n_values += 1;
        }
    }

    fn mean(self) -> f64 {
        self.sum / self.n_values as f64
    }
}

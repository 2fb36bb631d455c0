//! The brain of `heschl simulate --anatomy`: its voxels are the vertices of fsaverage5, and regions follow layers.

use std::io;
use std::path::Path;

use heschl_core::brain::LanguageSystem;
use heschl_core::display::library::{FeatureLibrary, Layer};
use heschl_core::files::formats::npz_arrays::ArraysWriter;
use heschl_core::fmri::simulate::VoxelPlan;
use heschl_core::run::recipe::FeatureSet;

use crate::failure::Failure;

/// Which layer drives each vertex, and how much.
pub(super) struct Anatomy {
    /// Names of the layers, the first one first.
    layers: Vec<String>,
    system: LanguageSystem,
}

impl Anatomy {
    /// Lays out the regions over the hidden layers in a folder of features.
    ///
    /// # Errors
    /// A sentence if there are no hidden layers.
    pub(super) fn of(folder: &Path, signal_share: f64) -> Result<Self, Failure> {
        let hidden = |layer| match layer {
            Layer::Hidden(_, name) => Some(name),
            Layer::Final => None,
        };
        let library = FeatureLibrary::open(folder)?;
        let layers: Vec<String> = library.layers.into_iter().filter_map(hidden).collect();
        if layers.is_empty() {
            return Err(Failure::new(format!(
                "Regions of the brain follow different layers, but only the final output is here. Extract the layers too.\n\
                 Folder: {}",
                folder.display()
            )));
        }
        Ok(Self {
            system: LanguageSystem::fsaverage5(layers.len(), signal_share),
            layers,
        })
    }

    /// What each voxel measures.
    pub(super) fn plan(&self) -> &[VoxelPlan] {
        &self.system.plan
    }

    /// The features of each layer.
    pub(super) fn sets(&self, of_output: &FeatureSet) -> Vec<FeatureSet> {
        let set = |layer: &String| FeatureSet {
            name: layer.clone(),
            layer: Some(layer.clone()),
            ..of_output.clone()
        };
        self.layers.iter().map(set).collect()
    }

    /// Adds region and layer of each voxel to the ground truth; the layer is empty where there is no signal.
    pub(super) fn write(&self, truth: &mut ArraysWriter) -> io::Result<()> {
        let layer = |plan: &VoxelPlan| match plan {
            VoxelPlan::Signal { layer, .. } => self.layers[*layer].as_str(),
            VoxelPlan::Outside | VoxelPlan::Noise => "",
        };
        let layers: Vec<&str> = self.system.plan.iter().map(layer).collect();
        truth.texts("region", &self.system.regions)?;
        truth.texts("layer", &layers)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn layers_are_taken_in_the_order_of_their_numbers_without_the_final_output() {
        let folder = tempfile::tempdir().unwrap();
        let touch = |name: &str| {
            let path = folder.path().join(name);
            heschl_core::run::store::atomic::write(&path, b"").unwrap();
        };
        touch("story.npz");
        let refused = Anatomy::of(folder.path(), 0.5).map(|_| ()).unwrap_err();
        assert!(refused.to_string().contains("Extract the layers too"));
        for layer in ["encoder.10", "encoder.2", "encoder.0"] {
            touch(&format!("{layer}/story.npz"));
        }
        let anatomy = Anatomy::of(folder.path(), 0.5).unwrap();
        assert_eq!(anatomy.layers, ["encoder.0", "encoder.2", "encoder.10"]);
        assert_eq!(anatomy.plan().len(), 20_484);
    }
}

//! Formats of maps by the endings of their files.

use std::path::Path;

use crate::failure::Failure;

/// A format in which maps are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Format {
    /// Volumes.
    Nifti { is_packed: bool },
    /// Maps of one hemisphere.
    Gifti,
    /// Maps of both hemispheres.
    Cifti,
    /// Maps of one hemisphere, of FreeSurfer.
    Mgh { is_packed: bool },
    /// Regions of one hemisphere.
    Annot,
    /// Vertices of one hemisphere.
    Label,
    /// pycortex.
    Dataset,
    /// A table.
    Csv,
}

/// Endings and their formats; longer endings before those they end with.
const ENDINGS: [(&str, Format); 12] = [
    (".dscalar.nii", Format::Cifti),
    (".nii.gz", Format::Nifti { is_packed: true }),
    (".nii", Format::Nifti { is_packed: false }),
    (".gii", Format::Gifti),
    (".mgh", Format::Mgh { is_packed: false }),
    (".mgz", Format::Mgh { is_packed: true }),
    (".annot", Format::Annot),
    (".label", Format::Label),
    (".hf5", Format::Dataset),
    (".hdf5", Format::Dataset),
    (".hdf", Format::Dataset),
    (".csv", Format::Csv),
];

impl Format {
    /// The format by the name of the file.
    ///
    /// # Errors
    /// A sentence if the name ends otherwise.
    pub(crate) fn of(path: &Path) -> Result<Self, Failure> {
        let name = path.file_name().unwrap_or_default().to_string_lossy();
        let name = name.to_lowercase();
        let known = ENDINGS.iter().find(|(ending, _)| name.ends_with(ending));
        known.map(|(_, format)| *format).ok_or_else(|| {
            Failure::new(format!(
                "Maps are written as .nii, .nii.gz, .func.gii, .dscalar.nii, .mgh, .mgz, .annot, .label, .hf5 or .csv. Choose a \
                 name that ends so.\nFile: {}",
                path.display()
            ))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_longest_ending_says_the_format() {
        for (name, expected) in [
            ("r.dscalar.nii", Some(Format::Cifti)),
            ("r.nii", Some(Format::Nifti { is_packed: false })),
            ("r.NII.GZ", Some(Format::Nifti { is_packed: true })),
            ("lh.r.func.gii", Some(Format::Gifti)),
            ("r.csv", Some(Format::Csv)),
            ("r.txt", None),
        ] {
            assert_eq!(Format::of(Path::new(name)).ok(), expected, "{name}");
        }
    }
}

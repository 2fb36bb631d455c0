use heschl_core::files::formats::responses::{ResponseOptions, open};

/// Opens bytes as a file of this name and reads the borders of each story.
pub fn responses(bytes: &[u8], name: &str) {
    let folder = tempfile::tempdir().expect("a folder for the file");
    let path = folder.path().join(name);
    std::fs::write(&path, bytes).expect("the file can be written");
    let options = ResponseOptions {
        mask: None,
        scratch: folder.path().join("scratch"),
    };
    let Ok(source) = open(&path, &options) else {
        return;
    };
    for story in source.stories() {
        let (n_scans, n_voxels) = source.shape(&story).expect("a story that is named is there");
        let (scans, voxels) = (n_scans.min(8), n_voxels.min(8));
        for (first_scan, first_voxel) in [(0, 0), (n_scans - scans, n_voxels - voxels)] {
            let block = source.read(&story, first_scan..first_scan + scans, first_voxel..first_voxel + voxels);
            if let Ok(block) = block {
                assert_eq!(block.dim(), (scans, voxels));
            }
        }
    }
}

//! Speech models: checkpoints, the ONNX graphs they become, the catalogue and downloads.

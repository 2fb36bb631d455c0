"""Writes maps.bin: the 256 colours of each of matplotlib's maps, as three bytes each (matplotlib 3.11.2).

pip install matplotlib numpy; python make.py
"""
import numpy as np
from matplotlib import colormaps

NAMES = [
    "viridis", "magma", "inferno", "plasma", "cividis", "RdBu", "coolwarm", "PuOr", "hot", "Reds", "Blues", "twilight",
    "turbo", "gray",
]
tables = [colormaps[name](np.arange(256), bytes=True)[:, :3] for name in NAMES]
np.stack(tables).astype(np.uint8).tofile("maps.bin")

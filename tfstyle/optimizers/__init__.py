"""How the pixels change: one algorithm a file, all behind one signature."""

"""The measurements of scripts/benchmark.py and scripts/benchmark_tiles.py."""

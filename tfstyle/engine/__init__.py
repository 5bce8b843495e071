"""One run in memory: its pictures, its sizes, how they fit, and the loop over steps.

Knows no files: what a run is between two steps is a `State`, which `tfstyle.runs`
writes. `tfstyle.engine.loop` and what it stands on need TensorFlow, the rest does not.
"""

"""One run on disk: its folder, checkpoints, record, and what watches its steps.

Stands on `tfstyle.api`; knows nothing of flags.
"""

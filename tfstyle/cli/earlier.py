"""The flags that say what becomes of what is in --output already."""

from absl import flags

flags.DEFINE_bool("resume", False, "Go on with what was interrupted in --output.")
flags.DEFINE_bool("overwrite", False, "Replace what is in --output.")

"""The command line: flags, --help, exit codes, one line for an error.

The only room that knows absl. `tfstyle.run` and the scripts are thin programs over it.
"""

"""Many runs: here one after the other, in several processes, or on a Ray cluster.

A job is a config and the name of its run directory. Jobs are independent, can be
resumed, and are kept if they are done, so any of them may be made again elsewhere.
"""

"""What the machine gives: devices, memory, processes, files, locks, signals.

Knows nothing of pictures or of style.
"""

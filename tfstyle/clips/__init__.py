"""Films painted frame by frame, each from the one before: the only room with FFmpeg.

Reading, shots, optical flow, the frames of a shot, the folder, and the film made of it.
"""

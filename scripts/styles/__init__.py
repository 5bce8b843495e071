"""The sample style images, each drawn from nothing but random numbers.

Lengths are in pixels of a picture whose long side is 768 pixels, multiplied by `unit`
for other sizes.
"""

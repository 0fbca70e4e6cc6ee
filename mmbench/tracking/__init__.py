"""Send runs to experiment trackers: Weights & Biases, TensorBoard, MLflow, and whatever a plug-in adds.

A tracker is a subclass of `Tracker`, registered in the entry-point group ``mmbench.trackers``; each of ours is one module
here. It lives in a process of its own (`mmbench.tracking.child`), so that a library that fails, hangs or is slow costs the
run nothing (`mmbench.tracking.process`).
"""

from mmbench.tracking.tracker import CurvePoint, Image, SampleTable, TaskResults, TrackedRun, Tracker, check_text

__all__ = ["CurvePoint", "Image", "SampleTable", "TaskResults", "TrackedRun", "Tracker", "check_text"]

"""The line from a trained model to a proven bundle: the only place that knows the order of stages.

Nothing slow is imported before it is needed: a build with nothing to do imports neither numpy nor TensorFlow.
"""

from edgebuild.pipeline.line import build, check
from edgebuild.pipeline.look import Inspection, inspect, shapes
from edgebuild.pipeline.stages import Listener

__all__ = ["Inspection", "Listener", "build", "check", "inspect", "shapes"]

"""From a network to answers about positions, on whatever hardware there is.

Importing it keeps OpenVINO, whose imports are all in here, from reporting what it does to its makers: it would fork a
process for that in a thread of its own. The fork stops the threads with which numpy multiplies matrices, and a product
that is under way then never ends. Where the package that reports is missing, OpenVINO does without.
"""

import sys
from types import ModuleType
from typing import cast

sys.modules.setdefault("openvino_telemetry", cast("ModuleType", None))

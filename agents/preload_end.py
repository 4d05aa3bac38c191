"""What the forkserver does once it has loaded everything else."""

from __future__ import annotations

import gc
import logging

from agents.immortal import immortalize

gc.enable()
try:
    immortalize()
except Exception:  # calls would take more memory; without a forkserver there were none
    logging.getLogger(__name__).exception("job processes share less memory than they could")

"""What the forkserver does before it loads anything else."""

from __future__ import annotations

import gc

# Of what is loaded nothing becomes garbage: to look for some takes a sixth of the time. The end turns it on.
gc.disable()

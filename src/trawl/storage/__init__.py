"""Storage of what Trawl writes: one root URI, on a local disk or on anything S3-compatible.

`root.py` holds the root, its layout and what Lance needs to open it; `local.py` and `s3.py` write
small files with the same methods; `faults.py` maps other libraries' errors. The videos themselves
are read by `corpus/`. Credentials come from the usual AWS_* variables each time a client is made;
no object here holds one.
"""

from trawl.storage.faults import lance_faults
from trawl.storage.root import Storage

__all__ = ["Storage", "lance_faults"]

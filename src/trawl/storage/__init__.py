"""Where things lie: the index's root, and the videos' bytes, on a local disk or on anything S3-compatible.

`root.py` the one root URI, its layout and what Lance needs to open it; `local.py` and `s3.py` small files on each, with the
same methods; `videos.py` lists videos at any fsspec URI, `fetch.py` and `cache.py` bring them here; `faults.py` other libraries'
errors in our words.
Credentials come from the usual AWS_* variables each time a client is made; no object here holds one.
"""

from trawl.corpus.fetch import localize
from trawl.corpus.files import FileInfo, list_files, stat_file
from trawl.storage.faults import lance_faults
from trawl.storage.root import Storage

__all__ = ["FileInfo", "Storage", "lance_faults", "list_files", "localize", "stat_file"]

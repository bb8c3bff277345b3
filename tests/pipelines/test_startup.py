"""Lance without pandas, and pandas afterwards."""

import subprocess
import sys

# In a process of its own: what is imported cannot be taken back.
CODE = """
import sys, tempfile
from trawl.runtime.process import import_lance
import_lance()
import lance, pyarrow as pa
table = pa.table({"a": [1, 2]})
with tempfile.TemporaryDirectory() as folder:
    assert lance.write_dataset(table, folder + "/t.lance").to_table(filter="a > 1").num_rows == 1
assert "pandas" not in sys.modules, "something imported it"
assert table.to_pandas()["a"].sum() == 3
import pandas
assert pa.array(pandas.Series([1, 2])).to_pylist() == [1, 2]
import_lance()
print("fine")
"""


def test_pandas_is_left_out_and_comes_back_when_asked_for() -> None:
    ended = subprocess.run([sys.executable, "-c", CODE], capture_output=True, text=True)
    assert ended.stdout.strip() == "fine", ended.stderr[-2000:]

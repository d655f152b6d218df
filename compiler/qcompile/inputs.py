"""Arrays from the user's `.npz` and `.npy` files, which are not trusted."""

from __future__ import annotations

import zipfile
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from qcompile.errors import CompileError


def load_arrays(path: str) -> dict[str, NDArray[Any]]:
    """The arrays of an `.npz` by name; that of an `.npy` as `input`. No pickles."""
    try:
        found = np.load(Path(path), allow_pickle=False)
        if isinstance(found, np.ndarray):
            return {"input": found}
        with found:
            return {name: found[name] for name in found.files}
    except OSError as error:
        what = f"cannot read: {error.strerror or 'it is cut off'}"
        raise CompileError(what, at=path, help="check the path") from None
    except (ValueError, EOFError, KeyError, zipfile.BadZipFile):
        raise CompileError(
            "not an .npz file of plain arrays", at=path, help="write it with numpy.savez"
        ) from None

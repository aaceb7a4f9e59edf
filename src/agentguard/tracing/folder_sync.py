"""Having a new file survive a power cut: its bytes are one thing, its name in the folder is another."""

from __future__ import annotations

import os


def sync_folder_of(path: str) -> None:
    """Have the disk confirm the names in the folder of `path`. Raises OSError when it does not."""
    folder = os.open(os.path.dirname(path), os.O_RDONLY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)

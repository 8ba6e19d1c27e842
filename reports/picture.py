"""A picture of the scorecard page, taken by a headless browser: for a README, or a chat in which nobody opens
attachments.
"""

from __future__ import annotations

import shutil
import subprocess
import tempfile
from pathlib import Path

from stack.errors import UserError

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
# No sandbox: it needs privileges a container or a root shell lacks, and the page is our own and can load nothing.
_FLAGS = (
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--hide-scrollbars",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
)  # fmt: skip
_SIZE = (1280, 1180)
_TIMEOUT_SECONDS = 60


def take(folder: Path, out: Path) -> None:
    """Write the top of ``readiness.html`` in ``folder`` as a PNG file. Raises UserError without a page, a browser, or a
    picture.
    """
    page = (folder / "readiness.html").resolve()
    if not page.is_file():
        raise UserError(f"{page}: there is no page; `python -m reports render {folder}` writes it.")
    browser = next(filter(None, map(shutil.which, _BROWSERS)), None)
    if browser is None:
        raise UserError("No browser takes pictures here: install Chromium (Debian: apt-get install chromium).")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as data:
        size = f"--window-size={_SIZE[0]},{_SIZE[1]}"
        command = [browser, *_FLAGS, f"--user-data-dir={data}", size, f"--screenshot={out.resolve()}", page.as_uri()]
        try:
            subprocess.run(command, capture_output=True, timeout=_TIMEOUT_SECONDS, check=True)
        except (OSError, subprocess.SubprocessError) as error:
            raise UserError(f"The browser took no picture ({error}).") from error
    if not out.is_file():
        raise UserError(f"{out}: the browser wrote no picture there.")

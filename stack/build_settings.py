"""Hands the building machine's own settings (mirrors, proxies, CA bundle) to image builds as secrets, baked into nothing.

A machine may reach packages only by its own mirror or through a proxy that inspects TLS; an image must work on another.
Standard library only.
"""

from __future__ import annotations

import os
import shlex
import sys
from collections.abc import Mapping
from pathlib import Path

from stack.command import run

CA_BUNDLES = (Path("/etc/ssl/certs/ca-certificates.crt"), Path("/etc/ssl/cert.pem"), Path("/etc/pki/tls/certs/ca-bundle.crt"))
_PROXIES = ("http_proxy", "https_proxy", "no_proxy", "HTTP_PROXY", "HTTPS_PROXY", "NO_PROXY")
_PIP = ("PIP_INDEX_URL", "PIP_EXTRA_INDEX_URL", "PIP_TRUSTED_HOST", "PIP_DEFAULT_TIMEOUT")
_GO = ("GOPROXY", "GOSUMDB", "GONOSUMDB", "GONOPROXY", "GOPRIVATE", "GOINSECURE")
# What of apt's own configuration concerns how packages are fetched.
_APT = ("Acquire::http", "Acquire::https", "Acquire::Check-", "Acquire::Retries", "Acquire::Languages")
_SCRIPT = """\
if [ -s /run/secrets/ca ]; then
  export SSL_CERT_FILE=/run/secrets/ca PIP_CERT=/run/secrets/ca CURL_CA_BUNDLE=/run/secrets/ca GIT_SSL_CAINFO=/run/secrets/ca
fi
if [ -s /run/secrets/apt ]; then export APT_CONFIG=/run/secrets/apt; fi
"""


def ca_bundle(environ: Mapping[str, str] = os.environ) -> Path | None:
    """Return the bundle that this machine trusts: SSL_CERT_FILE, else the system's; None where there is none."""
    named = [Path(environ["SSL_CERT_FILE"])] if environ.get("SSL_CERT_FILE") else []
    return next((file for file in (*named, *CA_BUNDLES) if file.is_file()), None)


def host_script(environ: Mapping[str, str], pip: Mapping[str, str], go: Mapping[str, str]) -> str:
    """Return the shell lines that with-host-settings reads: exported settings, quoted; the environment wins."""
    settings = {**pip, **go, **{name: environ[name] for name in (*_PROXIES, *_PIP, *_GO) if environ.get(name)}}
    return _SCRIPT + "".join(f"export {name}={shlex.quote(value)}\n" for name, value in sorted(settings.items()) if value)


def write_secrets(folder: Path) -> list[str]:
    """Write the settings into `folder` (private, short-lived) and return the arguments that hand them to a build."""
    host = folder / "host"
    host.write_text(host_script(os.environ, _pip_settings(), _go_settings()), encoding="utf-8")
    bundle = ca_bundle()
    apt = folder / "apt"
    apt.write_text(_apt_settings(with_ca=bundle is not None), encoding="utf-8")
    arguments = [f"--secret=id=host,src={host}", f"--secret=id=apt,src={apt}"]
    return [*arguments, f"--secret=id=ca,src={bundle}"] if bundle else arguments


def _apt_settings(*, with_ca: bool) -> str:
    lines = run(["apt-config", "dump"], within_seconds=20, merge=False).output.splitlines()
    kept = [line for line in lines if line.startswith(_APT) and "CAInfo" not in line]
    if with_ca:
        kept.append('Acquire::https::CAInfo "/run/secrets/ca";')
    return "\n".join(kept) + "\n"


def _pip_settings() -> dict[str, str]:
    """Return the indexes that pip's configuration files name, as the variables that mean the same."""
    answer = run([sys.executable, "-m", "pip", "config", "list"], within_seconds=20, merge=False)
    found: dict[str, str] = {}
    for line in answer.output.splitlines() if answer.ok else ():
        key, _, value = line.partition("=")
        variable = "PIP_" + key.rsplit(".", 1)[-1].replace("-", "_").upper()
        if variable in _PIP:
            found[variable] = value.strip("'\"").replace("\\n", " ").strip()
    return found


def _go_settings() -> dict[str, str]:
    """Return where this machine's go fetches modules, where it has a go that was told so."""
    answer = run(["go", "env", *_GO], within_seconds=20, merge=False)
    values = answer.output.splitlines() if answer.ok else []
    return {name: value for name, value in zip(_GO, values, strict=False) if value}

"""Judges a rotation by what each secret opens afterwards and by who still remembers the old one."""

from __future__ import annotations

from collections.abc import Collection, Mapping


def problems(
    *, logins: Mapping[str, tuple[int, int]], session_opens: bool, remembered: Mapping[str, Collection[str]]
) -> list[tuple[str, str]]:
    """The (service, problem) of each secret that lives on, or that nobody took over.

    `logins` are a service's statuses for the old and the new password, `remembered` the old values its processes hold.
    """
    found = []
    for service, (old, new) in logins.items():
        if old != 401:
            found.append((service, f"{service}: the old password is answered {old}, expected 401"))
        if new != 200:
            found.append((service, f"{service}: the new password is answered {new}, expected 200"))
    if session_opens:
        found.append(("", "a session begun under the old SESSION_SECRET still opens what needs one, expected 401"))
    for service, names in remembered.items():
        if names:
            found.append((service, f"{service}: a process still holds the old {', '.join(sorted(names))} in memory"))
    return found

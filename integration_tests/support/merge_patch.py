"""Changes of a state as some carriers keep them: JSON merge patches (RFC 7396)."""

from __future__ import annotations

from typing import Any


def diff(old: Any, new: Any) -> Any:
    """The patch that makes `new` of `old`, as far as such a patch can."""
    if not isinstance(old, dict) or not isinstance(new, dict):
        return new
    patch = dict.fromkeys(old.keys() - new.keys())
    patch |= {
        key: diff(old.get(key), new[key]) for key in new if key not in old or old[key] != new[key]
    }
    return patch


def apply(patch: Any, old: Any) -> Any:
    """What a patch makes of `old` (RFC 7396, section 2)."""
    if not isinstance(patch, dict):
        return patch
    result = dict(old) if isinstance(old, dict) else {}
    for key, value in patch.items():
        if value is None:
            result.pop(key, None)
        else:
            result[key] = apply(value, result.get(key))
    return result


def nulls(value: Any, path: str = "$") -> list[str]:
    """Where in this JSON a null stands."""
    if value is None:
        return [path]
    if isinstance(value, dict):
        return [found for key, one in value.items() for found in nulls(one, f"{path}.{key}")]
    if isinstance(value, list):
        return [found for at, one in enumerate(value) for found in nulls(one, f"{path}[{at}]")]
    return []


def unfit(old: Any, new: Any) -> list[str]:
    """Why a carrier that keeps changes could not carry a state from `old` to `new`."""
    found = [f"null at {path}" for path in nulls(new)]
    if apply(diff(old, new), old) != new:
        found.append(f"a merge patch of {old} does not give {new}")
    return found

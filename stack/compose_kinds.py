"""Says which kind of value each key of a compose file takes and which keys its mappings know, so that a slip is found where it stands.

After compose-spec/schema/compose-spec.json. Where its later versions take more than an older `docker compose`, so does this.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from stack.located import Tagged
from stack.toml_lines import nearest

_BOOLEANS = ("attach", "init", "oom_kill_disable", "privileged", "read_only", "stdin_open", "tty", "use_api_socket")
_NUMBERS = (
    "cpu_count", "cpu_percent", "cpu_period", "cpu_quota", "cpu_rt_period", "cpu_rt_runtime", "cpu_shares", "cpus", "mem_limit",
    "mem_reservation", "mem_swappiness", "memswap_limit", "oom_score_adj", "pids_limit", "scale", "shm_size",
)  # fmt: skip
_TEXTS = (
    "cgroup", "cgroup_parent", "container_name", "cpuset", "domainname", "hostname", "image", "ipc", "isolation", "mac_address",
    "network_mode", "pid", "platform", "pull_policy", "restart", "runtime", "stop_grace_period", "stop_signal", "user", "userns_mode",
    "uts", "working_dir",
)  # fmt: skip
_LISTS = (
    "cap_add", "cap_drop", "configs", "device_cgroup_rules", "devices", "dns_opt", "expose", "external_links", "group_add", "links",
    "ports", "post_start", "pre_stop", "profiles", "secrets", "security_opt", "volumes", "volumes_from",
)  # fmt: skip
_BUILD_BOTH = ("build.additional_contexts", "build.args", "build.extra_hosts", "build.labels", "build.ssh")
_BOTH = (
    "annotations",
    "depends_on",
    "environment",
    "extra_hosts",
    "labels",
    "models",
    "networks",
    "sysctls",
    "deploy.labels",
    *_BUILD_BOTH,
)
_MAPPINGS = (
    "blkio_config", "build.ulimits", "credential_spec", "deploy.placement", "deploy.resources", "deploy.resources.limits",
    "deploy.resources.reservations", "deploy.restart_policy", "deploy.rollback_config", "deploy.update_config", "healthcheck",
    "logging", "logging.options", "provider", "storage_opt", "ulimits",
)  # fmt: skip

#: Kinds by a key's path inside a service; a number may also be written as a text, for a variable makes it one.
_KINDS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_BOOLEANS, ("true or false", "a text")),
    **dict.fromkeys(_NUMBERS, ("a number", "a text")),
    **dict.fromkeys(_TEXTS, ("a text",)),
    **dict.fromkeys(_LISTS, ("a list",)),
    **dict.fromkeys(_BOTH, ("a list", "a mapping")),
    **dict.fromkeys(_MAPPINGS, ("a mapping",)),
    **dict.fromkeys(
        ("dns", "dns_search", "env_file", "gpus", "healthcheck.test", "label_file", "tmpfs"), ("a text", "a list")
    ),
    **dict.fromkeys(("command", "entrypoint"), ("empty", "a text", "a list")),
    **dict.fromkeys(("deploy", "develop", "networks.*"), ("empty", "a mapping")),
    "depends_on.*": ("a mapping",),
    **dict.fromkeys(("build", "extends"), ("a text", "a mapping")),
}

_MADE_OF_RECORDS = ("configs", "devices", "env_file", "gpus", "post_start", "pre_stop", "secrets", "volumes")
#: Kinds of a list's items; texts unless it says otherwise.
_ITEMS: dict[str, tuple[str, ...]] = {
    **dict.fromkeys(_MADE_OF_RECORDS, ("a text", "a mapping")),
    **dict.fromkeys(("expose", "group_add"), ("a text", "a number")),
    "ports": ("a text", "a number", "a mapping"),
}

_FILE = ("file", "environment", "external", "labels", "name", "template_driver")
_UPDATE = ("parallelism", "delay", "failure_action", "monitor", "max_failure_ratio", "order")
#: The keys that a mapping knows, by its path; one that is not here takes any.
_KEYS: dict[str, tuple[str, ...]] = {
    "services.blkio_config": ("device_read_bps", "device_read_iops", "device_write_bps", "device_write_iops", "weight", "weight_device"),
    "services.build": (
        "additional_contexts", "args", "cache_from", "cache_to", "context", "dockerfile", "dockerfile_inline", "entitlements",
        "extra_hosts", "isolation", "labels", "network", "no_cache", "platforms", "privileged", "provenance", "pull", "sbom", "secrets",
        "shm_size", "ssh", "tags", "target", "ulimits",
    ),
    "services.credential_spec": ("config", "file", "registry"),
    "services.deploy": (
        "endpoint_mode", "labels", "mode", "placement", "replicas", "resources", "restart_policy", "rollback_config", "update_config",
    ),
    "services.deploy.placement": ("constraints", "max_replicas_per_node", "preferences"),
    "services.deploy.resources": ("limits", "reservations"),
    "services.deploy.resources.limits": ("cpus", "memory", "pids"),
    "services.deploy.resources.reservations": ("cpus", "devices", "generic_resources", "memory"),
    "services.deploy.restart_policy": ("condition", "delay", "max_attempts", "window"),
    "services.deploy.rollback_config": _UPDATE,
    "services.deploy.update_config": _UPDATE,
    "services.healthcheck": ("disable", "interval", "retries", "start_interval", "start_period", "test", "timeout"),
    "services.develop": ("watch",),
    "services.logging": ("driver", "options"),
    "services.depends_on.*": ("condition", "required", "restart"),
    "services.networks.*": (
        "aliases", "driver_opts", "gw_priority", "interface_name", "ipv4_address", "ipv6_address", "link_local_ips", "mac_address", "priority",
    ),
    "services.ports[]": ("app_protocol", "host_ip", "mode", "name", "protocol", "published", "target"),
    "services.volumes[]": ("bind", "consistency", "image", "read_only", "source", "target", "tmpfs", "type", "volume"),
    "services.secrets[]": ("gid", "mode", "source", "target", "uid"),
    "services.configs[]": ("gid", "mode", "source", "target", "uid"),
    "networks": ("attachable", "driver", "driver_opts", "enable_ipv4", "enable_ipv6", "external", "internal", "ipam", "labels", "name"),
    "networks.ipam": ("config", "driver", "options"),
    "volumes": ("driver", "driver_opts", "external", "labels", "name"),
    "secrets": (*_FILE, "driver", "driver_opts"),
    "configs": (*_FILE, "content"),
}  # fmt: skip


def problems(section: str, entry: Mapping[str, Any]) -> Iterator[tuple[tuple[str | int, ...], str]]:
    """What is wrong in an entry of a section (a service, a network …) as written: the path inside it, and the problem in words."""
    yield from _in_mapping(section, (), entry)


def _in_mapping(
    section: str, path: tuple[str | int, ...], value: Mapping[str, Any]
) -> Iterator[tuple[tuple[str | int, ...], str]]:
    written = _written(path)
    known = _KEYS.get(f"{section}.{written}" if written else section) or _KEYS.get(f"{section}.{_anyone(written)}")
    for key, item in value.items():
        here = (*path, key)
        if known is not None and key not in known and not key.startswith("x-"):
            yield here, f"unknown key '{key}'{nearest(key, known)}"
        elif section == "services":
            yield from _in_service(here, item)
        elif isinstance(item, Mapping):
            yield from _in_mapping(section, here, item)


def _in_service(path: tuple[str | int, ...], value: Any) -> Iterator[tuple[tuple[str | int, ...], str]]:
    if isinstance(value, Tagged):
        if value.tag == "!reset":
            return
        value = value.value
    written = _written(path)
    kinds = _KINDS.get(written) or _KINDS.get(_anyone(written))
    if kinds and kind_of(value) not in kinds:
        yield path, f"must be {_either(kinds)}, not {kind_of(value)}"
    elif isinstance(value, Mapping):
        yield from _in_mapping("services", path, value)
    elif isinstance(value, list) and kinds:
        allowed = _ITEMS.get(written, ("a text",))
        known = _KEYS.get(f"services.{written}[]")
        for index, item in enumerate(value):
            if kind_of(item) not in allowed:
                yield (*path, index), f"must hold {_either(allowed)}, not {kind_of(item)}"
            elif known and isinstance(item, Mapping):
                wrong = next((key for key in item if key not in known and not str(key).startswith("x-")), None)
                if wrong is not None:
                    yield (*path, index, wrong), f"unknown key '{wrong}'{nearest(wrong, known)}"


def kind_of(value: Any) -> str:
    """What a YAML value is, in words."""
    if value is None:
        return "empty"
    if isinstance(value, bool):
        return "true or false"
    if isinstance(value, Tagged):
        return f"something under {value.tag}"
    kinds = {list: "a list", Mapping: "a mapping", str: "a text", int: "a number", float: "a number"}
    return next((words for kind, words in kinds.items() if isinstance(value, kind)), type(value).__name__)


def _written(path: tuple[str | int, ...]) -> str:
    return ".".join(map(str, path))


def _anyone(written: str) -> str:
    """The path with its last part left open, for mappings of names."""
    return f"{written.rpartition('.')[0]}.*"


def _either(kinds: tuple[str, ...]) -> str:
    words = [kind for kind in kinds if kind != "empty"]
    return " or ".join(filter(None, [", ".join(words[:-1]), words[-1]]))

"""The conformance suite catches every way to break the contract that we know, and passes a gateway that keeps it."""

from __future__ import annotations

import importlib.util
import os
import re
import subprocess
import sys
import xml.etree.ElementTree as ET
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest

BROKEN = Path(__file__).with_name("broken_gateways.py")


@pytest.fixture(scope="module")
def broken() -> ModuleType:
    spec = importlib.util.spec_from_file_location("broken_gateways", BROKEN)
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def failures(classes: dict[str, Any], folder: Path, patience: int) -> dict[str, list[str]]:
    """Run the test that must catch each of ``classes``; what it said when it failed.

    Most of them only wait for what a broken gateway never does, so several run at a time.
    """
    report = folder / f"{patience}.xml"
    argv = [sys.executable, "-m", "pytest", "-q", "-n", "3", "-p", "no:cacheprovider", f"--junitxml={report}"]
    argv += [f"{BROKEN}::{name}::{thing.caught_by}" for name, thing in classes.items()]
    environment = {**os.environ, "KIT_PATIENCE": str(patience)}
    for name in [name for name in environment if name.startswith("PYTEST_")]:
        del environment[name]
    done = subprocess.run(argv, check=False, capture_output=True, text=True, cwd=BROKEN.parents[2], env=environment)
    assert done.returncode == 1, done.stdout[-3000:] + done.stderr[-3000:]
    found: dict[str, list[str]] = {name: [] for name in classes}
    for case in ET.parse(report).iter("testcase"):
        failure = case.find("failure")
        if failure is not None:
            found[case.attrib["classname"].rpartition(".")[2]].append((failure.text or "") + failure.attrib["message"])
    return found


@pytest.mark.slow
def test_every_broken_gateway_is_caught(broken: ModuleType, tmp_path: Path) -> None:
    classes = {name: thing for name, thing in vars(broken).items() if getattr(thing, "caught_by", "")}
    assert len(classes) > 50
    found: dict[str, list[str]] = {}
    for patience in (1, 20):  # on a busy machine the short one may end before the gateway had its chance to be wrong
        found |= failures(classes, tmp_path, patience)
        classes = {
            name: thing
            for name, thing in classes.items()
            if not any(re.search(thing.says, text) for text in found[name])
        }
        if not classes:
            return
    missed = [name for name in classes if not found[name]]
    assert not missed, "the suite lets these gateways pass"
    other = {name: found[name][0][-500:] for name in classes}
    assert not other, "these failed for another reason than the one expected"

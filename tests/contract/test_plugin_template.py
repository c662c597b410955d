"""The plugin template passes the conformance suite, from its folder, without being installed."""

from __future__ import annotations

import configparser
import importlib
import importlib.util
import sys
from pathlib import Path

from ictcore.spec import ENTRY_POINT_GROUP

TEMPLATE = Path(__file__).parents[2] / "contrib" / "plugin-template"
sys.path.insert(0, str(TEMPLATE))
_spec = importlib.util.spec_from_file_location("template_tests", TEMPLATE / "tests" / "test_conformance.py")
assert _spec is not None
assert _spec.loader is not None
_module = importlib.util.module_from_spec(_spec)
_spec.loader.exec_module(_module)

TestTemplate = _module.TestExample


def test_its_entry_point_leads_to_a_plugin() -> None:
    parser = configparser.ConfigParser()
    parser.read(TEMPLATE / "setup.cfg")
    (line,) = parser["options.entry_points"][ENTRY_POINT_GROUP].strip().splitlines()
    module, _, name = line.partition("=")[2].strip().partition(":")
    plugin = getattr(importlib.import_module(module), name)
    (gateway_type,) = plugin.ictcore_register_gateways()
    assert gateway_type.name == "example"
    assert {setting.section for setting in plugin.ictcore_register_settings()} == {"example"}

"""Rules of the repository that a machine can keep."""

from __future__ import annotations

import ast
import configparser
import re
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
CORE = sorted((ROOT / "ictcore").rglob("*.py"))
PLUGINS = sorted(path.parent for path in ROOT.glob("plugins/*/setup.cfg"))
VENDORS = re.compile(r"freeswitch|asterisk|kannel|smtp", re.IGNORECASE)


@pytest.mark.parametrize("file", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_the_core_names_no_vendor(file: Path) -> None:
    found = VENDORS.search(file.read_text())
    assert found is None, f"the core knows no vendor, and says {found[0]!r}"


@pytest.mark.parametrize("file", CORE, ids=lambda path: str(path.relative_to(ROOT)))
def test_everything_public_in_the_core_has_a_docstring(file: Path) -> None:
    tree = ast.parse(file.read_text())
    missing = [] if ast.get_docstring(tree) else ["the module"]
    for node in tree.body:
        if isinstance(node, (ast.FunctionDef, ast.ClassDef)) and not node.name.startswith("_"):
            if not ast.get_docstring(node):
                missing.append(node.name)
            if isinstance(node, ast.ClassDef):
                missing += [
                    f"{node.name}.{method.name}"
                    for method in node.body
                    if isinstance(method, ast.FunctionDef)
                    and not method.name.startswith("_")
                    and not ast.get_docstring(method)
                    and not _repeats_its_contract(node)
                ]
    assert not missing, f"without a docstring: {', '.join(missing)}"


def _repeats_its_contract(node: ast.ClassDef) -> bool:
    """Methods of a class that implements a protocol are described by the protocol."""
    return any(isinstance(base, ast.Name) and base.id == "Gateway" for base in node.bases)


@pytest.mark.parametrize("plugin", PLUGINS, ids=lambda path: path.name)
class TestEveryPlugin:
    def test_is_an_installable_distribution(self, plugin: Path) -> None:
        config = configparser.ConfigParser(interpolation=None)
        config.read(plugin / "setup.cfg")
        assert config["metadata"]["name"] == f"ictcore-{plugin.name}"
        assert (plugin / "pyproject.toml").read_text().count("[") >= 1
        entry_points = config["options.entry_points"]["ictcore"]
        module = f"ictcore_{plugin.name.replace('-', '_')}"
        assert module in entry_points
        assert (plugin / module / "py.typed").exists()

    def test_has_a_changelog_and_tests(self, plugin: Path) -> None:
        assert (plugin / "CHANGELOG.md").read_text().strip()
        assert list((plugin / "tests").glob("test_*.py"))

    def test_runs_the_conformance_suite_when_it_is_a_gateway(self, plugin: Path) -> None:
        if not plugin.name.startswith("gateway-"):
            pytest.skip("not a gateway")
        text = (plugin / "tests" / "test_conformance.py").read_text()
        assert "GatewaySuite" in text


def test_there_are_plugins() -> None:
    assert len(PLUGINS) >= 6


@pytest.mark.parametrize(
    "file",
    sorted({*ROOT.glob("tests/**/*.py"), *ROOT.glob("plugins/*/tests/**/*.py")}),
    ids=lambda path: str(path.relative_to(ROOT)),
)
def test_no_test_sleeps(file: Path) -> None:
    calls = [
        node.lineno
        for node in ast.walk(ast.parse(file.read_text()))
        if isinstance(node, ast.Call)
        and ((isinstance(node.func, ast.Attribute) and node.func.attr == "sleep")
             or (isinstance(node.func, ast.Name) and node.func.id == "sleep"))
    ]  # fmt: skip
    if "bench" in file.parts:
        return
    assert not calls, f"wait for a condition instead of sleeping: lines {calls}"

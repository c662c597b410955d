"""The generated pages are fresh, and say everything that can be declared."""

from __future__ import annotations

import importlib.util
from types import ModuleType

import pytest

from ictcore.domain import cause, errors, event
from ictcore.spec.hookspecs import HOOKS
from tests.docs.pages import ROOT


@pytest.fixture(scope="module")
def generator() -> ModuleType:
    spec = importlib.util.spec_from_file_location("reference", ROOT / "contrib" / "docs" / "reference.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


@pytest.mark.parametrize(
    "page", ["settings.md", "hooks.md", "errors.md", "states.md", "permissions.md", "commands.md", "operations.md"]
)
def test_the_page_is_fresh(generator: ModuleType, page: str) -> None:
    written = (ROOT / "docs" / "reference" / page).read_text()
    assert written == generator.HEAD + generator.PAGES[page](), "run: python contrib/docs/reference.py"


def test_there_is_no_other_generated_page(generator: ModuleType) -> None:
    found = {path.name for path in (ROOT / "docs" / "reference").glob("*.md")}
    assert found == {*generator.PAGES, "README.md", "simulator.md"}


@pytest.mark.parametrize("hook", sorted(HOOKS))
def test_every_hook_is_documented_with_its_parameters(hook: str) -> None:
    assert (HOOKS[hook].__doc__ or "").strip()
    parameters = ", ".join(HOOKS[hook].__code__.co_varnames[: HOOKS[hook].__code__.co_argcount])
    assert f"## {hook}({parameters})" in (ROOT / "docs/reference/hooks.md").read_text()


def test_every_error_cause_and_event_is_named() -> None:
    text = (ROOT / "docs/reference/errors.md").read_text() + (ROOT / "docs/reference/states.md").read_text()
    names = {value.code for value in vars(errors).values() if isinstance(value, type) and hasattr(value, "code")}
    names |= set(cause.ALL)
    names |= {name for name, value in vars(event).items() if getattr(value, "__module__", "") == event.__name__}
    missing = {name for name in names if name.isidentifier() and f"`{name}`" not in text}
    assert not missing

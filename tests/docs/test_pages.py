"""What is written is true: links lead somewhere, blocks of data parse, Python blocks run."""

from __future__ import annotations

import configparser
import json
import re
from pathlib import Path

import pytest

from ictcore.plugins import PluginManager
from ictcore.runtime import core_settings
from tests.docs.pages import PAGES, ROOT, Block, all_blocks, blocks

LANGUAGES = {"sh", "python", "ini", "json", "text", "console", "sql"}
_LINK = re.compile(r"(?<!!)\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


def ids(items: list[Block]) -> list[str]:
    return [str(block) for block in items]


@pytest.mark.parametrize("page", PAGES, ids=lambda page: str(page.relative_to(ROOT)))
class TestPage:
    def test_links_lead_somewhere(self, page: Path) -> None:
        targets = [target for target in _LINK.findall(page.read_text()) if "://" not in target]
        missing = [target for target in targets if not (page.parent / target).exists()]
        assert not missing

    def test_blocks_say_their_language(self, page: Path) -> None:
        assert {block.language for block in blocks(page)} <= LANGUAGES


@pytest.mark.parametrize("block", all_blocks("json"), ids=str)
def test_json_blocks_parse(block: Block) -> None:
    json.loads(block.text)


@pytest.mark.parametrize("block", all_blocks("ini"), ids=str)
def test_settings_in_ini_blocks_exist(block: Block) -> None:
    parser = configparser.ConfigParser(interpolation=None)
    parser.read_string(block.text)
    declared = {setting.key: setting for setting in PluginManager().declare_settings(core_settings())}
    for section in parser.sections():
        for name, value in parser.items(section):
            declared[f"{section}.{name}"].parse(value)


@pytest.mark.parametrize("page", [page for page in PAGES if blocks(page, "python")], ids=lambda p: p.name)
def test_python_blocks_run(page: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """All Python blocks of a page run one after the other, in one namespace."""
    monkeypatch.chdir(tmp_path)
    namespace: dict[str, object] = {"__name__": "docs"}
    for block in blocks(page, "python"):
        exec(compile("\n" * (block.line - 1) + block.text, str(page), "exec"), namespace)

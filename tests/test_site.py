"""The documentation: it builds without a warning, its links lead somewhere, its pictures are those of today, and the
Spanish pages walk the same road as the English ones."""

from __future__ import annotations

import re
import shutil
from pathlib import Path

import pytest

from tests import pictures, site

TOP = Path(__file__).resolve().parent.parent
LINK = re.compile(r"\[[^\]]*\]\(([^)#\s]+)(?:#[^)]*)?\)")


@pytest.mark.timeout(300)
def test_it_builds_without_a_warning(tmp_path: Path) -> None:
    done = site.build(tmp_path / "docs")
    assert done.returncode == 0 and "WARNING" not in done.stderr, done.stderr
    built = tmp_path / "docs/site"
    page = (built / "tutorial.html").read_text(encoding="utf-8")
    assert "<!-- demo" not in page and "can be handed over" in page and "Traceback" not in page
    assert re.search(r'<html lang="?en\b', page)
    assert re.search(r'<html lang="?es\b', (built / "es/tutorial.html").read_text(encoding="utf-8"))
    loaded = re.findall(r"<(?:script|link|img)[^>]+(?:src|href)=\"?(https?://[^\" >]+)", page)
    assert not [each for each in loaded if "canonical" not in each], "nothing comes from the network"


def test_the_test_sees_a_broken_link(tmp_path: Path) -> None:
    config = site.lay_out(tmp_path / "docs")
    with (config.parent / "source/index.md").open("a") as page:
        page.write("[nowhere](nowhere.md)\n")
    import subprocess
    import sys

    argv = [sys.executable, "-m", "mkdocs", "build", "--strict", "-f", str(config)]
    assert subprocess.run(argv, capture_output=True, check=False).returncode


@pytest.mark.parametrize("name", ["README.md", "README.es.md", "docs/README.md"])
def test_links_of_what_is_no_part_of_the_site(name: str) -> None:
    page = TOP / name
    links = [link for link in LINK.findall(page.read_text(encoding="utf-8")) if "://" not in link]
    assert links and all((page.parent / link).exists() for link in links), links


@pytest.mark.parametrize("name", pictures.PICTURES)
def test_pictures_are_of_today(name: str) -> None:
    words = pictures.PICTURES[name]
    drawn = pictures.draw(" ".join(words[1:]), pictures.run(words))
    kept = (pictures.FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert kept == drawn, "python -m tests.pictures draws them anew"


@pytest.mark.parametrize("name", pictures.DRAWN)
def test_what_vdesk_draws_is_of_today(name: str) -> None:
    kept = (pictures.FOLDER / f"{name}.svg").read_text(encoding="utf-8")
    assert kept == pictures.run(pictures.DRAWN[name]), "python -m tests.pictures draws them anew"


def commands_in(text: str) -> list[str]:
    """The commands that a page types, in their order, and what it records."""
    blocks = re.findall(r"^```[a-z]*\n(.*?)^```", text, re.MULTILINE | re.DOTALL)
    typed = [line.partition("#")[0].strip() for block in blocks for line in block.splitlines()]
    return [*(line for line in typed if line), *re.findall(r"<!-- demo (.*) -->", text)]


@pytest.mark.parametrize(
    ("english", "spanish"), [("docs/tutorial.md", "docs/es/tutorial.md"), ("README.md", "README.es.md")]
)
def test_the_spanish_pages_walk_the_same_road(english: str, spanish: str) -> None:
    one, two = ((TOP / name).read_text(encoding="utf-8") for name in (english, spanish))
    assert commands_in(one) == commands_in(two)
    heads = [len(re.findall(r"^#+ ", text, re.MULTILINE)) for text in (one, two)]
    rows = [len(re.findall(r"^\| ", text, re.MULTILINE)) for text in (one, two)]
    assert heads[0] == heads[1] and rows[0] == rows[1]


def test_what_is_left_out_is_left_out(tmp_path: Path) -> None:
    site.lay_out(tmp_path / "docs")
    assert not (tmp_path / "docs/source/README.md").exists()
    shutil.rmtree(tmp_path / "docs")

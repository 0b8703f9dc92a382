import re
from pathlib import Path

import typer

from admin.cli import build_app

ROOT = Path(__file__).parents[1]


def _commands() -> list[str]:
    group = typer.main.get_command(build_app())
    names = []
    for name, command in group.commands.items():  # type: ignore[attr-defined]
        names += [f"{name} {sub}" for sub in getattr(command, "commands", {})] or [name]
    return names


def test_every_command_is_in_the_docs() -> None:
    """A command that README.md and docs/ do not name does not exist for a reader."""
    text = (ROOT / "README.md").read_text() + "".join(file.read_text() for file in (ROOT / "docs").glob("*.md"))
    assert [name for name in _commands() if f"cxr-triage {name}" not in text] == []


def test_every_relative_link_in_the_docs_leads_somewhere() -> None:
    """No dead links among our own files."""
    files = [ROOT / "README.md", ROOT / "CHANGELOG.md", *(ROOT / "docs").glob("*.md")]
    links = [(file, target) for file in files for target in re.findall(r"\]\(([^)#]+)[^)]*\)", file.read_text())]
    ours = [(file, target) for file, target in links if "://" not in target]
    assert [f"{file.name}: {target}" for file, target in ours if not (file.parent / target).exists()] == []


def test_the_readme_lists_no_page_twice() -> None:
    """Whoever adds a page looks whether it is there."""
    listed = re.findall(r"\]\((docs/[\w-]+\.md)\)", (ROOT / "README.md").read_text().partition("## Read on")[2])
    assert listed
    assert len(listed) == len(set(listed))


def test_the_docs_name_no_path_of_the_machine_they_were_written_on() -> None:
    """Readers have other folders."""
    files = [*ROOT.glob("*.md"), *(ROOT / "docs").glob("*.md"), *ROOT.glob("*/*.py"), ROOT / "Makefile"]
    assert [f.name for f in files if re.search(r"(?<![\w.])/(?:work|root|home)/\w", f.read_text())] == []


def test_every_make_target_that_the_docs_name_exists() -> None:
    """`make something` in the docs is in the Makefile."""
    targets = set(re.findall(r"^([a-z-]+):", (ROOT / "Makefile").read_text(), re.MULTILINE))
    text = (ROOT / "README.md").read_text() + "".join(file.read_text() for file in (ROOT / "docs").glob("*.md"))
    assert set(re.findall(r"`make ([a-z-]+)`", text)) <= targets

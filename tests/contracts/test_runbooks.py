"""Every alert, dead-letter reason and failure code has its entry in docs/runbooks, and no entry is left over."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from ingest_gateway import problems
from pipeline_runtime.failures import CATALOGUE, NOT_BY_ITSELF

ROOT = Path(__file__).parents[2]
RUNBOOKS = ROOT / "docs" / "runbooks"
ALERTS = ROOT / "deploy" / "prometheus" / "alerts.yml"
SLUG = re.compile(r"[a-z]+(_[a-z]+)+")
PARKING = {"Unreadable", "Bad", "park", "_park"}
"""What is called with a reason when a message cannot be read or stored."""
LINK = re.compile(r"\]\(([^)]+)\)")


def headings(name: str) -> list[str]:
    return re.findall(r"^## (\S+)$", (RUNBOOKS / name).read_text(), re.MULTILINE)


def rows(name: str) -> dict[str, list[str]]:
    """Code to the other cells, of every table row that begins with a code."""
    found = re.findall(r"^\| `(\w+)` \|(.+)\|$", (RUNBOOKS / name).read_text(), re.MULTILINE)
    table = {code: [cell.strip() for cell in rest.split("|")] for code, rest in found}
    assert len(table) == len(found), "a code has two rows"
    return table


def modules() -> Iterator[ast.Module]:
    for folder in ("libs", "services"):
        for path in (ROOT / folder).glob("*/src/**/*.py"):
            yield ast.parse(path.read_text())


def slugs(node: ast.AST) -> set[str]:
    """The slugs that an expression may be."""
    constants = {one.value for one in ast.walk(node) if isinstance(one, ast.Constant)}
    return {text for text in constants if isinstance(text, str) and SLUG.fullmatch(text)}


def reasons() -> set[str]:
    """Every dead-letter reason that the code can give."""
    found: set[str] = set()
    for module in modules():
        for node in ast.walk(module):
            if isinstance(node, ast.Call) and _name(node.func) in PARKING:
                found |= {slug for argument in node.args for slug in slugs(argument)}
            if isinstance(node, ast.Assign) and [_name(target) for target in node.targets] == ["reason"]:
                found |= slugs(node.value)
    return found


def _name(node: ast.AST) -> str:
    if isinstance(node, ast.Attribute):
        return node.attr
    return node.id if isinstance(node, ast.Name) else ""


def anchors(page: Path) -> set[str]:
    """How links name the headings of a page."""
    titles = re.findall(r"^#+ (.+)$", page.read_text(), re.MULTILINE)
    return {re.sub(r"[^\w -]", "", title.lower()).replace(" ", "-") for title in titles}


def test_every_dead_letter_reason_has_its_heading_and_no_heading_is_left_over() -> None:
    assert "nul_character" in reasons(), "reasons are no longer found in the code"
    assert sorted(headings("dead-letters.md")) == sorted(reasons())


def test_every_failure_code_has_its_row_and_no_row_is_left_over() -> None:
    assert list(rows("items.md")) == list(CATALOGUE)


def test_the_table_of_items_says_truly_what_is_tried_again_by_itself() -> None:
    told = {code: cells[1] for code, cells in rows("items.md").items()}
    assert told == {
        code: "yes" if problem.retryable and code not in NOT_BY_ITSELF else "no"
        for code, problem in CATALOGUE.items()
    }


def test_every_code_of_an_http_answer_has_its_row_with_its_status() -> None:
    answers = {line.code: line.status for line in vars(problems).values() if isinstance(line, problems.Answer)}
    people = dict.fromkeys(("invalid_email", "invalid_password"), 422)
    told = {code: int(cells[0]) for code, cells in rows("http.md").items()}
    assert told == answers | people


def test_every_alert_has_its_heading_and_no_heading_is_left_over() -> None:
    alerts = re.findall(r"^ *- alert: (\w+)$", ALERTS.read_text(), re.MULTILINE)
    assert headings("alerts.md") == alerts


def test_every_link_in_the_documents_leads_somewhere() -> None:
    for page in [*(ROOT / "docs").rglob("*.md"), ROOT / "CONTRIBUTING.md", ROOT / "CHANGELOG.md"]:
        for link in LINK.findall(page.read_text()):
            path, _, anchor = link.partition("#")
            if "://" in path:
                continue
            target = (page.parent / path) if path else page
            assert target.exists(), f"{page.name} links to {link}"
            if anchor:
                assert anchor in anchors(target), f"{page.name} links to {link}"

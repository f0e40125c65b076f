"""The rules' file of a node: its example, and what is refused with what was meant."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from voxlate.errors import UsageError
from voxlate.io.archive import connection_from
from voxlate.workflows.node.rules import load_rules

RULE = {"name": "a", "target": "t2", "send_to": "dicom://PACS@pacs:104"}


def write(folder: Path, **more: Any) -> Path:
    path = folder / "rules.yaml"
    path.write_text(yaml.safe_dump({"folder": "node", "accept": ["SCANNER"], "rules": [RULE], **more}))
    return path


def test_paths_count_from_the_file_and_names_are_canonical(tmp_path: Path) -> None:
    rule = {**RULE, "model": "run", "target": "T2w", "when": {"contrast": "T1w", "calling": "SCANNER"}}
    rules = load_rules(write(tmp_path, rules=[rule], accept="SCANNER", connection="/etc/c.yaml"))
    [found] = rules.rules
    assert (rules.folder, found.model, rules.connection) == (tmp_path / "node", tmp_path / "run", Path("/etc/c.yaml"))
    assert (found.target, found.when.contrast, found.when.calling) == ("t2", "t1", ("SCANNER",))
    assert (rules.accept, rules.identified, rules.bind) == (("SCANNER",), False, "127.0.0.1")


@pytest.mark.parametrize(
    ("more", "message"),
    [
        ({"quiet": 3}, "quiet: there is no such field. Did you mean quiet_s?"),
        ({"rules": [{**RULE, "sendto": "x"}]}, "rules.0.sendto: there is no such field. Did you mean send_to?"),
        ({"rules": [{**RULE, "when": {"modalty": "MR"}}]}, "Did you mean modality?"),
        ({"rules": [{**RULE, "when": {"modality": "CTT"}}]}, "Did you mean CT?"),
        ({"rules": [{**RULE, "target": "t22"}]}, "rules.0.target"),
        ({"rules": [{**RULE, "send_to": "dicom://PACS:secret@pacs:104"}]}, "an address without credentials"),
        ({"rules": [{**RULE, "name": "../x"}]}, "a name has lower-case letters, digits and hyphens"),
        ({"rules": [RULE, {**RULE}]}, "two rules called a"),
        ({"rules": []}, "at least one rule, and one AE title that is accepted"),
        ({"accept": []}, "at least one rule, and one AE title that is accepted"),
        ({"title": "A\\B"}, "an AE title has 1 to 16 characters"),
        ({"port": 70000}, "port: Input should be less than or equal to 65535"),
    ],
)
def test_what_is_wrong_is_named_with_what_was_meant(tmp_path: Path, more: dict[str, Any], message: str) -> None:
    with pytest.raises(UsageError) as error:
        load_rules(write(tmp_path, **more))
    assert message in str(error.value)
    assert "secret" not in str(error.value)


def test_the_example_of_the_documentation_is_valid(tmp_path: Path) -> None:
    page = (Path(__file__).parents[3] / "docs" / "do" / "dicom-node.md").read_text(encoding="utf-8")
    found = dict(re.findall(r"^```{code-block} yaml\n:caption: (\S+)\n\n(.*?)^```", page, re.MULTILINE | re.DOTALL))
    for name, text in found.items():
        (tmp_path / name).write_text(text)
    rules = load_rules(tmp_path / "rules.yaml")
    assert [rule.target for rule in rules.rules] == ["t2", "ct"]
    assert connection_from(rules.connection, {}).timeout_s == 20

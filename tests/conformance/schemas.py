"""The schemas that the reports must match: report.schema.json, which is shipped, and the strictest one of JUnit XML."""

import importlib.resources
import json
from pathlib import Path
from typing import Any

from lxml import etree

REPORT_SCHEMA: dict[str, Any] = json.loads(
    (importlib.resources.files("conformance.report") / "report.schema.json").read_text(encoding="utf-8")
)
JUNIT_XSD = etree.XMLSchema(etree.parse(Path(__file__).with_name("junit.xsd")))

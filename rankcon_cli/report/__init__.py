"""The OOD report: page, JSON document, tables and figures drawn from an ``OodResult``; knows no torch."""

from rankcon_cli.report.document import to_json_dict
from rankcon_cli.report.files import Written, check_free, write_report
from rankcon_cli.report.page import render_html

__all__ = ["Written", "check_free", "render_html", "to_json_dict", "write_report"]

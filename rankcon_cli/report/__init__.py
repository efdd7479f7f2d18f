"""The OOD report: the HTML page and the JSON document drawn from an ``OodResult``; knows no torch."""

from rankcon_cli.report.document import to_json_dict
from rankcon_cli.report.page import render_html, write_report

__all__ = ["render_html", "to_json_dict", "write_report"]

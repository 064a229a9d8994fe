"""What a reconciliation leaves behind: files for programs, a page for people, and the answer in the terminal."""

from tillbridge.reconcile.report.folder import write
from tillbridge.reconcile.report.page import report_html
from tillbridge.reconcile.report.rows import findings_csv, findings_json, unreadable_csv
from tillbridge.reconcile.report.summary import summary_json
from tillbridge.reconcile.report.terminal import summary_lines

__all__ = ["findings_csv", "findings_json", "report_html", "summary_json", "summary_lines", "unreadable_csv", "write"]

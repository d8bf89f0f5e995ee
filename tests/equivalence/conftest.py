"""Prints, at the end of a session, what was compared and what the default constraints cost."""

import pytest

from tests.equivalence import runs


def pytest_terminal_summary(terminalreporter: pytest.TerminalReporter) -> None:
    if runs.LINES:
        terminalreporter.section("encrypted scorecard against the pooled reference")
        terminalreporter.write_line(
            f"{'data':<17}{'partition':<27}{'card':<9}{'parties':>7}{'coefficients':>14}"
            f"{'released AUC':>14}{'reference':>11}{'difference':>12}{'seconds':>9}"
        )
        for line in runs.LINES.values():
            terminalreporter.write_line(
                f"{line.data:<17}{line.partition:<27}{line.card:<9}{line.n_parties:>7}"
                f"{line.largest:>14.1e}{line.released_auc:>14.6f}{line.reference_auc:>11.6f}"
                f"{abs(line.released_auc - line.reference_auc):>12.1e}{line.seconds:>9.1f}"
            )
    if runs.TREES:
        terminalreporter.section("trees of the parties' sums against scikit-learn (hold-out AUC)")
        terminalreporter.write_line(
            f"{'data':<28}{'parties':>7}{'federated':>12}{'scikit-learn':>14}{'difference':>12}"
        )
        for name, (n_parties, ours, theirs) in runs.TREES.items():
            terminalreporter.write_line(
                f"{name:<28}{n_parties:>7}{ours:>12.4f}{theirs:>14.4f}{ours - theirs:>12.4f}"
            )
    if runs.CONSTRAINTS:
        terminalreporter.section("what merging, monotone bins and signs cost (hold-out AUC)")
        terminalreporter.write_line(
            f"{'data':<17}{'baselines.md':>13}{'plain card':>12}{'default card':>14}{'cost':>9}"
        )
        for name, (bar, plain, default) in runs.CONSTRAINTS.items():
            terminalreporter.write_line(
                f"{name:<17}{bar:>13.4f}{plain:>12.4f}{default:>14.4f}{plain - default:>9.4f}"
            )

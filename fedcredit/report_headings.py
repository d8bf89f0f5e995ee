# ruff: noqa: RUF001
"""Which headings the two reports have under which regulation, and what stands under each.

A format arranges the same parts under the headings that its readers look for: ``sr26-2`` those of
the American agencies' guidance on model risk management, ``cn-loan`` those of the Chinese rules on
commercial banks' internet loans, ``eu-aia`` the articles of the European AI Act on high-risk
systems. A report is *structured after* a text; it does not quote it, and it is no opinion on
whether a model complies.

References
----------
SR 26-2 / OCC 2026-13, Revised Guidance on Model Risk Management, 2026.
商业银行互联网贷款管理暂行办法, 2020, 第三章 风险数据和风险模型管理.
Regulation (EU) 2024/1689, Annex III 5(b), articles 9 to 15 and 27.
"""

from typing import Literal

from fedcredit import development_headings, validation_headings
from fedcredit.report_section import Format, Section

Kind = Literal["development", "validation"]

NAMES: dict[Format, tuple[str, str]] = {
    "sr26-2": (
        "SR 26-2, Revised Guidance on Model Risk Management (United States)",
        "SR 26-2《模型风险管理指引（修订）》（美国）",
    ),
    "cn-loan": (
        "Interim Measures for Commercial Banks’ Internet Loans (China)",
        "《商业银行互联网贷款管理暂行办法》（中国）",
    ),
    "eu-aia": (
        "Artificial Intelligence Act, Annex III 5(b), articles 9–15 and 27 (European Union)",
        "《人工智能法》附件三第5(b)项、第9–15条和第27条（欧盟）",
    ),
}
"""Format -> the text that a report is structured after, in English and Chinese."""

SECTIONS: dict[Kind, dict[Format, tuple[Section, ...]]] = {
    "development": development_headings.SECTIONS,
    "validation": validation_headings.SECTIONS,
}
"""Report -> format -> its sections in order."""

PARTS: dict[Kind, tuple[str, ...]] = {
    "development": development_headings.PARTS,
    "validation": validation_headings.PARTS,
}
"""Report -> every part of it; each format has each of them once."""

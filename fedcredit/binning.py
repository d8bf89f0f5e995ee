"""The bins of a federation in a notebook: what `fedcredit_models` computes, with charts."""

from markupsafe import Markup

from fedcredit import bin_charts
from fedcredit_models.binning_set import Binning as Bins


class Binning(Bins):
    """Bins of several features: look at them, change them by hand, use them.

    Comes from `fedcredit.bin`, or from `from_json`. Everything but the charts is in
    `fedcredit_models.binning_set.Binning`.

    Examples
    --------
    >>> binning = fc.bin(federation, label="bad")  # doctest: +SKIP
    >>> binning.cut("income", [1000, 5000]).group("job", [["a", "b"], ["c"]])  # doctest: +SKIP
    >>> binning = fc.bin(federation, label="bad", binning=binning)  # doctest: +SKIP
    >>> fc.HorizontalJob(purpose="modelling", label="bad", binning=binning)  # doctest: +SKIP
    """

    def chart(self, name: str, *, fine: bool = False) -> Markup:
        """Return one feature's bins as one SVG element.

        Raises
        ------
        ValueError
            For a feature that is not here, or whose bins have no counts.
        """
        table = self.bins_of(name, fine=fine)
        if table is None:
            raise ValueError(f"the bins of {name} have no counts yet")
        return bin_charts.woe_chart(table)

    def _repr_html_(self) -> str:
        drawn = [self.chart(name) for name in self.names if name not in self.pending]
        parts = Markup("").join(drawn)
        table = Markup(
            self.table().to_html(
                index=False, na_rep="", border=0, escape=True, float_format="{:.6g}".format
            )
        )
        return Markup(
            '<div class="fc-bins"><style>{}</style><p><b>{}</b></p><div class="fc-row">{}{}</div>'
            "{}</div>"
        ).format(
            Markup(bin_charts.STYLE),
            repr(self).strip("<>"),
            bin_charts.iv_chart(self.iv(warn=False)),
            parts,
            table,
        )

"""The benchmark's report: a line a measure, with its floor and its budget, printed as soon as it is known."""


class Report:
    """Prints measures, and remembers which broke their budgets."""

    def __init__(self):
        self.broken = []
        print(f"{'what':<34} {'measured':>14} {'floor':>12} {'ratio':>7} {'budget':>12}  verdict", flush=True)

    def seconds(self, what, measured, floor, budget):
        """A time in seconds."""
        self.amount(what, measured, "s", floor, budget)

    def amount(self, what, measured, unit, floor, budget):
        """Any other amount, the less the better; `floor` and `budget` may be None, where nothing sets one."""
        over = None if budget is None else measured - budget
        self._line(what, measured, unit, floor, budget, "over by", over)

    def rate(self, what, measured, unit, floor, budget):
        """So much a second, the more the better: floor is what no program could pass here."""
        under = None if budget is None else budget - measured
        self._line(what, measured, unit, floor, budget, "short by", under)

    def _line(self, what, measured, unit, floor, budget, word, missing):
        digits = 3 if unit == "s" else 1
        show = lambda value: "-" if value is None else f"{value:.{digits}f} {unit}"
        ratio = f"{measured / floor:.2f}x" if floor else "-"
        verdict = "-" if missing is None else "met" if missing <= 0 else f"{word} {show(missing)}"
        if missing is not None and missing > 0:
            self.broken.append(what)
        print(f"{what:<34} {show(measured):>14} {show(floor):>12} {ratio:>7} {show(budget):>12}  {verdict}", flush=True)

    @staticmethod
    def note(text):
        """A line of detail."""
        print(f"    {text}", flush=True)

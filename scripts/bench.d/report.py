"""The benchmark's report: a line a measure, with its floor and its budget, printed as soon as it is known."""


class Report:
    """Prints measures, and remembers which broke their budgets."""

    def __init__(self):
        self.broken = []
        print(f"{'what':<34} {'measured':>12} {'floor':>10} {'ratio':>7} {'budget':>10}  verdict")

    def seconds(self, what, measured, floor, budget):
        """A time in seconds."""
        self.amount(what, measured, "s", floor, budget)

    def amount(self, what, measured, unit, floor, budget):
        """Any other amount; `floor` may be None, where no engine call sets one."""
        digits = 3 if unit == "s" else 1
        show = lambda value: "-" if value is None else f"{value:.{digits}f} {unit}"
        ratio = f"{measured / floor:.2f}x" if floor else "-"
        met = measured <= budget
        verdict = "met" if met else f"over by {measured - budget:.{digits}f} {unit}"
        if not met:
            self.broken.append(what)
        print(f"{what:<34} {show(measured):>12} {show(floor):>10} {ratio:>7} {show(budget):>10}  {verdict}", flush=True)

    @staticmethod
    def note(text):
        """A line of detail."""
        print(f"    {text}", flush=True)
